"""Split tests: what arms differ by, and what may be said of it at any time."""
