"""Kernel tests: MMD and its relatives, in whole and on streams."""
