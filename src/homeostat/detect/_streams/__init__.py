"""Streams: detectors that are fed row by row and tell a change when it comes."""
