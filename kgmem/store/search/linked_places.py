"""Places by links: an item without a point of its own stands where its links lead, in one step or two.

An event stands where it occurred, a part where the whole is. Links of containing kinds count (OCCURRED_AT, LOCATED_IN
and what a schema declares) and PART_OF, with their inverses. Nothing is stored: the query follows links from an item to
its places, or from places to what links to them, so that both clocks, scopes and ended links count as everywhere else.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from kgmem.domain.graph.scope import visible_from
from kgmem.domain.recall.question import Question, Where
from kgmem.store.db.sql import NOTHING, SQL, compose, fill, join, later, number
from kgmem.store.graph.layout import EDGE, Layout, learn_labels
from kgmem.store.search.prefilter import NARROW
from kgmem.store.search.request import Parameters

_PART_OF: Final = "PART_OF"
_RECHECKED: Final = 5.0  # Seconds after which labels that another process may have made are looked for again.
_NEAREST, _IN_POOL = 1000, 20_000  # Places from which links are followed backwards where there are more.
Holds = Callable[[SQL], SQL]


@dataclass(frozen=True, slots=True)
class LinkedPlaces:
    """SQL on the places by links of a row `i` of the item table without a point."""

    layout: Layout
    outward: SQL  # Numbers of the kinds whose links lead to the place from their start, and from their end.
    inward: SQL
    parts: SQL
    outward_holds: SQL
    inward_holds: SQL
    inverses: bool

    @property
    def places(self) -> SQL:
        """Return the query (id, place, via) of the points of a row `i`."""
        places = {"links": self._links(SQL("i.id")), "links_of_middle": self._links(SQL("m.id"))}
        return fill(self.layout.sql("linked_places", "places"), places)

    def also(self, condition: SQL) -> SQL:
        """Return a condition on the point of a row `i`, which then also holds where a place by links meets it."""
        return compose(
            "({condition} OR (i.place IS NULL AND EXISTS (SELECT FROM ({places}) i WHERE {condition})))",
            condition=condition,
            places=self.places,
        )

    def nearest(self, distance: SQL, condition: SQL) -> SQL:
        """Return the distance of a row `i`: of its point, or of the nearest place by links that meets a condition.

        A place by links counts as a metre further away, so that what is there itself comes first.
        """
        query = compose("SELECT min({}) + 0.001 FROM ({}) i WHERE {}", distance, self.places, condition)
        return compose("CASE WHEN i.place IS NOT NULL THEN {} ELSE ({}) END", distance, query)

    def reads(self, query: SQL) -> SQL:
        """Return a query for ids of places, with at least the ids of all items there by links."""
        places = {
            "query": compose("SELECT id FROM ({}) q LIMIT {}", query, number(NARROW + 1)),
            "linked_to": self._linked_to(SQL("p.id")),
            "linked_to_those": self._linked_to(SQL("o.id")),
        }
        return compose("{} UNION ALL {}", query, fill(self.layout.sql("linked_places", "led_to"), places))

    def near(self, distance: SQL, count: SQL, *, bounded: bool) -> SQL:
        """Return the query (item, km, stands) of items nearest to the spot by links, in large scopes."""
        name = "of_pool" if bounded else "of_nearest"
        left = later("wide", "filters", "stands", "most")
        anchors = {**left, "anchors": number(_IN_POOL if bounded else _NEAREST)}
        led = {
            "query": fill(self.layout.sql("linked_places", name), anchors),
            "linked_to": self._linked_to(SQL("p.id")),
            "linked_to_those": self._linked_to(SQL("o.id")),
        }
        places = {
            **left,
            "distance": distance,
            "count": count,
            "led_to": fill(self.layout.sql("linked_places", "led_to"), led),
        }
        return fill(self.layout.sql("linked_places", "near"), places)

    def _links(self, of: SQL) -> SQL:
        names = ("links", "inverse_links") if self.inverses else ("links",)
        places = {
            "of": of,
            "outward": self.outward,
            "inward": self.inward,
            "parts": self.parts,
            "outward_holds": self.outward_holds,
            "inward_holds": self.inward_holds,
        }
        return join(" UNION ALL ", (fill(self.layout.sql("linked_places", name), places) for name in names))

    def _linked_to(self, of: SQL) -> SQL:
        places = {"of": of, "outward": self.outward, "inward": self.inward}
        return fill(self.layout.sql("linked_places", "linked_to"), places)


def linked_places(layout: Layout, parameters: Parameters, holds: Holds) -> LinkedPlaces | None:
    """Return the places by links of a question; None where the graph has no links that lead to places.

    `holds` returns the condition, to be put after another, under which a link `e` of what is inside holds.
    """
    outward, inward = _kinds(layout)
    numbers = [_numbers(layout, names) for names in (outward, inward, [_PART_OF, *_inverses(layout, _PART_OF)])]
    if not numbers[0] and not numbers[1]:
        return None
    forth, back, parts = (parameters.add(each, "integer[]") for each in numbers)
    return LinkedPlaces(
        layout,
        forth,
        back,
        parts,
        outward_holds=holds(SQL("e.source")),
        inward_holds=holds(SQL("e.target")) if numbers[1] else NOTHING,
        inverses=bool(numbers[1]),
    )


async def learn_kinds(connection: asyncpg.Connection, layout: Layout, question: Question) -> None:
    """Look for kinds of links that another process has made, where a question about places may follow them."""
    if question.where == Where() or time.monotonic() - layout.kinds_checked < _RECHECKED:
        return
    layout.kinds_checked = time.monotonic()
    if any((EDGE, name) not in layout.labels for names in _kinds(layout) for name in names):
        await learn_labels(connection, layout)


async def placed_by(
    connection: asyncpg.Connection, linked: LinkedPlaces, ids: Sequence[int], scope: str, parameters: Parameters
) -> dict[int, list[str]]:
    """Return by which links items without a point stand where they do, such as "OCCURRED_AT -> launch-complex-34"."""
    layout = linked.layout
    paths = parameters.add(list(visible_from(scope)), "text[]")
    told = {"ids": parameters.add(list(ids), "bigint[]"), "places": linked.places}
    seen = fill(layout.sql("recall", "scopes_seen"), {"paths": paths})
    sql = compose("WITH RECURSIVE {} {}", seen, fill(layout.sql("linked_places", "told"), told))
    found: dict[int, list[str]] = defaultdict(list)
    for row in await connection.fetch(parameters.complete(sql), *parameters.values):
        kinds = [layout.by_id[kind].name for kind in row["via"][::2]]
        steps = (f"{kind} -> {key}" for kind, key in zip(kinds, row["keys"], strict=True))
        found[row["item"]].append(", ".join(steps))
    return found


def _kinds(layout: Layout) -> tuple[list[str], list[str]]:
    """Return the names of the kinds that lead to a place, and of their inverses."""
    kinds = layout.schema().kinds.values()
    outward = [kind.name for kind in kinds if kind.containment] + [_PART_OF]
    inward = [kind.inverse for kind in kinds if kind.containment and kind.inverse] + _inverses(layout, _PART_OF)
    return outward, inward


def _inverses(layout: Layout, name: str) -> list[str]:
    return [kind.inverse for kind in layout.schema().kinds.values() if kind.name == name and kind.inverse]


def _numbers(layout: Layout, names: Sequence[str]) -> list[int]:
    return [layout.labels[EDGE, name].id for name in dict.fromkeys(names) if (EDGE, name) in layout.labels]
