"""Dimension reduction: what makes images, texts and time series short rows of numbers."""
