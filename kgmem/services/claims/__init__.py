"""Use cases of claims: state, verify, review, supersede and explain."""
