"""Causes: which rows, features, slices and sources a change came from, and how much of it."""
