"""What a model answers, and what comes of it."""
