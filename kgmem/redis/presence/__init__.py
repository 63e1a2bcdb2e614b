"""Presence and activity in Redis, which tells at once who comes and leaves."""
