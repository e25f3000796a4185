"""The prediction log: what was answered, what came of it, and reading both."""
