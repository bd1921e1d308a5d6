"""Clients out of a file: the file, its columns, a dry run, and loading in chunks."""
