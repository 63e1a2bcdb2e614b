"""Formats: bytes to records and back, without a database."""
