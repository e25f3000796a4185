"""Interleaving: two or more rankings merged into the one that a user sees."""
