"""Confidence: which predictions to act on, and which to leave to something or someone else."""
