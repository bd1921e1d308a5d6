"""Breaks one guard of delivery in a worker process: the control of the crash suites."""
