"""Cypher on the wire."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from kgmem.domain.access import Key as AccessKey
from kgmem.domain.cypher import NamedQuery
from kgmem_api.wire.fields import STRICT, Scope, refused
from kgmem_api.wire.shapes import copied, many, shape

Values = dict[str, Any]
LONGEST_QUERY = 1_000_000


class CypherRequest(BaseModel):
    """A query, or the name of one that came with kgmem, its parameters, and whether it may write."""

    model_config = STRICT

    query: Annotated[str, Field(min_length=1, max_length=LONGEST_QUERY)] | None = None
    named: Annotated[str, Field(max_length=200, description="One of GET /v1/queries.")] | None = None
    parameters: Annotated[Values, Field(description="Values as JSON; dates and the like as maps with $type.")] = {}
    mode: Literal["read", "write"] = "read"
    scope: Annotated[Scope | None, Field(description="Default: the key's, or else the whole graph.")] = None
    timeout: Annotated[float, Field(gt=0, description="Seconds; the server's limit is the most.")] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "CypherRequest":
        if (self.query is None) == (self.named is None):
            raise refused("There is to be either a query or the name of one.", "Give query or named.")
        return self

    def asked_scope(self, key: AccessKey, graph: str) -> str | None:
        """Return the scope to ask in; None is the whole graph. Raises Forbidden.

        A query that writes may name a scope that is granted for writing. One that names none writes in the key's own
        scope, whatever it reads.
        """
        if self.scope is not None and self.mode == "write":
            key = key.acting("writer", graph)
        return demanded_scope(key, self.scope)


def demanded_scope(key: AccessKey, asked: str | None) -> str | None:
    """Return the scope to ask in: the one asked for, or the key's, or for a key of none the whole graph (None)."""
    return None if asked is None and not key.scope else key.demand_scope(asked)


class CypherResult(BaseModel):
    """Columns, rows of values in the order of the columns, and what was changed."""

    columns: list[str]
    rows: list[list[Any]]
    counters: dict[str, int]
    plan: dict[str, Any] | None = None


NamedQueryShape = copied(NamedQuery, "NamedQuery", "A query that came with kgmem.")


NamedQueryList = shape(
    "NamedQueryList",
    "The queries that came with kgmem.",
    queries=many(NamedQueryShape),
)
