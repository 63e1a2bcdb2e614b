"""Texts: documents, what extraction finds in them, and entity resolution."""
