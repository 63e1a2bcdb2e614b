"""Plays TCK scenarios on the real engine and a real Postgres, and judges what comes of them.

`python -m tests.tck_play` plays all of them and prints a table by category; its arguments choose by words in their
names. A scenario passes when each of its queries gives the rows expected, with their types and order, and changes what
it should and nothing else, or fails with the right type, phase and detail. What fails with another error, or though it
should not, is an error; what gives another result, or does not fail though it should, is wrong.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from kgmem.domain.errors import DatabaseUnavailable
from kgmem.domain.graph.graph import Graph
from kgmem.query.errors import CypherError
from kgmem.query.execution.limits import Limits
from kgmem.query.execution.procedures import Procedure
from kgmem.query.execution.statements import Engine, Result, StatementRequest
from kgmem.query.types import Field, ProcedureSignature, named
from kgmem.query.values.comparison import equals
from kgmem.store.cypher.graphs import PostgresGraphs
from kgmem.store.db.database import Database
from kgmem.store.db.sql import identifier
from kgmem.store.graph.catalog import PostgresCatalog
from tests import postgres, tck
from tests.tck_compare import same_rows
from tests.tck_state import State, state

PASS, WRONG, ERROR, CRASH = "pass", "wrong", "error", "crash"
_GRAPH = "tck"
_ANEW = 150  # Scenarios after which a graph is made anew, so that its labels do not become ever more.
_INDEX = ("item", "edge", "passage", "embedding_queue", "change", "history", "past_item", "past_edge", "past_passage")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a scenario, and why."""

    scenario: tck.Scenario
    outcome: str
    reason: str = ""


class Player:
    """Plays scenarios one after another on one graph, which it empties before each."""

    def __init__(self, database: Database) -> None:
        """Take a database that is migrated."""
        self.database = database
        self.catalog = PostgresCatalog(database, words=False)
        self._played = 0

    async def play(self, scenario: tck.Scenario) -> Verdict:
        """Play one scenario."""
        await self._reset()
        engine = Engine(PostgresGraphs(self.catalog), map(_procedure, scenario.procedures))
        given = tck.given_graphs().get(scenario.graph)
        try:
            for query in (*([given] if given else []), *scenario.setup):
                await self._run(engine, scenario, query)
        except DatabaseUnavailable as error:
            return Verdict(scenario, CRASH, str(error))
        except Exception as error:
            return Verdict(scenario, ERROR, f"preparing: {_told(error)}")
        for run in scenario.runs:
            outcome, reason = await self._judge(engine, scenario, run)
            if outcome != PASS:
                return Verdict(scenario, outcome, f"{reason}\n      {run.query}")
        return Verdict(scenario, PASS)

    async def _judge(self, engine: Engine, scenario: tck.Scenario, run: tck.Run) -> tuple[str, str]:
        before = await state(self.database, await self.catalog.layout(_GRAPH))
        result, error = None, None
        try:
            result = await self._run(engine, scenario, run.query)
        except DatabaseUnavailable as away:
            return CRASH, str(away)
        except Exception as raised:
            error = raised
        if isinstance(run.expected, tck.Failure):
            outcome, reason = _judge_error(run.expected, error)
            if outcome != PASS:
                return outcome, reason
            return _judge_effects(before, await state(self.database, await self.catalog.layout(_GRAPH)), {})
        if error is not None:
            return ERROR, _told(error)
        assert result is not None
        if run.expected is not None and not same_rows(result.columns, list(result.rows), run.expected):
            return WRONG, f"gave {result.columns} {list(result.rows)[:5]} and not {run.expected.rows[:5]}"
        if run.side_effects is not None:
            after = await state(self.database, await self.catalog.layout(_GRAPH))
            return _judge_effects(before, after, run.side_effects)
        return PASS, ""

    async def _run(self, engine: Engine, scenario: tck.Scenario, query: str) -> Result:
        limits = Limits(seconds=60)
        return await engine.run(StatementRequest(query, _GRAPH, scenario.parameters, writes=True, limits=limits))

    async def _reset(self) -> None:
        if self._played % _ANEW == 0:
            if self._played:
                await self.catalog.drop(_GRAPH)
            await self.catalog.create(Graph(_GRAPH))
        self._played += 1
        layout = await self.catalog.layout(_GRAPH)
        tables = [f"{identifier(layout.age_name)}.{name}" for name in ("_ag_label_vertex", "_ag_label_edge")]
        async with self.database.connection() as connection, connection.transaction():
            # A graph has tables for its history from its first change on.
            there = "SELECT tablename FROM pg_tables WHERE schemaname = $1 AND tablename = ANY ($2::name[])"
            rows = await connection.fetch(there, layout.index_name, list(_INDEX))
            tables += [f"{identifier(layout.index_name)}.{row['tablename']}" for row in rows]
            await connection.execute("SET LOCAL session_replication_role = replica")
            await connection.execute("; ".join(f"DELETE FROM {table}" for table in tables))


