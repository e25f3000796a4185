"""Behavioural tests: change an input in a way whose effect is known, and look at the output."""
