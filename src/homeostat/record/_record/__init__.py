"""The record as one class: what it is asked and told, a module a subject."""
