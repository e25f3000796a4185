"""Rollouts that decide: stages, guards, evidence, decisions, and what drives them."""
