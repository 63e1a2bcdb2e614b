"""Background jobs, API keys and metrics."""
