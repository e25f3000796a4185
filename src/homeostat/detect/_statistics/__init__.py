"""Statistics of two samples beside each other, each with its sampling error."""
