"""The events of a graph, read from its change feed in the order of its ids.

Changes of one item bear their ids in the order in which they were made, since who changes an item holds its lock. But
an id is given before the commit, so that a smaller one may appear later. `EventLog.settled` returns up to which id that
cannot happen any more: it notes the newest id together with a transaction that began after all which have ids up to it,
and waits until all transactions before that one have ended.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import asyncpg

from kgmem.domain.claims.consensus import FactState
from kgmem.domain.errors import CursorExpired
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.subscriptions.event import Event, Noun, Position
from kgmem.domain.subscriptions.subscription import Subscription
from kgmem.domain.time.interval import iso
from kgmem.store.claims.verdict_writer import STATE_OF
from kgmem.store.graph.labels import borne
from kgmem.store.graph.layout import Layout

FILE: Final = "subscriptions"
LONGEST_STRETCH: Final = 2_000  # Items of the feed that are looked at in one statement.
_MOST_GRAPHS: Final = 1_000  # Whose marks a process keeps.
_VERBS: Final = {1: "created", 2: "updated", 3: "deleted"}
_DECISION: Final = "Decision"
_RETRACTED: Final = "retracted"


class _Mark(NamedTuple):
    newest: int
    until: int


@dataclass(slots=True)
class _Progress:
    """Up to which change a graph is settled, and the mark that shows the next such place."""

    settled: int = 0
    mark: _Mark | None = None


class EventLog:
    """Reads events. What it keeps of a graph only spares work: another process finds the same order by itself."""

    def __init__(self) -> None:
        """Know of no graph."""
        self._graphs: OrderedDict[tuple[str, str], _Progress] = OrderedDict()

    async def settled(self, connection: asyncpg.Connection, layout: Layout, after: Position) -> int:
        """Return up to which change no other can appear any more. Must run outside of a transaction.

        Raises CursorExpired where events behind `after` are not kept any more.
        """
        progress = self._progress(layout)
        row = await connection.fetchrow(layout.sql(FILE, "ends"))
        newest = row["newest"] or 0
        _check(after, row["oldest"], newest)
        if newest < progress.settled:  # The graph was emptied, or an older state of the database came back.
            progress.settled, progress.mark = 0, None
        self._settle(progress, row["below"])
        if progress.mark is None and newest > progress.settled:
            noted = await connection.fetchrow(layout.sql(FILE, "mark"))
            progress.mark = _Mark(noted["newest"] or 0, noted["until"])
            row = await connection.fetchrow(layout.sql(FILE, "ends"))
            self._settle(progress, row["below"])
        return progress.settled

    async def stretch(
        self,
        connection: asyncpg.Connection,
        layout: Layout,
        subscription: Subscription,
        bounds: tuple[Position, int],
        size: int,
    ) -> tuple[list[Event], Position]:
        """Return the events in the scopes of a subscription of the next items, and where they end; in one snapshot.

        `bounds`: behind which position, and up to which change.
        """
        after, until = bounds
        asked = (after.change, after.place, until, size)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            last = await connection.fetchrow(layout.sql(FILE, "last_entry"), *asked)
            if last is None:
                return [], max(after, Position(until))
            visible = list(visible_from(subscription.scope))
            rows = await connection.fetch(
                layout.sql(FILE, "events"), *asked, visible, subscription.below, subscription.scope
            )
        full = last["count"] == size
        return [event_of(row) for row in rows], Position(last["change"], last["place"]) if full else Position(until)

    def _progress(self, layout: Layout) -> _Progress:
        key = (layout.index_name, layout.graph.name)
        progress = self._graphs.setdefault(key, _Progress())
        self._graphs.move_to_end(key)
        if len(self._graphs) > _MOST_GRAPHS:
            self._graphs.popitem(last=False)
        return progress

    @staticmethod
    def _settle(progress: _Progress, below: int) -> None:
        if progress.mark is not None and progress.mark.until <= below:
            progress.settled = max(progress.settled, progress.mark.newest)
            progress.mark = None


def _check(after: Position, oldest: int | None, newest: int) -> None:
    if after.change > newest or (after.change > 0 and oldest is not None and after.change < oldest - 1):
        raise CursorExpired(
            f"The graph does not keep the events behind the cursor {after}.",
            hint='Read the current state of what you follow, then go on from "now" or set the group to the beginning.',
            oldest=str(Position((oldest or 1) - 1)),
        )


def event_of(row: Any) -> Event:
    """Return the event that a row of the feed tells."""
    labels = _labels(row)
    noun = _noun(row, labels)
    state = _state(row["word"]) if noun == "fact" and row["operation"] < 3 else None
    before = _state(STATE_OF[row["before"]]) if row["before"] is not None else None
    verb = state or _VERBS[row["operation"]]
    if noun == "claim":
        verb = "created" if row["operation"] == 1 else "withdrawn"
    keys = row["entities"] if row["entities"] is not None else [row["name"]] if row["name"] is not None else []
    return Event(
        id=str(Position(row["change"], row["place"])), at=iso(row["at"]), kind=f"{noun}.{verb}", item=row["item"],
        scope=row["path"], key=row["name"], labels=labels, entities=tuple(dict.fromkeys(keys)), state=state,
        previous_state=before, source=row["source"], by=row["by"],
    )  # fmt: skip


def _noun(row: Any, labels: Sequence[str]) -> Noun:
    if row["kind"] == 1:
        return "decision" if _DECISION in labels else "entity"
    if row["kind"] == 2:
        return "message" if row["message"] else "episode"
    nouns: dict[int, Noun] = {3: "relationship", 5: "claim", 6: "fact"}
    return nouns[row["kind"]]


def _labels(row: Any) -> tuple[str, ...]:
    if row["kind"] <= 2:
        return tuple(each for each in borne(row["label"] or "", row["labels"]) if each)
    return (row["label"],) if row["label"] else ()


def _state(state: str) -> str:
    return _RETRACTED if state == FactState.INVALIDATED.value else state
