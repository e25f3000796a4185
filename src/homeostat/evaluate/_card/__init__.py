"""Model cards: what a model is, how it was judged, and what became of it, from the findings."""
