"""Routes about the work of a server: its jobs and flows."""
