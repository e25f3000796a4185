"""Questions to the index, answered as frames."""
