"""The event log: frames in files, being written, read, sealed and compacted."""
