"""Which kind of shift it is, and what the model's performance is before outcomes come."""
