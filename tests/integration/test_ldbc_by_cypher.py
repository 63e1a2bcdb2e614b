"""LDBC's social network, loaded by Cypher alone: UNWIND, MATCH and MERGE over rows of texts, as its loaders do."""

import csv
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kgmem.memory import Memory
from tests.cypher import asked, rows
from tests.data import members

BATCH = 2_000  # Rows of one query.
# Nodes with a second label, as the files tell it: places and organisations have a type, messages are one kind of thing.
SECOND = {"Place": "SET n:$(r.type)", "Organisation": "SET n:$(r.type)", "Post": "SET n:Message"}
NODES = ["TagClass", "Tag", "Place", "Organisation", "Person", "Forum", "Post", "Comment"]
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def table(file: Path) -> tuple[list[str], list[list[str]]]:
    with file.open(newline="") as text:
        columns, *lines = list(csv.reader(text, delimiter="|", quoting=csv.QUOTE_NONE))
    return columns, lines


async def load(memory: Memory, graph: str, text: str, given: list[dict[str, Any]]) -> None:
    for first in range(0, len(given), BATCH):
        await asked(memory, text, {"rows": given[first : first + BATCH]}, graph=graph)


@pytest.mark.slow
async def test_the_network_is_loaded_by_cypher_alone(memory: Memory, graph: str, tmp_path: Path) -> None:
    folder = members("ldbc_snb_tiny/ldbc_snb_tiny_csv.tar.xz", tmp_path)
    files = {file.stem.removesuffix("_0_0"): file for file in sorted(folder.glob("vanilla/*/*.csv"))}
    for label in NODES:
        columns, lines = table(files.pop(label.lower()))
        await asked(memory, f"CREATE INDEX FOR (n:{label}) ON (n.id)", graph=graph)
        given = [dict(zip(columns, line, strict=True)) for line in lines]
        text = (
            f"UNWIND $rows AS r MERGE (n:{label} {{id: toInteger(r.id)}}) ON CREATE SET n.name = r.name, n.url = r.url"
        )
        await load(memory, graph, f"{text} {SECOND.get(label, '')}", given)
        assert await rows(memory, f"MATCH (n:{label}) RETURN count(n)", graph=graph) == [len(lines)], label
    expected = {}
    for name, file in files.items():
        start, kind, end = name.split("_")
        type_ = _HUMP.sub("_", kind).upper()
        one, other = (next(label for label in NODES if label.lower() == each) for each in (start, end))
        lines = table(file)[1]
        text = (
            f"UNWIND $rows AS r MATCH (a:{one} {{id: toInteger(r.a)}}), (b:{other} {{id: toInteger(r.b)}}) "
            f"MERGE (a)-[:{type_}]->(b)"
        )
        await load(memory, graph, text, [{"a": line[0], "b": line[1]} for line in lines])
        expected[one, type_, other] = Counter((int(line[0]), int(line[1])) for line in lines)
    for (one, type_, other), pairs in expected.items():
        text = f"MATCH (a:{one})-[:{type_}]->(b:{other}) RETURN a.id, b.id"
        found = Counter(map(tuple, await rows(memory, text, graph=graph)))
        assert found == Counter(dict.fromkeys(pairs, 1)), (one, type_, other)
