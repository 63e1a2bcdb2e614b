"""Real tables of many shapes, brought in by the mapping files in tests/mappings."""

import csv as tables
import io
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.formats.kgmem import csv
from kgmem.formats.records import Located, ReadOptions, Rejected
from tests.data import members, plain

MAPPINGS = Path(__file__).parents[1] / "mappings"


def read(mapping: str, files: Iterable[tuple[str, bytes]]) -> tuple[list[Any], list[Rejected]]:
    """Return the records of files, and what was rejected of them."""
    told = tomllib.loads((MAPPINGS / f"{mapping}.toml").read_text())
    found = [item for name, raw in files for item in csv.read(io.BytesIO(raw), ReadOptions(name=name, mapping=told))]
    return (
        [item.record for item in found if isinstance(item, Located)],
        [item for item in found if isinstance(item, Rejected)],
    )


def packed(folder: str, *names: str) -> list[tuple[str, bytes]]:
    return [(f"{name}.txt.xz", plain(f"{folder}/{name}.txt.xz")) for name in names]


def by_type(records: Iterable[Any]) -> Counter[Any]:
    return Counter(record.label if isinstance(record, Entity) else record.kind for record in records)


def frozen(properties: Any) -> Any:
    return tuple(sorted(properties.items()))


@pytest.mark.long
def test_the_social_network_of_ldbc_goes_in_whole(tmp_path: Path) -> None:
    folder = members("ldbc_snb_tiny/ldbc_snb_tiny_csv.tar.xz", tmp_path)
    files = sorted(folder.glob("vanilla/*/*.csv"))
    found, bad = read("ldbc_snb", [(file.name, file.read_bytes()) for file in files])
    assert (len(files), bad) == (31, [])
    entities = {item.key: item for item in found if isinstance(item, Entity)}
    edges = [item for item in found if isinstance(item, Relationship)]
    assert (len(entities), len(edges)) == (34_735, 70_842)
    assert len({(edge.kind, edge.start, edge.end, edge.key) for edge in edges}) == 70_842
    assert all(edge.start in entities and edge.end in entities for edge in edges)
    counts = by_type(found)
    assert (counts["Person"], counts["KNOWS"], counts["REPLY_OF"], counts["LIKES"]) == (222, 825, 2218, 1383)
    jose = entities["Person:8796093022220"]
    assert (jose.name, jose.properties["language"]) == ("Jose Alonso", ["es", "en"])
    assert jose.properties["creationDate"] == "2010-09-16T06:54:00.602Z"
    knows = next(edge for edge in edges if edge.kind == "KNOWS")
    assert (knows.start, knows.end, knows.valid_from) == (
        "Person:4398046511192", "Person:4398046511325", "2010-07-10T16:04:52.244Z",
    )  # fmt: skip


def test_northwind_is_the_graph_that_its_cypher_script_describes(tmp_path: Path) -> None:
    folder = members("neo4j_dumps/northwind_import_csv.tar.xz", tmp_path) / "import"
    names = ("products", "categories", "suppliers", "customers", "orders", "order-details")
    found, bad = read("northwind", [(f"{name}.csv", (folder / f"{name}.csv").read_bytes()) for name in names])
    assert bad == []
    labels = {item.key: item.label for item in found if isinstance(item, Entity)}
    nodes = Counter((item.label, frozen(item.properties)) for item in found if isinstance(item, Entity))
    edges = Counter(
        (item.kind, item.start.partition(":")[2], item.end.partition(":")[2], frozen(item.properties))
        for item in found
        if isinstance(item, Relationship) and {item.start, item.end} <= labels.keys()
    )
    assert (nodes, edges) == _northwind({name: _rows(folder / f"{name}.csv") for name in names})
    assert (nodes.total(), edges.total()) == (1035, 3139)


def _rows(file: Path) -> list[dict[str, str]]:
    """Return what LOAD CSV WITH HEADERS gives: cells beyond the header dropped, empty ones absent."""
    with file.open(encoding="utf-8", newline="") as lines:
        return [{k: v for k, v in row.items() if k is not None and v} for row in tables.DictReader(lines)]


def _northwind(rows: dict[str, list[dict[str, str]]]) -> tuple[Counter[Any], Counter[Any]]:
    """Return nodes and edges as scripts/northwind.cypher makes them."""
    products = [
        {
            **row,
            "unitPrice": float(row["unitPrice"]),
            **{name: int(row[name]) for name in ("unitsInStock", "unitsOnOrder", "reorderLevel")},
            "discontinued": row["discontinued"] != "0",
        }
        for row in rows["products"]
    ]
    labelled: dict[str, list[Any]] = {
        "Product": products, "Category": rows["categories"], "Supplier": rows["suppliers"],
        "Customer": rows["customers"], "Order": rows["orders"],
    }  # fmt: skip
    ids = {label: {row[f"{label.lower()}ID"] for row in held} for label, held in labelled.items()}
    nodes = Counter((label, frozen(row)) for label, held in labelled.items() for row in held)
    edges = Counter(
        [("PART_OF", p["productID"], p["categoryID"], ()) for p in products if p["categoryID"] in ids["Category"]]
        + [("SUPPLIES", p["supplierID"], p["productID"], ()) for p in products if p["supplierID"] in ids["Supplier"]]
        + [
            ("PURCHASED", o["customerID"], o["orderID"], ())
            for o in rows["orders"]
            if o["customerID"] in ids["Customer"]
        ]
        + [
            ("ORDERS", d["orderID"], d["productID"], frozen({**d, "quantity": int(d["quantity"])}))
            for d in rows["order-details"]
            if d["productID"] in ids["Product"] and d["orderID"] in ids["Order"]
        ]
    )
    return nodes, edges


@pytest.mark.long
def test_yago_facts_have_their_times_and_those_that_end_too_early_are_told_by_line() -> None:
    found, bad = read("yago11k", packed("temporal_kg/yago", "entity2id", "train", "valid", "test"))
    edges = [item for item in found if isinstance(item, Relationship)]
    assert (len(found) - len(edges), len(edges), len(bad)) == (10_623, 20_437, 72)
    assert (edges[0].kind, edges[0].start, edges[0].end) == ("owns", "6464", "6465")
    assert (edges[0].valid_from, edges[0].valid_to) == ("1952", "1964")
    assert edges[1].valid_to is None  # ####-##-## is an open end.
    assert bad[0].line == 168
    assert "valid_to '2007' is not after valid_from '2014'" in bad[0].reason
    early = {(edge.start, edge.end): edge.valid_from for edge in edges}
    assert early["8429", "8468"] == "360"
    assert early["9357", "9755"] == "1900"  # 19##-##-##
    assert any("'307-13047-09'" in item.reason for item in bad)


def test_icews_events_last_their_day() -> None:
    found, bad = read("icews14", packed("temporal_kg/icews14", "entity2id", "valid", "test"))
    edges = [item for item in found if isinstance(item, Relationship)]
    assert (len(found) - len(edges), len(edges), bad) == (7129, 17_904, [])
    assert (edges[0].kind, edges[0].start) == (
        "Arrest, detain, or charge with legal action",
        "Lawyer/Attorney (Germany)",
    )
    assert (edges[0].valid_from, edges[0].valid_to) == ("2014-02-12", "2014-02-12")


@pytest.mark.long
@pytest.mark.parametrize(("name", "count"), [("train", 32_888), ("valid", 1827), ("test", 1828)])
def test_triples_state_their_ends(name: str, count: int) -> None:
    found, bad = read("codex", packed("kg_codex/codex-s", name))
    assert (by_type(found)["Item"], len(found), bad) == (2 * count, 3 * count, [])
