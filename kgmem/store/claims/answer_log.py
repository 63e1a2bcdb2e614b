"""What kgmem answered lately, as fingerprints: written soon after an answer, so that no recall waits for it."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

import asyncpg
import orjson

from kgmem.domain.claims.echoes import answered_fingerprints, asker_fingerprint, fact_fingerprint
from kgmem.domain.errors import KgmemError
from kgmem.domain.recall.answer import Hit
from kgmem.log import EventLog
from kgmem.store.db.sql import SQL
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.tasks import for_nobody

log = EventLog(__name__)

REMEMBERED: Final = 86_400.0  # Seconds for which an answer is remembered.
MOST: Final = 200_000  # Fingerprints that a graph remembers.
_PAUSE = 0.1  # Seconds between two writes, in which answers meet.
_WAITING = 1_000  # Answers that may wait to be written; of more the oldest are dropped.
_AGAIN = 600.0  # Seconds for which a process does not write the same again.
_KNOWN = 50_000  # Such answers that a process knows.
_TRIMMED_EVERY = 100  # Writes.


@dataclass(frozen=True, slots=True)
class _Answer:
    graph: str
    asker: int
    at: float
    hits: Sequence[Hit] = ()
    episodes: Sequence[int] = ()


class AnswerLog:
    """Answers on their way to the table `answered` of their graph."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self._catalog = catalog
        self._waiting: deque[_Answer] = deque(maxlen=_WAITING)
        self._written: dict[tuple[str, int, int], float] = {}
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._turns = count(1)

    def note(self, graph: str, hits: Sequence[Hit], askers: Sequence[tuple[str, str]]) -> None:
        """Note what was answered to whom; it is written soon."""
        if hits:
            for asker in askers:
                self._add(_Answer(graph, asker_fingerprint(*asker), time.monotonic(), hits))

    def note_writer(self, graph: str, episodes: Sequence[int], writer: tuple[str, str]) -> None:
        """Note who wrote episodes (ids) that name nobody who says so."""
        self._add(_Answer(graph, asker_fingerprint(*writer), time.monotonic(), episodes=episodes))

    async def flush(self) -> None:
        """Write what waits; an answer that cannot be written is forgotten."""
        async with self._lock:
            answers, self._waiting = list(self._waiting), deque(maxlen=_WAITING)
            for graph in dict.fromkeys(each.graph for each in answers):
                try:
                    await self._write(graph, [each for each in answers if each.graph == graph])
                except (KgmemError, asyncpg.PostgresError, OSError) as error:
                    log.debug("answers_not_noted", graph=graph, error=error)

    async def close(self) -> None:
        """Write what waits, and stop."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self.flush()

    def _add(self, answer: _Answer) -> None:
        self._waiting.append(answer)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._soon(), context=for_nobody())

    async def _soon(self) -> None:
        while self._waiting:
            await asyncio.sleep(_PAUSE)
            await self.flush()

    async def _write(self, graph: str, answers: Sequence[_Answer]) -> None:
        async with self._catalog.on(graph) as layout:
            if "claims" not in layout.subsystems.made:
                return  # Nothing is claimed that a later text could echo.
            now = time.monotonic()
            rows = [
                (fingerprint, each.asker, now - each.at)
                for each in answers
                for fingerprint in (_fingerprints(each))
                if self._is_new(graph, fingerprint, each)
            ]
            trimming = next(self._turns) % _TRIMMED_EVERY == 0

            async def work(connection: asyncpg.Connection) -> None:
                # What a crash may lose is the answers of the last moment.
                await connection.execute(SQL("SET LOCAL synchronous_commit = off"))
                if rows:
                    columns = map(list, zip(*rows, strict=True))
                    await connection.execute(layout.sql("claim_origins", "put_answered"), *columns, REMEMBERED)
                if trimming:
                    await connection.execute(layout.sql("claim_origins", "forget_answered"), REMEMBERED, MOST)

            if rows or trimming:
                await self._catalog.database.transact(work)

    def _is_new(self, graph: str, fingerprint: int, answer: _Answer) -> bool:
        place = (graph, fingerprint, answer.asker)
        if answer.at - self._written.get(place, float("-inf")) < _AGAIN:
            return False
        if len(self._written) >= _KNOWN:
            self._written.clear()
        self._written[place] = answer.at
        return True


def _fingerprints(answer: _Answer) -> set[int]:
    found = {asker_fingerprint("episode", str(id_)) for id_ in answer.episodes}
    for hit in answer.hits:
        if hit.text:
            found.update(answered_fingerprints(hit.text))
        if hit.name and hit.kind == "fact":
            found.update(answered_fingerprints(hit.name))
        if hit.start is not None and hit.end is not None and hit.label:
            found.add(fact_fingerprint(hit.start.key, hit.label, hit.end.key))
        if hit.kind == "entity":
            for name, value in hit.properties.items():
                found.add(fact_fingerprint(hit.key, name, orjson.dumps(value, default=str).decode()))
    return found
