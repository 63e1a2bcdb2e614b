"""A backend for tests of the Bolt server: it answers what a query names, and remembers what it was asked."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kgmem.bolt.backend import Credentials, Row, Summary, TransactionOptions
from kgmem.domain.errors import InvalidInput, NotFound, Unauthenticated
from kgmem.query.errors import CypherError


@dataclass
class Rows:
    """Rows that are there, or that are counted up."""

    fields: Sequence[str]
    rows: list[Row]
    told: Summary = field(default_factory=Summary)
    taken: int = 0

    async def take(self, most: int) -> tuple[Sequence[Row], bool]:
        end = len(self.rows) if most < 0 else min(len(self.rows), self.taken + most)
        given = self.rows[self.taken : end]
        self.taken = end
        return given, end < len(self.rows)

    async def summary(self) -> Summary:
        return self.told


@dataclass
class Transaction:
    backend: "Backend"
    asked: TransactionOptions
    database: str

    async def run(self, query: str, parameters: Mapping[str, Any]) -> Rows:
        """Answer ECHO with the parameters, GIVE with the values, COUNT with numbers; WAIT waits, others are wrong."""
        self.backend.queries.append((query, dict(parameters)))
        result = await self._answer(query, parameters)
        self.backend.results.append(result)
        return result

    async def _answer(self, query: str, parameters: Mapping[str, Any]) -> Rows:
        word = query.split(maxsplit=1)[0]
        if word == "ECHO":
            return Rows(list(parameters), [list(parameters.values())])
        if word == "GIVE":
            return Rows(["value"], [[value] for value in self.backend.values])
        if word == "COUNT":
            return Rows(["n"], [[n] for n in range(parameters["n"])], Summary("rw", {"nodes-created": 1}))
        if word == "WAIT":
            self.backend.waiting.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.backend.stopped += 1
                raise
        if word == "BREAK":
            raise ZeroDivisionError
        raise CypherError("InvalidSyntax", f"{word!r} is no clause.", query=query, at=0)

    async def commit(self) -> str:
        self.backend.committed += 1
        return f"kgmem:{self.backend.committed}"

    async def rollback(self) -> None:
        self.backend.rolled_back += 1
        self.backend.forgotten.set()


@dataclass
class Backend:
    """Lets in who says `secret`; has the databases neo4j and other."""

    agent: str = "Neo4j/5.26.0"
    values: list[Any] = field(default_factory=list)
    queries: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    began: list[TransactionOptions] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    forgotten: asyncio.Event = field(default_factory=asyncio.Event)
    results: list[Rows] = field(default_factory=list)
    committed: int = 0
    rolled_back: int = 0
    stopped: int = 0
    revoked: bool = False
    watchers: list[Callable[[], None]] = field(default_factory=list)
    identity: str = "its key"

    async def authenticate(self, credentials: Credentials, address: str | None = None) -> "Backend":
        if credentials.secret != "secret":
            raise Unauthenticated("The key is not known.", hint="Make one with kgmem key create.")
        return self

    async def home(self, database: str | None) -> str:
        if database not in (None, "neo4j", "other"):
            raise NotFound(f"There is no graph {database}.")
        return database or "neo4j"

    async def begin(self, asked: TransactionOptions, *, alone: bool) -> Transaction:
        if any(not bookmark.startswith("kgmem:") for bookmark in asked.bookmarks):
            raise InvalidInput("The bookmark is none of kgmem's.", detail="InvalidBookmark")
        self.began.append(asked)
        return Transaction(self, asked, await self.home(asked.database))

    def spend(self) -> None:
        return

    async def check(self) -> None:
        if self.revoked:
            raise Unauthenticated("The key is no longer valid.")

    def watch(self, ended: Callable[[], None]) -> Callable[[], None]:
        self.watchers.append(ended)
        return lambda: self.watchers.remove(ended)

    def element_id(self, node: int) -> str:
        return f"n{node}"

    def report(self, error: Exception, connection: str) -> None:
        self.errors.append(error)
