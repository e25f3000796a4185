"""Bandits: arms that are chosen more often the better they do, and what may be concluded."""
