"""Django's backend for PostgreSQL, whose web threads share their connections."""
