"""kgmem through its façade, on an embedded Postgres of its own."""

from collections.abc import Iterable
from pathlib import Path

import orjson

from bench.rig.database import GRAPH, SPACE
from bench.rig.peers.adapters.loop import Loop
from bench.rig.peers.data import K, Shared
from kgmem.bootstrap import open_memory
from kgmem.domain.recall.question import Question, What
from kgmem.settings import Settings
from kgmem.store.embedded.postmaster import processes_of

_HOPS = "MATCH ({key: $key})-[:FACT]->()-[:FACT]->(r) RETURN count(DISTINCT r) AS n"


class Adapter:
    """One graph."""

    def __init__(self, folder: Path, shared: Shared) -> None:
        self._shared, self._loop, self._home = shared, Loop(), folder / "data"
        settings = Settings(home=self._home, embedder="none", log_level="warning")
        self._memory = self._loop.enter(open_memory(settings, owner=True, migrating=True))

    def load_entities(self) -> None:
        self._loop.run(self._memory.graphs.create(GRAPH, space=SPACE))
        pairs = zip(self._shared.rows, self._shared.vectors.tolist(), strict=True)
        self._import("entities", ({**row, "embedding": vector} for row, vector in pairs))

    def load_facts(self) -> None:
        stated = ({"text": fact["text"], "from": fact["start"], "to": fact["end"]} for fact in self._shared.facts)
        self._import("facts", ({"kind": "FACT", **fact} for fact in stated))

    def _import(self, name: str, records: Iterable[dict[str, object]]) -> None:
        """Import records as a file, which is written within the time, since the other stores get objects."""
        path = self._home.with_name(f"{name}.jsonl")
        path.write_bytes(b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in records))
        result = self._loop.run(self._memory.imports.run(GRAPH, [path]))
        path.unlink()
        if result.rejected:
            raise RuntimeError(f"{result.rejected} of {name} were rejected")

    def hybrid(self, at: int) -> list[str]:
        text, vector = self._shared.questions[at]["text"], self._shared.asked[at].tolist()
        return self._keys(What(text=text, vector=vector, kinds=["entity"]))

    def vector(self, at: int) -> list[str]:
        return self._keys(What(vector=self._shared.asked[at].tolist(), kinds=["entity"]))

    def filtered(self, at: int) -> list[str]:
        label = self._shared.questions[at]["label"]
        return self._keys(What(vector=self._shared.asked[at].tolist(), labels=[label]))

    def two_hops(self, at: int) -> int:
        key = self._shared.questions[at]["key"]
        answer = self._loop.run(self._memory.cypher(GRAPH, _HOPS, {"key": key}))
        return int(answer.rows[0][0])

    def _keys(self, what: What) -> list[str]:
        return [str(hit.key) for hit in self._loop.run(self._memory.recall(GRAPH, Question(what, k=K))).hits]

    def processes(self) -> list[int]:
        return list(processes_of(self._home.resolve() / "postgres"))

    def end(self) -> None:
        self._loop.close()
