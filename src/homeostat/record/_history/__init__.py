"""The points of runs as columns, and their pyramids."""
