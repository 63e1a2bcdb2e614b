"""Entity resolution: names, merge candidates, merges and their rollback."""
