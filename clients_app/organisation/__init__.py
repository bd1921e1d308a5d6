"""An organisation and its own: people, API keys, own fields, and what Heffl asks."""
