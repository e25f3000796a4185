"""Slices: a metric on each part of the data, finding the weak ones, Simpson's paradox."""
