"""The air routes of the data folder as GraphML, against the CSV of the same airports."""

import csv
import io
import lzma
import os
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from tests.graph_files import read, said, taken, write

FOLDER = Path(os.environ.get("KGMEM_DATA", "")) / "spatial_airroutes"
SMALL = FOLDER / "air-routes-small.graphml.xz"
AIRPORTS = FOLDER / "air-routes-latest-nodes.csv.xz"
ROUTES = FOLDER / "air-routes-latest-edges.csv.xz"


def unpacked(path: Path) -> bytes:
    if not os.environ.get("KGMEM_DATA") or not path.exists():
        pytest.skip(f"{path.name} is not in the folder that KGMEM_DATA names")
    return lzma.decompress(path.read_bytes())


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(unpacked(path).decode())))


def test_airports_and_routes_agree_with_the_csv() -> None:
    found: list[Any] = taken(read("graphml", unpacked(SMALL)))
    airports = {item.key: item for item in found if isinstance(item, Entity) and item.label == "airport"}
    routes = [item for item in found if isinstance(item, Relationship)]
    assert (len(airports), len(routes)) == (46, 1390)
    known = {row["code:string"]: row for row in rows(AIRPORTS) if row["~label"] == "airport"}
    for airport in airports.values():
        row = known[airport.properties["code"]]
        assert airport.properties["icao"] == row["icao:string"]
        assert airport.properties["runways"] == int(row["runways:int"])
        assert airport.place is not None
        assert (airport.place.lon, airport.place.lat) == (float(row["lon:double"]), float(row["lat:double"]))
    codes = {row["~id"]: row["code:string"] for row in known.values()}
    flown = {
        (codes[row["~from"]], codes[row["~to"]]): int(row["dist:int"])
        for row in rows(ROUTES)
        if row["~label"] == "route"
    }
    for route in routes:
        ends = tuple(airports[key].properties["code"] for key in (route.start, route.end))
        assert route.kind == "route"
        assert flown[ends] == route.properties["dist"]


@pytest.mark.parametrize("name", ["graphml", "gexf", "apoc"])
def test_the_graph_goes_through_every_format_unchanged(name: str) -> None:
    found = taken(read("graphml", unpacked(SMALL)))
    assert said(taken(read(name, write(name, found)))) == said(found)


def test_networkx_sees_the_same_graph_before_and_after() -> None:
    data = unpacked(SMALL)
    before = nx.read_graphml(io.BytesIO(data), force_multigraph=True)
    after = nx.read_graphml(io.BytesIO(write("graphml", taken(read("graphml", data)))), force_multigraph=True)
    assert set(before) == set(after)
    assert sorted((start, end) for start, end, _ in before.edges) == sorted(
        (start, end) for start, end, _ in after.edges
    )
