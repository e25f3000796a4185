"""The router: which arm of a plan answers whom."""
