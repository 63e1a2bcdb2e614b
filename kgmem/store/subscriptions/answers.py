"""Followed answers in the tables of each graph: which may have changed, and what is stored of an evaluation."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.errors import CursorExpired
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.recall.question import Question
from kgmem.domain.recall.question_record import question_of
from kgmem.domain.subscriptions.answer import Evaluation, Followed, FollowedAnswer, Moment
from kgmem.domain.subscriptions.event import BEGINNING, Event, Position
from kgmem.domain.subscriptions.subscription import (
    EventFilter,
    Scorers,
    Subscription,
    SubscriptionAddress,
    no_subscription,
)
from kgmem.domain.time.interval import iso
from kgmem.store.db.sql import SQL
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import Layout, scope_ids
from kgmem.store.subscriptions import answer_log, questions
from kgmem.store.subscriptions.answer_log import FILE
from kgmem.store.subscriptions.event_log import EventLog
from kgmem.store.subscriptions.subscriptions import PostgresSubscriptions

_READS: Final = ("answers", "subscriptions", "history", "claims", "sessions", "expiry")
_GRAPHS: Final = SQL("SELECT name FROM kgmem.graph WHERE 'answers' = ANY (subsystems) ORDER BY name")
_PAUSE: Final = 1.0  # Seconds between looks of the job at the changes that concern one answer.
_CALM: Final = 30.0  # Seconds that changes wait which cannot enter an answer; ranks may follow from them all the same.
_LONGEST: Final = 900.0  # Seconds after which an answer is evaluated, whatever has changed.
_VECTORS: Final = 2.0  # Seconds until texts that wait for their vectors are looked for again.
_DATED: Final = 20_000  # Items with a time, beyond which the next time is not looked for.
_STRETCH: Final = 500  # Changed items that are looked at; more are a reason to evaluate.
_MARGIN: Final = 0.1  # Of relevance, by which fusion may rank otherwise.
_WITHOUT_TEXT: Final = ("claim.", "fact.")


class PostgresAnswers:
    """Answers that subscriptions follow. An evaluation is stored under a version, so that one of several wins."""

    def __init__(self, catalog: PostgresCatalog, subscriptions: PostgresSubscriptions) -> None:
        """Take the catalog, which knows the database, and what reads events."""
        self.catalog = catalog
        self.database = catalog.database
        self._subscriptions = subscriptions
        self._log = EventLog()

    async def graphs(self) -> Sequence[str]:
        """Return the graphs in which answers are followed."""
        async with self.database.connection() as connection:
            return [row["name"] for row in await connection.fetch(_GRAPHS)]

    async def is_due(self, graph: str) -> bool:
        """Return whether an answer of a graph may have changed since it was evaluated."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            return bool(await connection.fetchval(layout.sql(FILE, "is_due"), _PAUSE))

    async def due(self, graph: str, limit: int) -> Sequence[int]:
        """Return subscriptions whose answers may have changed, the longest waiting first."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql(FILE, "due"), _PAUSE, limit)
        return [row["subscription"] for row in rows]

    async def number_of(self, graph: str, scope: str, name: str) -> int | None:
        """Return the number of a subscription by its name; None where it follows no answer."""
        async with self.catalog.on(graph, reads=("answers",)) as layout:
            if "answers" not in layout.subsystems.made:
                return None
            async with self.database.connection() as connection:
                return await _number(connection, layout, scope, name)

    async def moment(self, graph: str, scope: str) -> Moment:
        """Return up to which change a graph can be read, and when the passing of time may change an answer."""
        async with self.catalog.on(graph, reads=_READS) as layout:
            settled = await self._subscriptions.settled(layout)
            async with self.database.connection() as connection:
                return await _moment(connection, layout, scope, settled)

    async def followed(self, graph: str, subscription: int, scorers: Scorers, *, eager: bool) -> Followed | None:
        """Return an answer to evaluate; None where nothing that its scope sees has changed.

        Unless `eager`, what cannot enter the answer waits for some seconds, so that such changes share an evaluation.
        """
        async with self.catalog.on(graph, reads=_READS) as layout:
            settled = await self._subscriptions.settled(layout)
            async with self.database.connection() as connection:
                row = await connection.fetchrow(layout.sql(FILE, "get"), subscription)
                if row is None:
                    return None
                question = _question(row)
                is_due = row["is_due"] or (eager and row["waits"])
                events = None if is_due else await self._changed(connection, layout, row, settled)
                if events == []:
                    if settled > row["change"]:
                        await connection.execute(layout.sql(FILE, "look"), subscription, settled)
                    return None
                waits = not eager and events is not None and row["age"] < _CALM
                if waits and not await _could_enter(connection, layout, (row, question, events or ()), scorers):
                    await connection.execute(layout.sql(FILE, "look"), subscription, None)
                    return None
                moment = await _moment(connection, layout, row["path"], settled)
        return Followed(subscription, question, row["version"], moment)

    async def record(self, graph: str, followed: Followed, evaluation: Evaluation) -> bool:
        """Store an evaluation and the events that it means, in one transaction; False where another came first."""
        async with self.catalog.on(graph, reads=_READS) as layout:
            number = await self.database.transact(
                lambda c: answer_log.store(c, layout, followed.subscription, followed.version, evaluation)
            )
        return number is not None

    async def answer(self, graph: str, address: SubscriptionAddress) -> FollowedAnswer:
        """Return an answer as it was evaluated last. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            number = await _number(connection, layout, address.scope, address.name)
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                row = await connection.fetchrow(layout.sql(FILE, "state"), number)
                if row is None:
                    raise no_subscription(address)
                items = await answer_log.items_of(connection, layout, number or 0)
        evaluated = iso(row["evaluated"]) if row["evaluated"] is not None else None
        return FollowedAnswer(items, str(Position(row["number"])), evaluated, row["problem"])

    async def hurry(self, graph: str, scope: str) -> None:
        """Make the answers of scopes that see this one due, since something beside the feed has changed."""
        async with self.catalog.on(graph, reads=("answers",)) as layout:
            if "answers" in layout.subsystems.made:
                async with self.database.connection() as connection:
                    await connection.execute(layout.sql(FILE, "hurry"), scope)

    async def _changed(
        self, connection: asyncpg.Connection, layout: Layout, row: Any, settled: int
    ) -> Sequence[Event] | None:
        """Return the events that the answer's scope sees since it was evaluated; None where there are many."""
        seen = Subscription("", row["path"], "scope", EventFilter(), below=False, start="", created_at="", author=None)
        after, found, looked = Position(row["change"]), list[Event](), 0
        if after >= Position(settled):
            return []
        try:
            await self._log.settled(connection, layout, after if row["change"] else BEGINNING)
        except CursorExpired:
            return None
        while looked < _STRETCH:
            events, end = await self._log.stretch(connection, layout, seen, (after, settled), _STRETCH)
            found += events
            if end >= Position(settled):
                return found
            after, looked = end, looked + (len(events) or 1)
        return None


