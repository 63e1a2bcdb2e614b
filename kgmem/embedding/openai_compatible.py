"""Embedding by any server with OpenAI's API (`POST {base}/embeddings`): OpenAI, vLLM, TEI, llama.cpp, LM Studio, ..."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final

from kgmem.domain.errors import InvalidInput
from kgmem.embedding.endpoint import Backoff, Endpoint
from kgmem.embedding.known_models import space_of, wanted_dimension
from kgmem.embedding.remote import RemoteEmbedder

OPENAI_URL: Final = "https://api.openai.com/v1"
_BATCH: Final = 64
_PARALLEL: Final = 4


def openai_embedder(
    model: str,
    *,
    url: str | None = None,
    key: str | None = None,
    dimension: int | None = None,
    timeout: float = 30.0,
    backoff: Backoff | None = None,
) -> RemoteEmbedder:
    """Return an embedder that asks an OpenAI-compatible server, OpenAI itself without a URL. Raises InvalidInput."""
    if url is None and key is None:
        raise InvalidInput(
            f"The embedder openai:{model} has neither a URL nor a key.",
            hint="Set KGMEM_EMBEDDER_KEY for OpenAI, or KGMEM_EMBEDDER_URL for another server (http://host:port/v1).",
        )
    space = space_of("openai", model, dimension)
    endpoint = Endpoint(url or OPENAI_URL, key=key, timeout=timeout, name=f"openai:{model}", backoff=backoff)
    dialect = _OpenAIDialect(model, wanted_dimension(model, dimension))
    return RemoteEmbedder(space, endpoint, dialect, batch=_BATCH, parallel=_PARALLEL)


class _OpenAIDialect:
    """The requests and answers of `/embeddings`, which numbers its answers and may give them in any order."""

    path = "/embeddings"

    def __init__(self, model: str, dimension: int | None) -> None:
        self._model = model
        self._dimension = dimension

    def body(self, texts: Sequence[str]) -> dict[str, Any]:
        """Request plain numbers, and a dimension only where one is set."""
        body: dict[str, Any] = {"model": self._model, "input": list(texts), "encoding_format": "float"}
        return body if self._dimension is None else body | {"dimensions": self._dimension}

    def vectors(self, data: Any) -> Sequence[Any] | None:
        """Return each item's `embedding`, sorted by its `index`."""
        try:
            items = sorted(data["data"], key=itemgetter("index"))
            return [item["embedding"] for item in items]
        except (KeyError, TypeError):
            return None

    def adapts_to(self, body: dict[str, Any], problem: str) -> bool:
        """Leave the dimension out from now on where a server refuses to be asked for one.

        vLLM does so for every model that was not trained for several dimensions, even when asked for its own.
        """
        refused = "dimensions" in body and ("dimension" in problem.lower() or "matryoshka" in problem.lower())
        if refused:
            self._dimension = None
        return refused

    def hint(self, status: int) -> str:
        """Name the settings that a refusal of this status is about."""
        if status in {401, 403}:
            return "Check KGMEM_EMBEDDER_KEY."
        if status == 404:
            return (
                "Check the model in KGMEM_EMBEDDER, and that KGMEM_EMBEDDER_URL ends where /embeddings follows (/v1)."
            )
        return "Look at the provider's log, and check KGMEM_EMBEDDER and KGMEM_EMBEDDER_URL."
