"""The questions of the client form: what is asked, how it looks, what counts as an answer."""
