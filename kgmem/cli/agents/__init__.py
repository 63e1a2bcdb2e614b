"""Commands for what agents keep."""
