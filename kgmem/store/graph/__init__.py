"""A graph in the database: its catalog, layout, labels, sources, records and property indexes."""
