"""The HTTP face of a server: parse, validate, route, predict, log, answer."""
