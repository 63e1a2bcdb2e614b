"""Neo4j's Query API v2 on the wire. Its clients send fields that mean nothing here; those are ignored."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from kgmem.domain.cypher import Mode
from kgmem_api.wire.answers import Problem

LENIENT = ConfigDict(extra="ignore", strict=True)


def _capitalized(value: Any) -> Any:
    """Write a mode as the document does: drivers write it in any case."""
    return value.capitalize() if isinstance(value, str) else value


class QueryRequest(BaseModel):
    """A statement, its parameters in typed JSON, and whether it only reads."""

    model_config = LENIENT

    statement: Annotated[str, Field(max_length=1_000_000)] = ""
    parameters: dict[str, Any] = {}
    access_mode: Annotated[
        Literal["Read", "Write"] | None, BeforeValidator(_capitalized), Field(alias="accessMode")
    ] = None
    include_counters: Annotated[bool, Field(alias="includeCounters")] = False
    bookmarks: list[str] = []

    def mode(self, allowed: Mode) -> Mode:
        """Return what it may do: write, unless it says that it reads, or its key can only read."""
        return "read" if self.access_mode == "Read" else allowed


class QueryResult(BaseModel):
    """Fields and values, in typed JSON where it was requested."""

    data: dict[str, Any]
    counters: dict[str, Any] | None = None
    bookmarks: list[str] = []
    transaction: dict[str, str] | None = None


class QueryError(BaseModel):
    """One error by its code in Neo4j's terms."""

    code: str
    message: str


class QueryProblem(Problem):
    """A problem (RFC 9457) whose errors have Neo4j's codes, by which its clients know what to do."""

    errors: list[QueryError] | None = None  # type: ignore[assignment]
