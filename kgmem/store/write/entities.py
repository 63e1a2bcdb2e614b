"""Statements of entities, as they are written to vertices."""

from hashlib import blake2b
from operator import attrgetter

import numpy as np

from kgmem.domain.fields import fields_of
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.statement import DEFAULT_LABEL
from kgmem.store.graph.layout import Layout
from kgmem.store.graph.records import encoded
from kgmem.store.write import claims_from_entities
from kgmem.store.write.rows import entity_row
from kgmem.store.write.vertices import Statement

# All that a statement says, but for its vector.
_SAID_NAMES = [field.name for field in fields_of(Entity) if field.role == "value" and field.type != "vector"]
_SAID, _PLACE = attrgetter(*_SAID_NAMES), _SAID_NAMES.index("place")


def entity_statement(layout: Layout, entity: Entity) -> Statement:
    """Return the statement of an entity, which merges into what is stored of it."""
    return Statement(
        scope=entity.scope,
        key=entity.key,
        label=entity.label or DEFAULT_LABEL,
        relabels=entity.label is not None,
        merge=lambda held: claims_from_entities.merged(layout, held, entity),
        row=entity_row,
        content_hash=_content_hash(entity),
        source=entity.source,
        version=entity.version,
        vector=entity.embedding,
    )


def _content_hash(entity: Entity) -> int:
    said = list(_SAID(entity))
    if entity.place is not None:
        said[_PLACE] = entity.place.geometry
    told = encoded(said)
    vector = np.asarray(entity.embedding, dtype=np.float32).tobytes() if entity.embedding is not None else b""
    return int.from_bytes(blake2b(told + vector, digest_size=8).digest(), "big", signed=True)
