"""LanceDB: a table with an IVF_HNSW_SQ index and a full text index; hybrid search with its RRF."""

from pathlib import Path
from typing import Any

import lancedb
from lancedb.rerankers import RRFReranker

from bench.rig.peers.data import CannotError, K, Shared


class Adapter:
    """One table of entities."""

    def __init__(self, folder: Path, shared: Shared) -> None:
        self._shared, self._database, self._rrf = shared, lancedb.connect(folder), RRFReranker()
        self._table = self._database.open_table("rows") if (folder / "rows.lance").exists() else None

    def load_entities(self) -> None:
        rows = [
            {"key": row["key"], "label": row["label"], "body": f"{row['name']}\n{row['text']}", "vector": vector}
            for row, vector in zip(self._shared.rows, self._shared.vectors, strict=True)
        ]
        self._table = self._database.create_table("rows", rows)
        self._table.create_index(metric="dot", index_type="IVF_HNSW_SQ", num_partitions=1, vector_column_name="vector")
        self._table.create_fts_index("body")
        self._table.create_scalar_index("label", index_type="BITMAP")

    def load_facts(self) -> None:
        raise CannotError("no relationships")

    def hybrid(self, at: int) -> list[str]:
        question = self._shared.questions[at]["text"]
        search = self._table.search(query_type="hybrid").vector(self._shared.asked[at]).text(question)
        found = search.ef(200).rerank(self._rrf).limit(K).select(["key"]).to_arrow()
        return found["key"].to_pylist()[:K]

    def vector(self, at: int) -> list[str]:
        return self._near(at).to_arrow()["key"].to_pylist()

    def filtered(self, at: int) -> list[str]:
        label = self._shared.questions[at]["label"]
        return self._near(at).where(f"label = '{label}'", prefilter=True).to_arrow()["key"].to_pylist()

    def _near(self, at: int) -> Any:
        return self._table.search(self._shared.asked[at]).distance_type("dot").ef(200).limit(K).select(["key"])

    def two_hops(self, at: int) -> int:
        raise CannotError("no relationships")
