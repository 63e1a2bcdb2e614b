"""docs/import-export.md: its commands run in their order, and its table says of every format what it is."""

import io
import json
import re
import shlex
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from kgmem.domain.claims.claim import Source
from kgmem.domain.claims.records import BELIEF_KINDS, BeliefKind, BeliefRecord
from kgmem.domain.graph.embedding import WhichVectors
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.formats.records import Located, ReadOptions, Record, kind_of
from kgmem.formats.registry import FORMATS, format_of
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from tests.cli import Command
from tests.fakes import FakeCatalog, FakeStore, fake_memory
from tests.files import by_kind

TEXT = (Path(__file__).parents[2] / "docs" / "import-export.md").read_text()
COMMANDS = re.findall(r"^    kgmem (.+)$", TEXT, re.MULTILINE)
TABLE = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TEXT[TEXT.index("| | `--format` |") :].split("\n\n")[0].splitlines()[2:]
]
FILES = {
    "persons-header.csv": ":ID,name\n",
    "persons-1.csv": "p1,Pia\n",
    "persons-2.csv.gz": "p2,Per\n",
    "orders.csv": "id|town\n1|Linz\n",
    "shop.toml": '[[table]]\ndelimiter = "|"\n[[table.entity]]\nkey = "Order:{id}"\n',
    "persons.csv": "personId:ID(Person),name,:LABEL\n1,Keanu,Person\n2,Carrie,Person\n",
    "roles.csv": ":START_ID(Person),:END_ID(Person),:TYPE\n1,2,MET\n",
    "neo4j.json": '{"type":"node","id":"7","labels":["City"],"properties":{"name":"Bern"}}\n',
    "people.ttl": '<http://example.org/ada> <http://example.org/born> "1815" .\n',
    "exported/nodes.csv": "key\nx\ny\n",
    "exported/edges.jsonl": '{"type":"relationship","kind":"K","from":"x","to":"y"}\n',
    "exported/README.txt": "What this is.",
}
IRI = "http://example.org/"
TERM = f"<{IRI}s> <{IRI}p> <<( <{IRI}a> <{IRI}b> <{IRI}c> )>> .\n".encode()
BELIEFS = {
    "claims", "adjudications", "facts", "correlations", "learned trust", "merges", "pairs", "agent states",
    "versions of agent states", "retention rules of agents", "sessions", "roles and tool calls of messages",
    "memory blocks", "versions of memory blocks",
    "subscriptions",
    "feedback on hits",
    "publications",
    "runs of distillation",
    "allowances",
    "tiers",
    "records of the ledger",
    "retention rules",
}  # fmt: skip
DIRECTED = f'<{IRI}s> <{IRI}q> "x"@en--ltr .\n'.encode()


def two_tables() -> Iterator[tuple[str, str]]:
    """The tables of people and of whom they know, which stand side by side."""
    lines = re.findall(
        r"^    (.+?)  {3,}(\S.*)$", TEXT[TEXT.index("which its first line determines:") :], re.MULTILINE
    )[:3]
    for name, column in zip(("people.csv", "knows.csv"), zip(*lines, strict=True), strict=True):
        yield name, "\n".join(column) + "\n"


