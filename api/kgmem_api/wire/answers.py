"""Shapes of answers, for the OpenAPI document; the routes write the same shapes straight from the domain."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from kgmem.domain.graph.entity import DeleteResult, WriteResult
from kgmem.domain.graph.graph import Change, GraphStats
from kgmem.domain.ports import Job
from kgmem.services.graphs import SchemaDeparture
from kgmem_api.wire.shapes import copied, many, shape

_IDS = Field(description="In the order of the request.")


WriteResultShape = copied(WriteResult, "WriteResult", "What a batch of writes did.")


DeleteResultShape = copied(DeleteResult, "DeleteResult", "What a deletion took away, and what stays in the history.")


class EmbeddingSpace(BaseModel):
    """The space of a graph's vectors."""

    id: str
    provider: str
    model: str
    dimension: int
    revision: str


class GraphSettings(BaseModel):
    """A graph and its settings."""

    model_config = ConfigDict(protected_namespaces=())

    name: str
    strict: bool
    graph_schema: Annotated[dict[str, Any], Field(alias="schema", description="What it adds to the core.")]
    embedding: EmbeddingSpace | None
    fusion: Literal["convex", "rrf"]
    facts: Literal["text", "all", "none"]
    extraction: Literal["requested", "all", "off"]
    recipe: str | None
    created_at: str | None


class GraphList(BaseModel):
    """The graphs that the key sees."""

    graphs: list[GraphSettings]


class GraphSchema(BaseModel):
    """The schema that holds in a graph: the core and the graph's own."""

    strict: bool
    graph_schema: Annotated[dict[str, Any], Field(alias="schema")]


SchemaViolation = copied(
    SchemaDeparture,
    "SchemaViolation",
    "One way in which a graph departs from its schema, how often, and an example's key.",
)


SchemaViolationList = shape(
    "SchemaViolationList",
    "All violations of its schema by a graph, the most frequent first.",
    violations=many(SchemaViolation),
)


GraphStatsShape = copied(GraphStats, "GraphStats", "How much a graph holds.")


ChangeShape = copied(Change, "Change", "One batch of one operation on one kind of item.")


ChangePage = shape(
    "ChangePage",
    "Changes in their order; ask again with `after` set to `cursor`.",
    changes=many(ChangeShape),
    cursor=(int, ...),
)


JobShape = copied(Job, "Job", "One piece of background work.")


JobList = shape(
    "JobList",
    "Jobs, newest first.",
    jobs=many(JobShape),
)


class JobAccepted(BaseModel):
    """The queued job; null when the same job already waits."""

    job: int | None


class ProblemError(BaseModel):
    """One thing that is wrong: where (a JSON pointer into the body, or a parameter), and what."""

    pointer: str | None = None
    parameter: str | None = None
    detail: str
    hint: str | None = None


class Problem(BaseModel):
    """An error as RFC 9457 describes it."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": True})

    type: str
    title: str
    status: int
    detail: str
    instance: str
    hint: str | None = None
    facts: dict[str, Any] | None = None
    errors: list[ProblemError] | None = None
    request_id: str
