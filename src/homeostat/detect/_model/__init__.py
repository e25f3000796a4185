"""Detectors that learn a model, or look at what a model says."""