@pytest.mark.long
def test_its_commands_do_what_it_says(kgmem: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exported").mkdir()
    talks = "\n".join(re.findall(r'^    (\{"type".*)$', TEXT, re.MULTILINE)) + "\n"
    for name, text in [*FILES.items(), *two_tables(), ("talks.jsonl.gz", talks)]:
        (tmp_path / name).write_text(text)
    for command in COMMANDS:
        if "bolt://" in command:
            continue  # tests/acceptance/test_cli_neo4j.py does it.
        number = ""
        if " ID" in command:
            known = kgmem("imports", "list", "--graph", "team", "--json").json
            number = str(next(each["id"] for each in known if each["created"]))
        done = kgmem(*shlex.split(command.replace(" ID", f" {number}")))
        assert done.code == 0, (command, done)
        if command.startswith("import ") and "exported/" in command:
            assert "README.txt" in done.err
    assert (tmp_path / "people.csv").read_text().startswith("key,label,")
    exported = {path.stem for path in (tmp_path / "exported").glob("*.parquet")}
    assert exported == {"sources", "nodes", "relationships", "episodes", "claims", "facts"}  # NASA states a flight.


def everything() -> Sequence[Record]:
    """Records that say all that a record may say, and what RDF alone has."""
    of_rdf = [
        found.record
        for data in (TERM, DIRECTED)
        for read in [format_of("x.nt").read]
        if read is not None
        for found in read(io.BytesIO(data), ReadOptions())
        if isinstance(found, Located)
    ]
    times: dict[str, Any] = {"valid_from": "1990", "valid_to": "2000"}
    properties = {"123": 1, "map": {"a": [1, None]}, "none": None, "odd": "\x01", "list": [1, "a"]}
    return by_kind(
        [
            Source("nasa", "NASA", trust=0.9),
            Source(IRI + "graph"),
            *of_rdf,
            Entity(IRI + "a", "P", properties=properties, place=parse_place([1, 2]), text="T", source="nasa", **times),
            Entity(IRI + "bare"),
            Entity("b", embedding=[0.5, 1.5], source=IRI + "graph", scope="user/1"),
            Relationship("K", "b", IRI + "a", text="t", strength=0.5, confidence=0.5, source="nasa"),
            Relationship(IRI + "123", IRI + "a", "b", **times),
            Episode("Text.", "e", mentions=["b"]),
        ]
    )


def believed() -> Sequence[BeliefRecord]:
    """A record of each kind that tells what a graph believes."""
    at = "2026-01-01T00:00:00Z"
    told: dict[BeliefKind, dict[str, Any]] = {
        "claim": {"source": "nasa", "subject": "b", "predicate": "height", "value": 3},
        "adjudication": {"action": "accept", "by": "ann", "at": at, "subject": "b", "predicate": "height"},
        "fact": {"subject": "b", "predicate": "height", "facts": [{"value": 3}]},
        "correlation": {"relation": "exclusion", "detail": {"topics": []}},
        "trust": {"of": "source", "source": "nasa", "trust": 0.5, "detail": {}},
        "merge": {"keep": "b", "gone": "c", "at": at},
        "pair": {"one": "b", "other": "c", "decided": "different"},
        "agent_state": {"agent": "scout", "name": "plan", "last": 1},
        "agent_state_version": {
            "agent": "scout",
            "name": "plan",
            "version": 1,
            "at": at,
            "media_type": "application/json",
            "size": 2,
            "sha256": "0" * 64,
            "data": "AAAA",
        },
        "agent_retention": {"agent": "scout", "rules": [{"within_seconds": 60}]},
        "session": {"id": "chat", "opened": at, "last": 1, "messages": 1},
        "session_message": {
            "session": "chat",
            "seq": 1,
            "id": "m1",
            "episode": "chat/m1",
            "tokens": 1,
            "at": at,
            "digest": "0" * 32,
            "sent": {"role": "user", "content": "Hi", "occurred_at": at},
        },
        "memory_block": {"name": "persona", "last": 1, "versions": 1},
        "memory_block_version": {"block": "persona", "version": 1, "at": at, "limit": 10},
        "subscription": {"subscription": "news", "what": "scope"},
        "feedback": {"item": "entity", "key": "b", "verdict": "useful", "at": at},
        "distillation": {
            "state": "undone",
            "trigger": "operator",
            "share": 0.3,
            "threshold": 0.98,
            "started": at,
            "bytes": [1, 1],
            "groups": [],
        },
        "allowance": {"closed_sessions": True},
        "tier": {"of": "items", "item": "entity", "tier": "hot", "pinned": True, "keys": ["a"]},
        "ledger_record": {"seq": 1, "previous": "0", "hash": "1", "content": "{}"},
        "retention_rule": {"rule": "old", "covers": "graph", "clock": "written", "then": "forget"},
        "publication": {"publication": "text", "key": "n", "scope": "a", "to": "b", "by": "a", "reason": "r", "at": at},
    }
    return [BeliefRecord(kind, told[kind]) for kind in BELIEF_KINDS]


class Everything(FakeStore):
    """A store that gives all that a record may say, and what the graph believes."""

    async def export(
        self, graph: str, scope: str | None, embeddings: WhichVectors = "none", **more: object
    ) -> AsyncGenerator[Sequence[Any], None]:
        for _, page in groupby([*everything(), *believed()], kind_of):
            yield list(page)


async def lost(name: str) -> set[str]:
    """What an export in a format leaves out of everything, in the words of the table."""
    catalog = FakeCatalog()
    memory = fake_memory(graphs=catalog, store=Everything(catalog))
    await memory.graphs.create("main")
    done = await memory.exports.write("main", io.BytesIO(), ExportOptions(format=name))
    words = {what for what, count in done.lost.items() if count}
    assert words.isdisjoint(BELIEFS) or words >= BELIEFS  # All of them, or none.
    return words if words.isdisjoint(BELIEFS) else (words - BELIEFS) | {"claims and the like"}


def left_out() -> Mapping[str, set[str]]:
    """Name of a format -> what the table says that it leaves out."""
    found: dict[str, set[str]] = {}
    before: set[str] = set()
    for row in TABLE:
        told = re.sub(r"^(all but [^:]+|the same, and|as [^:]+, and): ", r"\1: ", row[5])
        head, colon, rest = told.rpartition(": ")
        words = {word for word in rest.split("; ") if word not in {"", "nothing"}}
        if colon and head == "the same, and":
            words |= before
        elif colon and head.startswith("as "):
            words |= found[{"N-Quads": "nquads", "Turtle": "turtle"}[head.removeprefix("as ").removesuffix(", and")]]
        before = words
        found |= dict.fromkeys(re.findall(r"`([^`]+)`", row[1]), words)
    return found


def test_the_table_has_every_format_with_its_files_and_directions() -> None:
    rows = {name: row for row in TABLE for name in re.findall(r"`([^`]+)`", row[1])}
    assert set(rows) == set(FORMATS)
    for name, row in rows.items():
        format_ = format_of("", name)
        ends = re.findall(r"`([^`]+)`", row[2])
        assert set(format_.extensions) <= set(ends), name
        assert row[3:5] == ["yes" if format_.read else "-", "yes" if format_.writer or format_.parts else "-"], name


async def test_exports_hold_the_embeddings_that_were_given(memory: Memory) -> None:
    await memory.graphs.create("main")
    await memory.entities.put("main", [Entity("a", embedding=[0.5] * 384)])
    for which, held in (("given", True), ("all", True), ("none", False)):
        stream = io.BytesIO()
        await memory.exports.write("main", stream, ExportOptions(format="jsonl", embeddings=which))  # type: ignore[arg-type]
        shape = json.loads(stream.getvalue())
        assert ("embedding" in shape) is held
        assert held is False or len(shape["embedding"]) == 384


@pytest.mark.parametrize("name", [name for name in FORMATS if (f := format_of("", name)).writer or f.parts])
async def test_the_table_says_what_a_format_leaves_out(name: str) -> None:
    assert left_out()[name] == await lost(name)
