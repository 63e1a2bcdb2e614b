"""Embedding by an Ollama server, over its own API (`POST /api/embed`)."""

from collections.abc import Sequence
from typing import Any, Final

from kgmem.embedding.endpoint import Backoff, Endpoint
from kgmem.embedding.known_models import space_of, wanted_dimension
from kgmem.embedding.remote import RemoteEmbedder

DEFAULT_URL: Final = "http://127.0.0.1:11434"
# Larger batches gave other vectors than single texts in some versions of Ollama (ollama/ollama#6262).
_BATCH: Final = 8
# Ollama works through its requests one after the other; the second one keeps it from idling between two.
_PARALLEL: Final = 2


def ollama_embedder(
    model: str,
    *,
    url: str | None = None,
    key: str | None = None,
    dimension: int | None = None,
    timeout: float = 30.0,
    backoff: Backoff | None = None,
) -> RemoteEmbedder:
    """Return an embedder that asks Ollama for a model it has. Nothing is pulled. Raises InvalidInput."""
    space = space_of("ollama", model, dimension)
    endpoint = Endpoint(url or DEFAULT_URL, key=key, timeout=timeout, name=f"ollama:{model}", backoff=backoff)
    dialect = _OllamaDialect(model, wanted_dimension(model, dimension))
    return RemoteEmbedder(space, endpoint, dialect, batch=_BATCH, parallel=_PARALLEL)


class _OllamaDialect:
    """The requests and answers of `/api/embed`, which keeps the order of the texts."""

    path = "/api/embed"

    def __init__(self, model: str, dimension: int | None) -> None:
        self._model = model
        self._options = {} if dimension is None else {"dimensions": dimension}

    def body(self, texts: Sequence[str]) -> dict[str, Any]:
        """Request truncation too, although since 0.13.5 Ollama answers with an error (ollama/ollama#14186)."""
        return {"model": self._model, "input": list(texts), "truncate": True} | self._options

    def vectors(self, data: Any) -> Sequence[Any] | None:
        """Return `embeddings`."""
        embeddings = data.get("embeddings") if isinstance(data, dict) else None
        return embeddings if isinstance(embeddings, list) else None

    def adapts_to(self, body: dict[str, Any], problem: str) -> bool:  # noqa: ARG002
        """Return False: there is one way to ask Ollama."""
        return False

    def hint(self, status: int) -> str:
        """Name the command that fetches a missing model; kgmem itself never fetches one."""
        if status == 404:
            return f"Run: ollama pull {self._model}"
        return "Look at Ollama's log, and check KGMEM_EMBEDDER and KGMEM_EMBEDDER_URL."
