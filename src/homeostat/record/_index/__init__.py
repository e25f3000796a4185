"""The SQL view over the logs, in SQLite or PostgreSQL."""