async def _could_enter(
    connection: asyncpg.Connection, layout: Layout, of: tuple[Any, Question, Sequence[Event]], scorers: Scorers
) -> bool:
    """Return whether changed items may be among the best now, or were so: by their texts, words and vectors.

    A text that still waits for its vector is judged by its words.
    """
    row, question, events = of
    text, items = question.what.text, {each.item for each in events if not each.kind.startswith(_WITHOUT_TEXT)}
    rated = [each for each in row["relevances"] if each is not None]
    if text is None or len(row["ids"]) < question.k or len(rated) < len(row["ids"]) or items & set(row["ids"]):
        return True
    if not items:
        return False
    scorer = await scorers(layout.graph.name, text)
    best = await questions.best_of(connection, layout, scorer, sorted(items))
    return best >= float(min(rated)) - _MARGIN


async def _moment(connection: asyncpg.Connection, layout: Layout, scope: str, settled: int) -> Moment:
    row = await connection.fetchrow(layout.sql(FILE, "waits"), list(visible_from(scope)), _LONGEST, _DATED)
    return Moment(settled, min(row["again"], _VECTORS) if row["waits"] else row["again"], row["waits"])


async def _number(connection: asyncpg.Connection, layout: Layout, scope: str, name: str) -> int | None:
    scopes = await scope_ids(connection, layout, [scope], make=False)
    number: int | None = await connection.fetchval(layout.sql(FILE, "number_of"), scopes.get(scope, -1), name)
    return number


def _question(row: Any) -> Question:
    return replace(question_of(orjson.loads(row["question"])), scope=row["path"])
