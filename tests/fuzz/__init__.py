"""Asks a running portal what no browser would ask: `python -m tests.fuzz`, or `make fuzz`.

What it sends grows out of requests that the portal's own pages make, so that it comes
through to the views: real forms with real tokens, signed in as each role, bent in one to
four places. A number and a seed make a request, whoever sends it and in which order.
"""
