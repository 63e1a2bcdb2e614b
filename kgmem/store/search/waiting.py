"""Passages that wait for vectors, and whose work they are."""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from kgmem.domain.agents.decision import LABEL as DECISION_LABEL
from kgmem.domain.graph.embedding import WaitingPassage
from kgmem.domain.graph.statement import EPISODE_LABEL
from kgmem.store.graph.layout import Layout, know_labels, label_id
from kgmem.store.graph.stored_properties import read_vertices

# Items that may name a session, and an agent: they are in the properties of these labels only.
_NAMING: Final = frozenset({EPISODE_LABEL, DECISION_LABEL})
_WORK: Final = ("session", "agent")


async def waiting_passages(
    connection: asyncpg.Connection, layout: Layout, rows: Sequence[Any]
) -> Sequence[WaitingPassage]:
    """Return passages with the session and the agent that their episode or decision names."""
    await know_labels(connection, layout, {row["item"] for row in rows})
    named = sorted({row["item"] for row in rows if _name(layout, row["item"]) in _NAMING})
    stored = await read_vertices(connection, layout, named) if named else {}
    return [
        WaitingPassage(row["id"], row["body"], row["scope"], *(_text(stored.get(row["item"]), of) for of in _WORK))
        for row in rows
    ]


def _name(layout: Layout, item: int) -> str | None:
    label = layout.by_id.get(label_id(item))
    return None if label is None else label.name


def _text(properties: Any, name: str) -> str | None:
    value = properties.get(name) if isinstance(properties, dict) else None
    return value if isinstance(value, str) else None
