"""How a client comes in: stored once with everything that follows from it, doubles noticed."""
