"""Whether two descriptions are of one thing: blocking, comparison, evidence, decision. No database, no model."""
