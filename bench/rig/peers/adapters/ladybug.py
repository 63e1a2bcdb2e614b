"""Ladybug (the successor of Kuzu): nodes and relationships by COPY; vectors compared with every row.

Its indexes of vectors and words are extensions that it downloads, so neither is used here.
"""

import csv
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import ladybug

from bench.rig.peers.data import CannotError, K, Shared

_NODES = "CREATE NODE TABLE Row(key STRING PRIMARY KEY, label STRING, body STRING, vector FLOAT[{size}])"
_EDGES = "CREATE REL TABLE Fact(FROM Row TO Row, body STRING)"
_NEAR = """MATCH (r:Row) {only} RETURN r.key
    ORDER BY array_inner_product(r.vector, CAST($vector, 'FLOAT[{size}]')) DESC LIMIT {k}"""
_HOPS = "MATCH (:Row {key: $key})-[:Fact]->()-[:Fact]->(r:Row) RETURN count(DISTINCT r.key)"


class Adapter:
    """One database with one connection."""

    def __init__(self, folder: Path, shared: Shared) -> None:
        self._shared, self._size = shared, shared.vectors.shape[1]
        self._connection = ladybug.Connection(ladybug.Database(str(folder / "graph")))

    def load_entities(self) -> None:
        self._connection.execute(_NODES.format(size=self._size))
        pairs = zip(self._shared.rows, self._shared.vectors.tolist(), strict=True)
        self._copy("Row", ([row["key"], row["label"], f"{row['name']} {row['text']}", v] for row, v in pairs))

    def load_facts(self) -> None:
        self._connection.execute(_EDGES)
        self._copy("Fact", ([fact["start"], fact["end"], fact["text"]] for fact in self._shared.facts))

    def _copy(self, table: str, records: Any) -> None:
        with NamedTemporaryFile("w", suffix=".csv", newline="") as file:
            csv.writer(file).writerows(records)
            file.flush()
            self._connection.execute(f"COPY {table} FROM '{file.name}' (HEADER=false)")

    def hybrid(self, at: int) -> list[str]:
        raise CannotError("words need an extension that it downloads")

    def vector(self, at: int) -> list[str]:
        return self._near(at, "", {})

    def filtered(self, at: int) -> list[str]:
        return self._near(at, "WHERE r.label = $label", {"label": self._shared.questions[at]["label"]})

    def _near(self, at: int, only: str, values: dict[str, str]) -> list[str]:
        query = _NEAR.format(size=self._size, k=K, only=only)
        found = self._connection.execute(query, {"vector": self._shared.asked[at].tolist(), **values})
        return [row[0] for row in found]

    def two_hops(self, at: int) -> int:
        found = self._connection.execute(_HOPS, {"key": self._shared.questions[at]["key"]})
        return int(found.get_next()[0])
