"""The server: its processes, what they count, the route they follow, the arms they try."""
