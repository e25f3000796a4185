"""One column at a time: tests, distances, and both kinds of column together."""
