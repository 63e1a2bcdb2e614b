"""Legal holds and retention rules."""
