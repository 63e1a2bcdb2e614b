"""Relationships that are staged for a load."""

from typing import Any

from kgmem.domain.graph.relationship import Relationship
from kgmem.store.graph.records import plain_fields
from kgmem.store.load.copy_load import origins_at, staged, stated_properties


def relationship_at(row: Any) -> Relationship:
    """Return the relationship that a staged row states."""
    stored = staged(row)
    told = {
        "start": row["start_key"],
        "end": row["end_key"],
        "properties": stated_properties(stored, row["removed"], "relationship"),
        "derived_from": origins_at(row),
        **{name: row[name] for name in ("kind", "key", "source", "scope")},
    }
    return Relationship(**{**plain_fields(stored, "relationship"), **told})