def _judge_error(expected: tck.Failure, error: Exception | None) -> tuple[str, str]:
    wanted = f"{expected.type} at {expected.phase}: {expected.detail}"
    if error is None:
        return WRONG, f"did not fail with {wanted}"
    if not isinstance(error, CypherError):
        return ERROR, f"failed with {_told(error)} and not {wanted}"
    right = (
        error.type == expected.type
        and expected.phase in {"any time", error.phase}
        and expected.detail in {"*", error.detail}
    )
    return (PASS, "") if right else (ERROR, f"failed with {_told(error)} and not {wanted}")


def _judge_effects(before: State, after: State, expected: dict[str, int]) -> tuple[str, str]:
    found = before.changes(after)
    if found == {name: count for name, count in expected.items() if count}:
        return PASS, ""
    return WRONG, f"changed {found} and not {expected}"


def _told(error: Exception) -> str:
    if isinstance(error, CypherError):
        return f"{error.type} at {error.phase}: {error.detail}: {error.problem}"
    return f"{type(error).__name__}: {str(error)[:300]}"


def _procedure(declared: tck.Procedure) -> Procedure:
    inputs = tuple(Field(each.name, named(each.type)) for each in declared.inputs)
    outputs = tuple(Field(each.name, named(each.type)) for each in declared.outputs)
    given = len(inputs)

    async def run(_run: Any, arguments: Sequence[Any]) -> Iterable[Sequence[Any]]:
        return [row[given:] for row in declared.rows if all(map(_fits, row[:given], arguments))]

    return Procedure(ProcedureSignature(declared.name, inputs, outputs), run)


def _fits(one: Any, other: Any) -> bool:
    return (one is None and other is None) or equals(one, other) is True


@asynccontextmanager
async def player(url: str) -> AsyncIterator[Player]:
    """A player on a database that is migrated."""
    async with Database(url, size=4, statement_timeout=60) as database:
        yield Player(database)


def table(verdicts: Sequence[Verdict]) -> str:
    """Return the table by category, and the line that sums it up."""
    by_category: dict[str, Counter[str]] = defaultdict(Counter)
    for verdict in verdicts:
        by_category[verdict.scenario.category][verdict.outcome] += 1
    lines = [f"{'category':44}{'all':>6}{'pass':>6}{'wrong':>7}{'error':>7}{'crash':>7}"]
    for category, counts in sorted(by_category.items()):
        lines.append(
            f"{category:44}{counts.total():6}{counts[PASS]:6}{counts[WRONG]:7}{counts[ERROR]:7}{counts[CRASH]:7}"
        )
    total = Counter(verdict.outcome for verdict in verdicts)
    lines.append(
        f"TCK: {total[PASS]} of {len(verdicts)} passed, {total[WRONG]} wrong, {total[ERROR]} errors, "
        f"{total[CRASH]} crashes"
    )
    return "\n".join(lines)


async def _play_all(url: str, chosen: Sequence[tck.Scenario], *, told: bool) -> list[Verdict]:
    verdicts = []
    async with player(url) as playing:
        for scenario in chosen:
            verdict = await playing.play(scenario)
            verdicts.append(verdict)
            if told and verdict.outcome != PASS:
                _say(f"{verdict.outcome.upper()}: {scenario}\n    {verdict.reason}")
    return verdicts


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """Play scenarios and print what came of them."""
    reader = argparse.ArgumentParser(description="Play the openCypher TCK on kgmem.")
    reader.add_argument("words", nargs="*", help="play only scenarios that have one of these in their names")
    reader.add_argument("--told", action="store_true", help="print what did not pass")
    asked = reader.parse_args()
    chosen = [each for each in tck.scenarios() if not asked.words or any(word in str(each) for word in asked.words)]
    began = time.monotonic()
    with postgres.running_server() as server, postgres.template_database(server) as template:

        async def play() -> list[Verdict]:
            async with postgres.cloned_database(server, template) as url:
                return await _play_all(url, chosen, told=asked.told)

        verdicts = asyncio.run(play())
    _say(f"{time.monotonic() - began:.0f} seconds")
    _say(table(verdicts))
    sys.exit(any(verdict.outcome == CRASH for verdict in verdicts))


if __name__ == "__main__":
    main()
