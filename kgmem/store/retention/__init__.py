"""Legal holds and retention rules in Postgres."""
