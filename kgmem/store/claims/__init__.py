"""Claims: storage, consensus over them, verdicts on facts and adjudications."""
