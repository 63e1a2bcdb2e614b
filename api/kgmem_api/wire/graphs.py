"""Graphs, their schema and their figures on the wire."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from kgmem.domain.graph.embedding import EmbeddingSpace
from kgmem.domain.graph.graph import Extraction, Graph
from kgmem_api.wire.fields import STRICT, FreeForm

Fusion = Literal["convex", "rrf"]
Facts = Literal["text", "all", "none"]


class EmbeddingSpaceRequest(BaseModel):
    """The space of vectors that callers give themselves."""

    model_config = STRICT

    model: Annotated[str, Field(min_length=1, max_length=200)]
    dimension: Annotated[int, Field(ge=1, le=4000)]
    provider: Annotated[str, Field(min_length=1, max_length=200)] = "given"
    revision: Annotated[str, Field(max_length=200)] = ""

    def space(self) -> EmbeddingSpace:
        """Return the space that is described."""
        return EmbeddingSpace(self.provider, self.model, self.dimension, revision=self.revision)


class GraphRequest(BaseModel):
    """Settings of a graph that is to be created; without `embedding`, vectors are the embedder's."""

    model_config = STRICT

    strict: bool = False
    graph_schema: Annotated[FreeForm | None, Field(alias="schema", description="What it adds to the core.")] = None
    embedding: Annotated[
        EmbeddingSpaceRequest | None, Field(description="null: no vectors but those of the words.")
    ] = None
    fusion: Fusion = "convex"
    facts: Annotated[Facts, Field(description="Which relationships recall finds: with a text, all, none.")] = "text"
    extraction: Annotated[
        Extraction,
        Field(description="Which episodes are extracted: those with `extract` (requested), all, or none (off)."),
    ] = "requested"
    recipe: Annotated[str | None, Field(max_length=100, description="Of questions that name none.")] = None


class GraphUpdateRequest(BaseModel):
    """Settings of a graph to change; omitted settings are unchanged, a schema extends the existing one."""

    model_config = STRICT

    strict: bool | None = None
    graph_schema: Annotated[FreeForm | None, Field(alias="schema")] = None
    fusion: Fusion | None = None
    facts: Annotated[Facts | None, Field(description="Another setting is put into effect by a job.")] = None
    extraction: Extraction | None = None
    recipe: Annotated[str | None, Field(max_length=100, description="balanced sets nothing.")] = None


class SchemaRequest(BaseModel):
    """What to add to a graph's own schema, or to put in its place."""

    model_config = STRICT

    graph_schema: Annotated[FreeForm, Field(alias="schema")]


def graph_out(graph: Graph) -> dict[str, Any]:
    """Return a graph as answers carry it."""
    space = graph.space
    return {
        "name": graph.name,
        "strict": graph.strict,
        "schema": dict(graph.schema),
        "embedding": {
            "id": space.id,
            "provider": space.provider,
            "model": space.model,
            "dimension": space.dimension,
            "revision": space.revision,
        }
        if space
        else None,
        "fusion": graph.fusion,
        "facts": graph.facts,
        "extraction": graph.extraction,
        "recipe": graph.recipe,
        "created_at": graph.created_at,
    }
