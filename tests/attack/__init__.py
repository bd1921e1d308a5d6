"""Attacks on the doors of a running portal: `python -m tests.attack` tries each and prints what came of it."""
