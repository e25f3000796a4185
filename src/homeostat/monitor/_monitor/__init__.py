"""Monitor: all that is watched of a model, from frames of its rows."""
