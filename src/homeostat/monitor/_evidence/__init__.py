"""Evidence over windows, and the alarms that it raises."""
