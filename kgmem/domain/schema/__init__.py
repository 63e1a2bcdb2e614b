"""Graph schemas: labels, relationship types, property types and indexes."""
