"""Backups of a whole Postgres server: Postgres' own tools, a folder of backups, the WAL archive, and test restores."""
