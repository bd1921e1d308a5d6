"""What each database needs of us: turns at SQLite's write lock, its file, and an outage told from a fault."""
