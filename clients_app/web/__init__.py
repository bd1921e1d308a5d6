"""What a request says of itself: the id of its log lines, and the kind of its body."""
