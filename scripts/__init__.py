"""What the Makefile runs. Only prepare.py, a child of run.py, loads Django."""
