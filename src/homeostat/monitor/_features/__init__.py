"""Which features have moved, which are broken, and what that does to the loss."""
