"""Faces that other tools know: their clients, their files."""
