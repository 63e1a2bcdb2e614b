"""Backups: what one is, which are kept, and which part of the write-ahead log they need."""
