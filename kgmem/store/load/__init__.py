"""Bulk imports: register, staging, COPY, deferred indexes and rollback."""
