"""Use cases of texts: remember, extract, resolve, merge and forget."""
