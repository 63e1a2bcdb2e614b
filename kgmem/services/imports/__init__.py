"""Use cases of imports and exports."""
