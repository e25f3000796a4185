"""Artifacts, the content store below them, and what leads from one to another."""
