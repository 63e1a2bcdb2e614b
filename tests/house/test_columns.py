"""The lists of columns in SQL and in Python agree: of staged records, and of the index as it was known earlier."""

import re

import pytest

from kgmem.domain.graph.batch import Batch, BatchKind, Stated
from kgmem.domain.graph.embedding import EmbeddingSpace
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.graph import Graph
from kgmem.domain.graph.relationship import Relationship
from kgmem.store.db.statements import load
from kgmem.store.load.copy_load import stage_batch
from kgmem.store.write.rows import item_sql

INDEX = load("graph")["create_index"]
PAST, THEN = load("as_of")["create"], load("as_of")["create_asof"]
# What only the past has, and what it leaves out: the hash of a statement, and since when a row is as it is.
OF_THE_PAST = {"known", "thing", "certain"}
LEFT_OUT = {"content_hash", "since"}
GRAPH = Graph("g", space=EmbeddingSpace("none", "none", 2))
REMOVES = {"note": None}
# Records that have something for every column.
FULL: dict[BatchKind, Entity | Relationship] = {
    "entity": Entity(
        "k",
        properties=REMOVES,
        labels=["Further"],
        text="A sentence. " * 200,
        embedding=[1.0, 0.0],
        version=1,
        derived_from=["source:s"],
    ),
    "relationship": Relationship("KNOWS", "a", "b", properties=REMOVES, derived_from=["source:s"]),
}
CONSTRAINTS = {"UNIQUE", "PRIMARY", "CHECK", "FOREIGN"}


def made(sql: str, table: str) -> list[str]:
    """The columns of a table that a statement makes."""
    found = re.search(rf"CREATE (?:TEMPORARY )?TABLE (?:IF NOT EXISTS )?{re.escape(table)} \((.*?)\n\)", sql, re.DOTALL)
    assert found, table
    lines = [line.split("--")[0].strip() for line in found[1].splitlines()]
    return [line.split()[0].strip('"') for line in lines if line and line.split()[0].split("(")[0] not in CONSTRAINTS]


def lists(sql: str, before: str) -> list[set[str]]:
    """The names in the parentheses behind each place of a text."""
    return [set(re.findall(r"\w+", listed)) for listed in re.findall(rf"{re.escape(before)} \((.*?)\)", sql, re.DOTALL)]


@pytest.mark.parametrize(
    ("kind", "name", "table"),
    [("entity", "entity_stage", "kgmem_entities"), ("relationship", "relationship_stage", "kgmem_relationships")],
)
def test_what_is_copied_fills_the_staging_table(kind: BatchKind, name: str, table: str) -> None:
    columns = made(item_sql(load("copy_load")[name]) if kind == "entity" else load("copy_load")[name], table)
    ((copied, _),) = stage_batch(GRAPH, Batch(kind, [Stated("f", 1, FULL[kind])]), repr).texts
    assert set(copied) == set(columns) - {"at"}


@pytest.mark.parametrize("table", ["item", "edge"])
def test_the_past_has_every_column_of_the_index(table: str) -> None:
    present, past = set(made(INDEX, f"{{index}}.{table}")), set(made(PAST, f"{{index}}.past_{table}"))
    assert past - OF_THE_PAST == present - LEFT_OUT
    written = lists(PAST, f"INSERT INTO {{index}}.past_{table}")
    assert written == [past, past]
    view = re.search(rf"CREATE VIEW {{asof}}\.{table} AS(.*?);", THEN, re.DOTALL)
    assert view
    for half in view[1].split("UNION ALL"):
        assert present - LEFT_OUT <= set(re.findall(r"\w+", half.split("FROM")[0]))
