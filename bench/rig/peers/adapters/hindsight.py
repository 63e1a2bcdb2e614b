"""Hindsight: facts that were extracted before come in through its transfer archive, which embeds and resolves them.

An entity is a fact with its text, its key as a field and its label as a tag; a fact names its two ends as entities.
It runs on its own embedded Postgres, which refuses to run as root and is then run as nobody. A recall takes text: the
question is embedded by the stub, so no latency contains a model.
"""

import io
import json
import os
import shutil
import socket
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pg0

os.environ |= {
    "HINDSIGHT_API_SKIP_LLM_VERIFICATION": "true",
    "HINDSIGHT_API_ENABLE_OBSERVATIONS": "false",
    "HINDSIGHT_API_LOG_LEVEL": "warning",
    "HINDSIGHT_API_RERANKER_PROVIDER": "rrf",
    "HINDSIGHT_API_EMBEDDINGS_PROVIDER": "openai",
}

from hindsight_api import MemoryEngine
from hindsight_api.engine.cross_encoder import RRFPassthroughCrossEncoder
from hindsight_api.engine.embeddings import Embeddings
from hindsight_api.engine.task_backend import SyncTaskBackend
from hindsight_api.models import RequestContext

from bench.rig.peers.adapters.loop import Loop
from bench.rig.peers.data import CannotError, K, Shared
from bench.rig.peers.stub import Vectors, body

_BANK = "bench"
_FACTS_A_DOCUMENT = 50
_TOKENS = 100_000  # More than 20 facts have.


class Adapter:
    """One bank."""

    note = (
        "recall fuses meaning, words, links and time by RRF (by tag, too: so its recall@20 of the nearest is low), "
        "without its cross-encoder, whose model it downloads"
    )

    def __init__(self, folder: Path, shared: Shared) -> None:
        os.environ["HOME"] = str(folder)
        self._shared, self._loop = shared, Loop()
        self._postgres = _Postgres(folder)
        self._engine = MemoryEngine(
            db_url=self._postgres.url,
            memory_llm_provider="none",
            embeddings=_Given(Vectors(shared)),
            cross_encoder=RRFPassthroughCrossEncoder(),
            task_backend=SyncTaskBackend(),
        )
        self._loop.run(self._engine.initialize())
        self._request = RequestContext(internal=True)

    def load_entities(self) -> None:
        facts = [
            {"text": body(row), "metadata": {"key": row["key"]}, "tags": [row["label"]]} for row in self._shared.rows
        ]
        self._import("entities", facts)

    def load_facts(self) -> None:
        names = {row["key"]: f"{row['name']} {row['key']}" for row in self._shared.rows}
        facts = [
            {"text": fact["text"], "entities": [names[fact["start"]], names[fact["end"]]], "tags": ["fact"]}
            for fact in self._shared.facts
        ]
        self._import("facts", facts)

    def _import(self, name: str, facts: list[dict[str, Any]]) -> None:
        archive = io.BytesIO()
        documents = range(0, len(facts), _FACTS_A_DOCUMENT)
        now = datetime.now(UTC).isoformat()
        with zipfile.ZipFile(archive, "w") as file:
            manifest = {"source_bank_id": _BANK, "document_count": len(documents), "fact_count": len(facts)}
            file.writestr("manifest.json", json.dumps(manifest))
            for at, start in enumerate(documents):
                part = facts[start : start + _FACTS_A_DOCUMENT]
                stated = [{"fact_type": "world", "event_date": now, **fact} for fact in part]
                document = {"id": f"{name}-{at}", "facts": stated}
                file.writestr(f"documents/{at:06}.json", json.dumps(document))
        done = self._loop.run(self._engine.import_documents_async(_BANK, archive.getvalue(), self._request))
        count = self._loop.run(self._imported(done["operation_id"]))
        if count != len(facts):
            raise RuntimeError(f"{count} of {len(facts)} {name} were imported")

    async def _imported(self, operation: str) -> int:
        status = await self._engine.get_operation_status(_BANK, operation, request_context=self._request)
        if status.get("error_message"):
            raise RuntimeError(status["error_message"])
        return int((status.get("result_metadata") or {})["facts_imported"])

    def hybrid(self, at: int) -> list[str]:
        return self._recall(at, None)

    def vector(self, at: int) -> list[str]:
        raise CannotError("no recall by vector alone")

    def filtered(self, at: int) -> list[str]:
        return self._recall(at, [self._shared.questions[at]["label"]])

    def two_hops(self, at: int) -> int:
        raise CannotError("no query of its graph")

    def _recall(self, at: int, tags: list[str] | None) -> list[str]:
        recalled = self._engine.recall_async(
            _BANK,
            self._shared.questions[at]["text"],
            max_tokens=_TOKENS,
            fact_type=["world"],
            tags=tags,
            tags_match="any_strict",
            request_context=self._request,
        )
        found = self._loop.run(recalled)
        return [str((fact.metadata or {}).get("key", fact.id)) for fact in found.results][:K]

    def processes(self) -> list[int]:
        return self._postgres.processes()

    def end(self) -> None:
        self._loop.run(self._engine.close())
        self._postgres.stop()


class _Postgres:
    """Its embedded Postgres with a data folder of ours."""

    def __init__(self, folder: Path) -> None:
        # The program is unpacked beside the store, so that the bytes on disk are those of the data.
        self._home, self._data = folder.with_name("pg0"), folder / "postgres"
        for made in (self._home, self._data):
            made.mkdir(exist_ok=True)
        self._account: dict[str, Any] = {}
        if os.getuid() == 0:
            self._account = {"user": "nobody", "group": "nogroup", "extra_groups": []}
            for passed in (folder, folder.parent):
                passed.chmod(0o711)
            for owned in (self._home, self._data):
                shutil.chown(owned, "nobody", "nogroup")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._run("start", "--data-dir", str(self._data), "--port", str(port))
        self.url = f"postgresql://postgres:postgres@127.0.0.1:{port}/postgres"

    def _run(self, command: str, *options: str) -> None:
        program = Path(pg0.__file__).parent / "bin" / "pg0"
        subprocess.run(
            [program, command, "--name", "bench", *options],
            check=True, env={"HOME": str(self._home), "PATH": os.environ["PATH"]}, cwd=self._home, **self._account,
        )  # fmt: skip

    def processes(self) -> list[int]:
        """Return the postmaster and its children."""
        postmaster = int((self._data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        return [postmaster, *map(int, children)]

    def stop(self) -> None:
        """Stop the server."""
        self._run("stop")


class _Given(Embeddings):  # type: ignore[misc]
    """An embedder that has the vectors."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    @property
    def provider_name(self) -> str:
        return "given"

    @property
    def dimension(self) -> int:
        return self._vectors.size

    async def initialize(self) -> None:
        """Nothing is loaded."""

    async def encode(self, texts: list[str]) -> list[list[float]]:
        return [self._vectors.of(text) for text in texts]
