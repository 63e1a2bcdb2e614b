"""Shapes of answers, for the OpenAPI document; the routes write the same shapes straight from the domain."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_IDS = Field(description="In the order of the request.")


class WrittenOut(BaseModel):
    """What a batch of writes did."""

    created: int
    updated: int
    unchanged: int
    ids: Annotated[list[int], _IDS]
    versions: Annotated[list[int], _IDS]


class DeletedOut(BaseModel):
    """What a deletion took away, and what stays in the history."""

    entities: int
    episodes: int
    relationships: int
    passages: int
    vectors: int
    missing: list[str]
    kept_in_history: int


class EmbeddingSpaceOut(BaseModel):
    """The space of a graph's vectors."""

    id: str
    provider: str
    model: str
    dimension: int
    revision: str


class GraphOut(BaseModel):
    """A graph and its settings."""

    model_config = ConfigDict(protected_namespaces=())

    name: str
    strict: bool
    graph_schema: Annotated[dict[str, Any], Field(alias="schema", description="What it adds to the core.")]
    embedding: EmbeddingSpaceOut | None
    fusion: Literal["convex", "rrf"]
    facts: Literal["text", "all", "none"]
    extraction: Literal["asked", "all", "off"]
    recipe: str | None
    created_at: str | None


class GraphList(BaseModel):
    """The graphs that the key sees."""

    graphs: list[GraphOut]


class SchemaOut(BaseModel):
    """The schema that holds in a graph: the core and the graph's own."""

    strict: bool
    graph_schema: Annotated[dict[str, Any], Field(alias="schema")]


class SchemaViolation(BaseModel):
    """One way in which a graph departs from its schema, how often, and an example's key."""

    what: str
    count: int
    example: str


class CheckOut(BaseModel):
    """All departures of a graph from its schema, the most frequent first."""

    departures: list[SchemaViolation]


class StatsOut(BaseModel):
    """How much a graph holds."""

    entities: int
    episodes: int
    relationships: int
    facts: int
    passages: int
    vectors: int
    waiting_for_vectors: int
    refused_by_embedder: int
    scopes: int
    sources: int
    labels: dict[str, int]
    kinds: dict[str, int]
    bytes: int
    last_change: int


class ChangeOut(BaseModel):
    """One batch of one operation on one kind of item."""

    id: int
    operation: Literal["created", "updated", "deleted"]
    kind: Literal["entity", "episode", "relationship", "schema", "claim", "fact"]
    ids: list[int]
    keys: list[str]
    at: str


class ChangePage(BaseModel):
    """Changes in their order; ask again with `after` set to `cursor`."""

    changes: list[ChangeOut]
    cursor: int


class JobOut(BaseModel):
    """One piece of background work."""

    id: int
    task: str
    graph: str | None
    status: Literal["waiting", "running", "succeeded", "failed", "cancelled"]
    attempts: int
    arguments: dict[str, Any]
    created_at: str | None


class JobList(BaseModel):
    """Jobs, newest first."""

    jobs: list[JobOut]


class JobDeferred(BaseModel):
    """The job that was asked for; null when the same one already waits."""

    job: int | None


class ProblemError(BaseModel):
    """One thing that is wrong: where (a JSON pointer into the body, or a parameter), and what."""

    pointer: str | None = None
    parameter: str | None = None
    detail: str
    mend: str | None = None


class Problem(BaseModel):
    """An error as RFC 9457 describes it."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": True})

    type: str
    title: str
    status: int
    detail: str
    instance: str
    mend: str | None = None
    facts: dict[str, Any] | None = None
    errors: list[ProblemError] | None = None
    request_id: str
