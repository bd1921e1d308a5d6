"""What a person decides: one client at a time, or from the queue."""
