"""What the tests of imports share: files made of records, and graphs compared by what they say."""

import dataclasses
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from kgmem.domain.graph.graph import Change
from kgmem.formats.kgmem.jsonl import dump
from kgmem.formats.records import Record
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportResult
from tests.memories import feed_settled, index_schema, query

_HELD = {"id": None, "version": None, "known_from": None, "extract": False}


def lines(*records: dict[str, Any]) -> io.BytesIO:
    """Return a stream of JSON lines."""
    return io.BytesIO(b"".join(orjson.dumps(record) + b"\n" for record in records))


def write_lines(path: Path, records: Iterable[dict[str, Any]]) -> Path:
    """Write a file of JSON lines."""
    with path.open("wb") as file:
        file.writelines(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records)
    return path


def statement(record: Record) -> Record:
    """Return a held record without what only the store knows."""
    known = {field.name for field in dataclasses.fields(record)}
    return dataclasses.replace(record, **{name: value for name, value in _HELD.items() if name in known})


async def contents(memory: Memory, graph: str) -> list[bytes]:
    """Return all that a graph says, as lines in an order of their own."""
    return sorted([dump(statement(record)) async for record in memory.exports.items(graph)])


async def assert_same_contents(memory: Memory, graph: str, other: str) -> None:
    """Compare what two graphs say; shows only where they differ."""
    held, others = await contents(memory, graph), await contents(memory, other)
    first, second = [line for line in held if line not in others], [line for line in others if line not in held]
    assert first == second, f"{graph} says {first}, {other} says {second}"
    assert len(held) == len(others), "something is said twice"


def adds_up(result: ImportResult) -> bool:
    """Say whether the counts of an import add up."""
    stored = result.created + result.updated + result.unchanged
    return result.read == stored + result.checked + result.rejected


def counts(result: ImportResult) -> dict[str, Any]:
    """Return the counts of an import."""
    names = ("read", "created", "updated", "unchanged", "rejected", "kinds")
    return {name: getattr(result, name) for name in names}


async def assert_changes_tell_all(memory: Memory, graph: str) -> None:
    """Follow the change feed from its beginning: it has to end with just what the graph holds."""
    schema = await index_schema(memory, graph)
    await feed_settled(memory, graph)
    feed: list[Change] = []
    while changes := await memory.graphs.changes(graph, after=feed[-1].id if feed else 0, limit=1000):
        feed.extend(changes)
    (last,) = await query(memory, f"SELECT count(*) AS changes FROM {schema}.change")
    assert len(feed) == last["changes"]
    told: set[int] = set()
    for change in feed:
        if change.kind in {"entity", "episode", "relationship"}:
            # What moves to another label is told as deleted, and under its new id as updated.
            assert change.operation != "created" or told.isdisjoint(change.ids), f"{change} tells what was told"
            assert change.operation != "deleted" or told.issuperset(change.ids), f"{change} of what is not known"
            told = told - set(change.ids) if change.operation == "deleted" else told | set(change.ids)
    held = {row["id"] for table in ("item", "edge") for row in await query(memory, f"SELECT id FROM {schema}.{table}")}
    assert told == held, f"told and not held: {told - held}; held and not told: {held - told}"
