"""FalkorDB in its embedded form: Cypher, an HNSW index, and full text; the two are fused here by RRF."""

from pathlib import Path

from redislite.falkordb_client import FalkorDB

from bench.rig.peers.data import K, Shared

_VECTOR = "CREATE VECTOR INDEX FOR (r:Row) ON (r.vector) OPTIONS {{dimension: {size}, similarityFunction: 'cosine', M: 16, efConstruction: 64, efRuntime: 200}}"  # noqa: E501
_LOAD = "UNWIND $rows AS row CREATE (r:Row) SET r = row, r.vector = vecf32(row.vector)"
_FACTS = "UNWIND $rows AS f MATCH (a:Row {key: f.start}), (b:Row {key: f.end}) CREATE (a)-[:FACT {text: f.text}]->(b)"
_NEAR = "CALL db.idx.vector.queryNodes('Row', 'vector', $k, vecf32($vector)) YIELD node, score RETURN node.key"
_FILTERED = """CALL db.idx.vector.queryNodes('Row', 'vector', $k, vecf32($vector)) YIELD node, score
    WITH node, score WHERE node.label = $label RETURN node.key ORDER BY score LIMIT 20"""
_WORDS = "CALL db.idx.fulltext.queryNodes('Row', $text) YIELD node, score RETURN node.key ORDER BY score DESC LIMIT 40"
_HOPS = "MATCH (:Row {key: $key})-[:FACT]->()-[:FACT]->(r) RETURN count(DISTINCT r)"


class Adapter:
    """One graph."""

    def __init__(self, folder: Path, shared: Shared) -> None:
        self._shared = shared
        self._database = FalkorDB(str(folder / "graph.db"))
        self._graph = self._database.select_graph("rows")

    def load_entities(self) -> None:
        self._graph.query("CREATE INDEX FOR (r:Row) ON (r.key)")
        self._graph.query(_VECTOR.format(size=self._shared.vectors.shape[1]))
        self._graph.query("CREATE FULLTEXT INDEX FOR (r:Row) ON (r.text)")
        for start in range(0, len(self._shared.rows), 500):
            pairs = zip(self._shared.rows, self._shared.vectors, strict=True)
            part = list(pairs)[start : start + 500]
            self._graph.query(_LOAD, {"rows": [{**row, "vector": vector.tolist()} for row, vector in part]})

    def load_facts(self) -> None:
        for start in range(0, len(self._shared.facts), 2000):
            self._graph.query(_FACTS, {"rows": self._shared.facts[start : start + 2000]})

    def hybrid(self, at: int) -> list[str]:
        words = "|".join(self._shared.questions[at]["text"].split())
        near, found = self._near(at, 40), self._keys(_WORDS, {"text": words})
        scores: dict[str, float] = {}
        for ranked in (near, found):
            for place, key in enumerate(ranked):
                scores[key] = scores.get(key, 0) + 1 / (61 + place)
        return sorted(scores, key=lambda key: -scores[key])[:K]

    def vector(self, at: int) -> list[str]:
        return self._near(at, K)

    def filtered(self, at: int) -> list[str]:
        # It filters what the index gave, so that more is asked for: one row in five has the label.
        values = {"k": 10 * K, "vector": self._shared.asked[at].tolist(), "label": self._shared.questions[at]["label"]}
        return self._keys(_FILTERED, values)

    def two_hops(self, at: int) -> int:
        return int(self._graph.query(_HOPS, {"key": self._shared.questions[at]["key"]}).result_set[0][0])

    def _near(self, at: int, k: int) -> list[str]:
        return self._keys(_NEAR, {"k": k, "vector": self._shared.asked[at].tolist()})

    def _keys(self, query: str, values: dict[str, object]) -> list[str]:
        return [row[0] for row in self._graph.query(query, values).result_set]

    def processes(self) -> list[int]:
        return [self._database.client.pid]

    def end(self) -> None:
        # Its server would otherwise run on and the next process find it there.
        self._database.client.shutdown(save=True)
