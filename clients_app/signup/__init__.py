"""The organisation's public page: what it asks, what strangers send, what they are told."""
