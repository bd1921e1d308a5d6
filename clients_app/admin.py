"""The site operator's view at /admin/: read-only, and without any key material."""
