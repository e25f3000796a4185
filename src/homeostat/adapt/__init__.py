"""The adapt room."""
