"""What templates need besides the tags of Django."""
