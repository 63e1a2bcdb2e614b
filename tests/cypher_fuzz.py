"""Sends random Cypher, valid and broken, to the engine and a real Postgres, and tells what came of it.

`python -m tests.cypher_fuzz --count 100000` does it at length. A query may be answered, refused with an error that
has a place in it, or stopped at its time. Anything else is a finding: another error, more time than it was given, a
database that went away, an answer that AGE does not give. Queries that write run in transactions that are undone, but
for one in twenty, which is kept.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from kgmem.domain.cypher import CypherQuery
from kgmem.domain.errors import Conflict, DatabaseUnavailable, TimedOut
from kgmem.domain.graph.graph import Graph
from kgmem.query.answers import GraphCypher
from kgmem.query.errors import CypherError
from kgmem.query.execution.limits import Limits
from kgmem.store.cypher.graphs import PostgresGraphs
from kgmem.store.db.database import Database
from kgmem.store.graph.catalog import PostgresCatalog
from tests import postgres
from tests.memories import cypher, other_client
from tests.query_grammar import PARAMETERS, random_query

GRAPH = "fuzz"
SECONDS = 2.0  # That a query may take;
GRACE = 10.0  # and that a busy machine may add before it is told to hang.
_ANEW = 2000  # Queries after which the graph is made anew, so that it stays small.
_SEED = """
UNWIND range(1, 8) AS n
CREATE (a:A {num: n, name: 'n' + n, list: [n, n + 1]}), (b:B:`Long Label` {num: n % 3, `my key`: 'b c'}),
       (:Match {end: n})
