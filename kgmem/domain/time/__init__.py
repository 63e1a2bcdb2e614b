"""Times: instants, intervals, Allen's relations, and times in a text."""
