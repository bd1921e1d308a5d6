"""Arabic as written in the Emirates."""
