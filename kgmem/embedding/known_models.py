"""What is known of common embedding models: their dimension, their longest text, the prefixes they were trained with.

A wrong or missing prefix costs a model of this kind much of its quality, and no server adds it. The figures are those
of the models' own cards.
"""

from dataclasses import dataclass, replace
from typing import Final

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.embedding import EmbeddingSpace


@dataclass(frozen=True, slots=True)
class KnownModel:
    """One embedding model."""

    dimension: int
    max_tokens: int
    document_prefix: str = ""
    query_prefix: str = ""


_PASSAGES: Final = "Represent this sentence for searching relevant passages: "
_QWEN: Final = "Instruct: Given a question, retrieve passages that answer it\nQuery: "
_NOMIC: Final = KnownModel(768, 2048, "search_document: ", "search_query: ")
_ARCTIC: Final = KnownModel(1024, 512, query_prefix=_PASSAGES)

_MODELS: Final = {
    "all-minilm": KnownModel(384, 256),
    "all-minilm-l6-v2": KnownModel(384, 256),
    "bge-base-en": KnownModel(768, 512, query_prefix=_PASSAGES),
    "bge-large": KnownModel(1024, 512, query_prefix=_PASSAGES),
    "bge-large-en": KnownModel(1024, 512, query_prefix=_PASSAGES),
    "bge-small-en": KnownModel(384, 512, query_prefix=_PASSAGES),
    "bge-m3": KnownModel(1024, 8192),
    "embeddinggemma": KnownModel(768, 2048, "title: none | text: ", "task: search result | query: "),
    "granite-embedding": KnownModel(384, 512),
    "granite-embedding:30m": KnownModel(384, 512),
    "granite-embedding:278m": KnownModel(768, 512),
    "multilingual-e5-base": KnownModel(768, 512, "passage: ", "query: "),
    "multilingual-e5-large": KnownModel(1024, 512, "passage: ", "query: "),
    "multilingual-e5-small": KnownModel(384, 512, "passage: ", "query: "),
    "mxbai-embed-large": KnownModel(1024, 512, query_prefix=_PASSAGES),
    "nomic-embed-text": _NOMIC,
    "nomic-embed-text-v2-moe": replace(_NOMIC, max_tokens=512),
    "qwen3-embedding:0.6b": KnownModel(1024, 8192, query_prefix=_QWEN),
    "qwen3-embedding:4b": KnownModel(2560, 8192, query_prefix=_QWEN),
    "snowflake-arctic-embed": _ARCTIC,
    "snowflake-arctic-embed:22m": replace(_ARCTIC, dimension=384),
    "snowflake-arctic-embed:33m": replace(_ARCTIC, dimension=384),
    "snowflake-arctic-embed:110m": replace(_ARCTIC, dimension=768),
    "snowflake-arctic-embed:137m": replace(_ARCTIC, dimension=768, max_tokens=2048),
    "snowflake-arctic-embed:335m": _ARCTIC,
    "snowflake-arctic-embed2": KnownModel(1024, 8192, query_prefix="query: "),
    "text-embedding-3-large": KnownModel(3072, 8191),
    "text-embedding-3-small": KnownModel(1536, 8191),
    "text-embedding-ada-002": KnownModel(1536, 8191),
}
# Models whose tag names a size of another dimension: their bare name says nothing about a tag not listed above.
_SIZED: Final = frozenset({"granite-embedding", "snowflake-arctic-embed"})
# A text that is longer than an unknown model takes is shortened when the server refuses it.
_UNKNOWN_MAX_TOKENS: Final = 8192


def known_model(name: str) -> KnownModel | None:
    """Return what is known of the model, by its name with or without publisher, tag and `-v1.5`."""
    base = name.rsplit("/", 1)[-1].lower().removesuffix(":latest")
    if base not in _MODELS:
        base = base.removeprefix("text-embedding-").removesuffix("-v1.5").removesuffix("-v1")
    if base in _MODELS:
        return _MODELS[base]
    family = base.split(":", 1)[0]
    return None if family in _SIZED else _MODELS.get(family)


def space_of(provider: str, name: str, dimension: int | None) -> EmbeddingSpace:
    """Return the embedding space of a provider's model. Raises InvalidInput where no dimension is known or given."""
    known = known_model(name)
    if known is None and dimension is None:
        raise InvalidInput(
            f"The dimension of {provider}:{name} is not known to kgmem.",
            hint="Set KGMEM_EMBEDDER_DIMENSION to the number of dimensions that the model gives.",
            known=sorted(_MODELS),
        )
    known = known or KnownModel(dimension or 0, _UNKNOWN_MAX_TOKENS)
    return EmbeddingSpace(
        provider=provider,
        model=name.removesuffix(":latest"),
        dimension=dimension or known.dimension,
        document_prefix=known.document_prefix,
        query_prefix=known.query_prefix,
        max_tokens=known.max_tokens,
    )


def wanted_dimension(name: str, dimension: int | None) -> int | None:
    """Return the dimension to ask the provider for: only one that is set and is not what the model gives anyway."""
    known = known_model(name)
    return None if known is not None and known.dimension == dimension else dimension
