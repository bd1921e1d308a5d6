"""Heffl Portal: takes a business's clients into Heffl, once each."""