CREATE (a)-[:R {num: n}]->(b), (b)-[:KNOWS {num: n % 2}]->(a), (a)-[:`a type`]->(a)
"""
_SCRAPS = (
    "",
    "",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "'",
    '"',
    "`",
    "-",
    ">",
    "$",
    "..",
    "*",
    "=",
    "|",
    ":",
    "\\",
    "\0",
    "/*",
)
_SCRAPS += (" WHERE ", " RETURN ", " null ", " 9223372036854775808 ", " 1/0 ", "é", "\U0001f600", " WITH ", " NOT ")
_COMPARED = ("<", "<=", ">", ">=", "=", "<>")


@dataclass(slots=True)
class Findings:
    """What became of the queries, by kind; and those that are findings."""

    outcomes: Counter[str] = field(default_factory=Counter)
    found: list[tuple[str, str]] = field(default_factory=list)
    slowest: float = 0.0

    def note(self, outcome: str, query: str, *, bad: bool = False) -> None:
        """Count an outcome, and keep the query where it is a finding."""
        self.outcomes[outcome] += 1
        if bad:
            self.found.append((outcome, query))


class Fuzzer:
    """Sends queries one after another to one graph."""

    def __init__(self, database: Database, url: str, seed: int) -> None:
        """Take a database that is migrated."""
        self._catalog = PostgresCatalog(database, words=False)
        self._cypher = GraphCypher(PostgresGraphs(self._catalog), limits=Limits(seconds=SECONDS, rows=50_000))
        self._url = url
        self._random = Random(seed)
        self.findings = Findings()

    async def begin(self) -> None:
        """Make the graph anew."""
        if any(graph.name == GRAPH for graph in await self._catalog.list()):
            await self._catalog.drop(GRAPH)
        await self._catalog.create(Graph(GRAPH))
        await self._cypher.run(GRAPH, CypherQuery(_SEED, mode="write"))

    async def one(self) -> None:
        """Send one query."""
        writes = self._random.random() < 0.5
        query = random_query(self._random, writes=writes)
        broken = self._random.random() < 0.3
        if broken:
            query = self._broken(query)
        started = time.monotonic()
        try:
            await self._send(query, writes=writes)
            self.findings.note("answered", query)
        except CypherError as error:
            self.findings.note(f"refused: {error.type}", query, bad=not 0 <= error.at <= len(query))
        except TimedOut:
            self.findings.note("stopped at its time", query)
        except Conflict:
            self.findings.note("conflict", query, bad=True)
        except DatabaseUnavailable as error:
            self.findings.note(f"CRASH: {error}", query, bad=True)
        except Exception as error:
            self.findings.note(f"{type(error).__name__}: {str(error)[:300]}", query, bad=True)
        took = time.monotonic() - started
        self.findings.slowest = max(self.findings.slowest, took)
        if took > SECONDS + GRACE:
            self.findings.note(f"took {took:.0f} s", query, bad=True)

    async def _send(self, query: str, *, writes: bool) -> None:
        asked = CypherQuery(query, PARAMETERS, "write" if writes else "read")
        if not writes or self._random.random() < 0.05:
            await self._cypher.run(GRAPH, asked)
        else:
            async with self._cypher.transaction(GRAPH, mode="write", scope=None) as transaction:
                await transaction.run(asked)

    def _broken(self, query: str) -> str:
        for _ in range(self._random.randint(1, 3)):
            start = self._random.randint(0, len(query))
            end = self._random.randint(start, min(len(query), start + 6))
            query = query[:start] + self._random.choice(_SCRAPS) + query[end:]
        return query

    async def compare(self, count: int) -> None:
        """Ask AGE the same of what both can answer, and it without harm: patterns of one direction, whole numbers.

        Left out are names that AGE cannot have, such as that of a type with a space, and two comparisons of one
        property: AGE 1.8 finds nothing for a.num >= 1 AND a.num <= 1.
        """
        async with other_client(self._url) as client:
            for _ in range(count):
                query, columns = self._plain()
                theirs = sorted(map(str, await cypher(client, GRAPH, query, columns)))
                answer = await self._cypher.run(GRAPH, CypherQuery(query))
                ours = sorted(str([_agtype(value) for value in row]) for row in answer.rows)
                outcome = "as AGE" if ours == theirs else f"not as AGE: {ours[:5]} and not {theirs[:5]}"
                self.findings.note(outcome, query, bad=ours != theirs)

    def _plain(self) -> tuple[str, int]:
        choose = self._random.choice
        names = ["a"]
        pattern = f"(a{choose(('', ':A', ':B', ':Match'))})"
        for name in ("b", "c")[: choose((0, 1, 1, 2))]:
            kind, there = choose(("", ":R", ":KNOWS")), choose((True, False))
            link = f"-[r{name}{kind}]->" if there else f"<-[r{name}{kind}]-"
            pattern += f"{link}({name}{choose(('', '', ':A', ':B'))})"
            names.append(name)
        held = [f"{name}.num" for name in names] + [f"r{name}.num" for name in names[1:]]
        subjects = self._random.sample(held, min(choose((0, 1, 2)), len(held)))
        tests = [f"{each} {choose(_COMPARED)} {choose((*held, '1', '2', '5'))}" for each in subjects]
        where = f" WHERE {choose((' AND ', ' OR ')).join(tests)}" if tests else ""
        if choose((True, False)):
            return f"MATCH {pattern}{where} RETURN count(*) AS x, max({choose(held)}) AS y", 2
        return f"MATCH {pattern}{where} RETURN {choose(held)} AS x, {choose(held)} AS y", 2


def _agtype(value: Any) -> str | None:
    return None if value is None else str(value)


@asynccontextmanager
async def fuzzer(url: str, seed: int = 0) -> AsyncIterator[Fuzzer]:
    """A fuzzer on a database that is migrated."""
    async with Database(url, size=4, statement_timeout=SECONDS) as database:
        fuzzing = Fuzzer(database, url, seed)
        await fuzzing.begin()
        yield fuzzing


async def _fuzz(url: str, count: int, seed: int, compared: int) -> Findings:
    began = time.monotonic()
    async with fuzzer(url, seed) as fuzzing:
        await fuzzing.compare(compared)
        told = _tell(fuzzing.findings, 0)
        for n in range(1, count + 1):
            await fuzzing.one()
            if n % _ANEW == 0:
                await fuzzing.begin()
                _say(f"{n} queries, {time.monotonic() - began:.0f} s")
            told = _tell(fuzzing.findings, told)
        return fuzzing.findings


def _tell(findings: Findings, told: int) -> int:
    """Print the findings from a number on, and give their number."""
    for outcome, query in findings.found[told:]:
        _say(f"FOUND {outcome}\n    {query!r}")
    return len(findings.found)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """Send so many queries, and print what came of them."""
    reader = argparse.ArgumentParser(description="Send random Cypher to kgmem.")
    reader.add_argument("--count", type=int, default=100_000, help="how many queries")
    reader.add_argument("--compared", type=int, default=1000, help="how many of which AGE is asked as well")
    reader.add_argument("--seed", type=int, default=1)
    asked = reader.parse_args()
    with postgres.running_server() as server, postgres.template_database(server) as template:

        async def fuzz() -> Findings:
            async with postgres.cloned_database(server, template) as url:
                return await _fuzz(url, asked.count, asked.seed, asked.compared)

        findings = asyncio.run(fuzz())
    for outcome, count in findings.outcomes.most_common(40):
        _say(f"{count:8}  {outcome}")
    _say(f"FUZZ: {asked.count} queries, {len(findings.found)} findings, the slowest took {findings.slowest:.1f} s")
    sys.exit(bool(findings.found))


if __name__ == "__main__":
    main()
