"""What ran: code, packages, seeds, and the files that were read."""
