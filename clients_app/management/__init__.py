"""What an operator types: one command a module, under `manage.py`."""
