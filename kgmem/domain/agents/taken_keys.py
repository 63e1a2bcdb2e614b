"""Decisions of a file whose keys other decisions have, and the relationships that belong to them."""

import re
from collections.abc import Mapping
from typing import Any, Final

from kgmem.domain.agents.decision import LABEL
from kgmem.domain.errors import Conflict
from kgmem.domain.graph.entity import Entity

# As services name the relationships of a decision: after its key.
_OF_DECISION: Final = re.compile(r"(.+)/(evidence/\d+/(\d+|cause)|caused/\d+)", re.ASCII | re.DOTALL)


def check_same_decision(held: Mapping[str, Any] | None, entity: Entity) -> Entity:
    """Return an entity that is stored under a key already. Raises Conflict where both are decisions, and differ."""
    stated = entity.properties.get("content_hash") if entity.label == LABEL else None
    known = (held or {}).get("content_hash")
    if stated is not None and known is not None and stated != known:
        raise key_taken(entity.key, entity.scope)
    return entity


def key_taken(key: str, scope: str) -> Conflict:
    """Return the error for a decision whose key another one has."""
    where = f" in the scope {scope!r}" if scope else ""
    return Conflict(
        f"The key {key!r} is that of another decision here{where}.",
        hint="Import it into a scope of its own, or give one of the two decisions another key.",
    )


def decision_of(start: str, end: str, key: str | None) -> str | None:
    """Return the key of the decision that a relationship belongs to by its own key and ends; None for any other."""
    named = _OF_DECISION.fullmatch(key or "")
    return named[1] if named and named[1] in {start, end} else None


def orphaned(decision: str) -> str:
    """Return why a relationship of a decision that was rejected is not taken."""
    return f"It belongs to the decision {decision!r}, which was rejected, since another one has its key."
