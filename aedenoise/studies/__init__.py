"""What the command line does, mode by mode: each takes values, writes files, returns results."""
