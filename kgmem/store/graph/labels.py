"""Which labels a node bears: that of its table, or others that its properties name.

AGE puts the table into the id, and an id lasts as long as the node. So a node stays in the table of its first label.
Its reserved property `labels` names further labels. When it no longer bears the label of its table, the property begins
with an empty text, and its main label (empty for none) comes next, then further ones. The index has the same in
`item.labels`, and SQL tells the main label by `labels[1] = ''`.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import asyncpg

from kgmem.store.graph.layout import Layout, label_id

NO_LABEL = ""  # The name under which kgmem registers the table of nodes that have no label of their own.
_LEFT = ""  # The first of the `labels` of a node that does not bear the label of its table.


def borne(table: str, stored: Any) -> tuple[str, ...]:
    """Return the main label of a node, which may be empty, and its further ones; `stored` is its property `labels`."""
    names = [each for each in stored if isinstance(each, str)] if isinstance(stored, list) else []
    main = table
    if names[:1] == [_LEFT]:
        main = names[1] if len(names) > 1 else NO_LABEL
        names = names[2:]
    return (main, *dict.fromkeys(each for each in names if each and each != main))


def as_stated(table: str, stored: Any) -> tuple[str, Any]:
    """Return the main label of a node, and its further ones as they were stated (None for none)."""
    if isinstance(stored, list) and is_left(stored):
        main, *further = borne(table, stored)
        return main, further or None
    return table, stored or None


def main_label(table: str, properties: Mapping[str, Any]) -> str:
    """Return the main label of a node by the label of its table and its stored properties."""
    return borne(table, properties.get("labels"))[0]


def stored_labels(table: str, labels: Sequence[str]) -> list[str]:
    """Return what is stored as the property `labels` of a node in a table that bears these, the main one first."""
    named = [each for each in labels if each]
    if table in {NO_LABEL, *named}:
        return [each for each in named if each != table]
    return [_LEFT, *(named or [NO_LABEL])]


def relabelled(table: str, properties: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Return the stored properties of a node that has got another main label; its former one does not stay."""
    labels = stored_labels(table, (label, *borne(table, properties.get("labels"))[1:]))
    others = {name: value for name, value in properties.items() if name != "labels"}
    return {**others, "labels": labels} if labels else others


def with_further(properties: Mapping[str, Any], further: Sequence[str]) -> list[str]:
    """What is stored as the property `labels` of a node that gets other further labels, and keeps its main one."""
    held = properties.get("labels")
    kept = held[:2] if isinstance(held, list) and held[:1] == [_LEFT] else []
    return [*kept, *further]


def is_left(labels: Sequence[Any]) -> bool:
    """Whether stored labels say that a node does not bear the label of its table."""
    return list(labels[:1]) == [_LEFT]


async def main_labels(connection: asyncpg.Connection, layout: Layout, ids: Collection[int]) -> dict[int, str]:
    """The main labels of nodes by id, as the index holds them; those of labels that are not known are missing."""
    found = {id_: layout.by_id[label_id(id_)].name for id_ in ids if label_id(id_) in layout.by_id}
    rows = await connection.fetch(layout.sql("read", "main_labels"), list(found))
    return found | {row["id"]: row["label"] for row in rows}
