"""The states of agents: written and read byte for byte, by version, checkpoint or time."""

import asyncio
import base64
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from kgmem.domain.agents.state import (
    BYTES,
    JSON,
    MOST_BYTES,
    MSGPACK,
    TOO_LARGE,
    RetentionRule,
    StateAddress,
    StateVersion,
    VersionChoice,
)
from kgmem.domain.graph.expiry import ttl_of
from kgmem.services.agents.states import patch_text
from kgmem_api.access import Access, Reads, Writes
from kgmem_api.bodies import JSONBody, RawBody
from kgmem_api.examples import REQUESTS
from kgmem_api.parameters import Cursor, GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import if_match, is_current, reply, tag
from kgmem_api.wire.fields import STRICT

_VERSION = Annotated[int, Field(ge=1, le=2**31 - 1)]
_NAME = Annotated[str, Field(min_length=1, max_length=200)]


class StateVersionShape(BaseModel):
    """One version of an agent state, without its content."""

    version: int
    at: Annotated[str, Field(description="When it was written. ISO 8601.")]
    media_type: Annotated[str, Field(description="Of the content.")]
    size: Annotated[int, Field(description="Bytes of the content.")]
    stored: Annotated[int, Field(description="Bytes that it takes, compressed.")]
    sha256: Annotated[str, Field(description="Of the content, as hexadecimal digits.")]
    author: Annotated[str | None, Field(description="The id of the API key that wrote it.")]
    restored_from: Annotated[int | None, Field(description="The version whose content it has again.")]
    branched_from: Annotated[str | None, Field(description="agent/name@version of which the state began as a copy.")]
    checkpoints: Annotated[list[str], Field(description="Names of this version.")]
    created: Annotated[bool, Field(description="False: the current version had this content, and nothing was written.")]
    expires_at: Annotated[str | None, Field(description="When the state is deleted with all versions; null: never.")]


class AgentStateShape(BaseModel):
    """A state of an agent."""

    agent: Annotated[str, Field(description="Whose state it is.")]
    name: str
    scope: str
    versions: Annotated[int, Field(description="How many there are.")]
    stored: Annotated[int, Field(description="Bytes of all versions, compressed.")]
    current: Annotated[StateVersionShape, Field(description="Its newest version.")]


class AgentStatePage(BaseModel):
    """States, by agent and name."""

    states: Annotated[list[AgentStateShape], Field(description="Without their content.")]
    cursor: str | None


class StateVersionPage(BaseModel):
    """Versions of a state, the newest first."""

    versions: list[StateVersionShape]
    cursor: str | None


class StateDiff(BaseModel):
    """What makes one version of another."""

    before: int
    after: int
    patch: Annotated[list[dict[str, Any]], Field(description="A JSON Patch (RFC 6902).")]


class StateSelection(BaseModel):
    """Which version is meant: one of the three, or none for the current one."""

    model_config = STRICT

    version: Annotated[_VERSION | None, Field(description="Its number.")] = None
    checkpoint: Annotated[_NAME | None, Field(description="Its name.")] = None
    at: Annotated[str | None, Field(max_length=100, description="The version that was current then. ISO 8601.")] = None

    def choice(self) -> VersionChoice:
        """Return which version that is."""
        return VersionChoice(self.version, self.checkpoint, self.at)


class StateQuery(StateSelection):
    """Which version of a state is read, in which scope."""

    model_config = ConfigDict(extra="forbid", strict=False)  # The number comes as text.

    scope: Annotated[str | None, Field(max_length=400, description="The scope to act in; default: the key's.")] = None


class StateWriteQuery(BaseModel):
    """The scope of a state that is written, and when it is deleted."""

    model_config = ConfigDict(extra="forbid", strict=False)  # All comes as text.

    scope: Annotated[str | None, Field(max_length=400, description="The scope to act in; default: the key's.")] = None
    expires_at: Annotated[
        str | None,
        Field(max_length=50, description="ISO 8601. The state is deleted then; `never` removes the time."),
    ] = None
    ttl: Annotated[
        str | None,
        Field(max_length=50, description="How long it lasts, instead of expires_at: seconds, 30d, or PT12H."),
    ] = None


class BranchRequest(StateSelection):
    """A version, and the new state that begins with its content."""

    name: Annotated[_NAME, Field(description="Of the new state.")]
    agent: Annotated[_NAME | None, Field(description="Of the new state; by default the same agent.")] = None


class CheckpointRequest(BaseModel):
    """The version that a checkpoint names."""

    model_config = STRICT

    version: Annotated[_VERSION | None, Field(description="By default the current one.")] = None


class CheckpointShape(BaseModel):
    """A name for a version, which no retention rule deletes while it bears the name."""

    name: str
    version: int
    at: Annotated[str, Field(description="When the version got the name. ISO 8601.")]


class CheckpointList(BaseModel):
    """The checkpoints of a state, by version."""

    checkpoints: Annotated[list[CheckpointShape], Field(description="By version.")]


class RetentionRuleShape(BaseModel):
    """Of versions younger than within_seconds, keep the last of every every_seconds."""

    model_config = STRICT

    within_seconds: Annotated[int, Field(ge=1, description="Age up to which the rule holds, in seconds.")]
    every_seconds: Annotated[int, Field(ge=0, description="Length of a period, in seconds; 0 keeps all.")] = 0


class Retention(BaseModel):
    """The retention rules of an agent, from the shortest time to the longest; without any, all versions are kept."""

    model_config = STRICT

    rules: Annotated[
        list[RetentionRuleShape],
        Field(max_length=20, description="For each age, the first rule with a longer time holds; older ones go."),
    ]


class PrunedState(BaseModel):
    """What retention rules delete of one state."""

    agent: Annotated[str, Field(description="Whose state it is.")]
    name: str
    scope: str
    kept: Annotated[int, Field(description="How many versions stay.")]
    deleted: Annotated[list[int], Field(description="Versions.")]
    freed: Annotated[int, Field(description="Bytes.")]


class PruneReport(BaseModel):
    """What retention rules delete, or would delete."""

    states: Annotated[list[PrunedState], Field(description="One report for each state of the agent.")]


class StateDeleteResult(BaseModel):
    """How many versions were deleted."""

    deleted: int


router = APIRouter(tags=["agents"])
_AGENT = "/v1/graphs/{graph}/agents/{agent}"
_STATE = _AGENT + "/state/{name}"
Agent = Annotated[str, Path(min_length=1, max_length=200, description="The agent.")]
Name = Annotated[str, Path(min_length=1, max_length=200, description="The state's name.")]
CheckpointName = Annotated[str, Path(min_length=1, max_length=200, description="The checkpoint's name.")]


@dataclass(frozen=True, slots=True)
class _Path:
    """The agent and the state that an address names."""

    agent: str
    name: str

    def at(self, access: Access, scope: str | None) -> StateAddress:
        """Return where the state is. Raises Forbidden for a scope that the key does not reach."""
        return StateAddress(self.agent, self.name, access.scope(scope))


def _path(agent: Agent, name: Name) -> _Path:
    return _Path(agent, name)


StatePath = Annotated[_Path, Depends(_path)]
DryRun = Annotated[bool, Query(description="Only say what it would delete.")]
_ANY = {"schema": {"description": "Any JSON."}}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
# Not application/msgpack: generators of clients do not know it.
_CONTENT: dict[str, Any] = {JSON: _ANY, BYTES: _BINARY}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": f"The state, at most {MOST_BYTES:,} bytes; it is kept byte for byte. {MSGPACK} is taken, too.",
        "content": {**_CONTENT, JSON: {**_ANY, "example": REQUESTS["put_state"]}},
    }
}


_CONTENT_BODY = RawBody(MOST_BYTES, "A state", TOO_LARGE)


@router.get("/v1/graphs/{graph}/agents", responses=gives(AgentStatePage))
async def list_states(
    graph: GraphName, access: Reads, *, scope: ScopeQuery = None, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List the states of all agents in this scope only, by agent and name, without their content."""
    page = await access.memory.states.list(graph, scope=access.scope(scope), cursor=cursor, limit=limit)
    return reply({"states": [asdict(each) for each in page.items], "cursor": page.cursor})


@router.get(_AGENT + "/state", responses=gives(AgentStatePage))
async def list_agent_states(
    graph: GraphName, agent: Agent, access: Reads, *, scope: ScopeQuery = None, cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:  # fmt: skip
    """List the states of one agent in this scope only, by name, without their content."""
    page = await access.memory.states.list(graph, scope=access.scope(scope), agent=agent, cursor=cursor, limit=limit)
    return reply({"states": [asdict(each) for each in page.items], "cursor": page.cursor})


@router.put(
    _STATE,
    responses={**gives(StateVersionShape, 201, "A new version."), **gives(StateVersionShape, 200, "Nothing changed.")},
    openapi_extra=_BODY,
)
async def put_state(
    graph: GraphName,
    path: StatePath,
    request: Request,
    access: Writes,
    content: Annotated[bytes, Depends(_CONTENT_BODY)],
    *,
    asked: Annotated[StateWriteQuery, Query()],
) -> Response:
    """Write a state as a new version; the content of the current version again writes nothing.

    With If-Match only if that is still the current version (else 412), with If-None-Match: * only if there is none.
    """
    version = await access.memory.states.put(
        graph,
        path.at(access, asked.scope),
        content,
        media_type=request.headers.get("content-type", JSON),
        if_version=if_match(request),
        expires_at=asked.expires_at,
        ttl=ttl_of(asked.ttl),
    )
    return _written(version)


@router.get(
    _STATE,
    responses={
        200: {"description": "The content, as it was written.", "content": _CONTENT},
        304: {"description": "Not changed since."},
    },
)
async def get_state(
    graph: GraphName,
    path: StatePath,
    request: Request,
    access: Reads,
    asked: Annotated[StateQuery, Query()],
) -> Response:
    """Return a state byte for byte: the current version, or that of a number, a checkpoint, or a time.

    The headers: ETag is the version, Kgmem-Written-At its time, Repr-Digest its SHA-256, Kgmem-Expires-At when the
    state is deleted.
    """
    held = await access.memory.states.read(graph, path.at(access, asked.scope), asked.choice())
    found = held.version
    digest = base64.b64encode(bytes.fromhex(found.sha256)).decode()
    headers = {**tag(found.version), "Repr-Digest": f"sha-256=:{digest}:", "Kgmem-Written-At": found.at}
    headers |= {"Kgmem-Expires-At": found.expires_at} if found.expires_at else {}
    if is_current(request, found.version):
        return Response(None, 304, headers)
    return Response(held.content, 200, headers, media_type=found.media_type)


@router.delete(_STATE, responses=gives(StateDeleteResult))
async def delete_state(
    graph: GraphName, path: StatePath, request: Request, access: Writes, *, scope: ScopeQuery = None
) -> Response:
    """Delete a state with all its versions and checkpoints; with If-Match only if that is the current version."""
    deleted = await access.memory.states.delete(graph, path.at(access, scope), if_version=if_match(request))
    return reply({"deleted": deleted})


@router.get(_STATE + "/versions", responses=gives(StateVersionPage))
async def list_state_versions(
    graph: GraphName, path: StatePath, access: Reads, *, scope: ScopeQuery = None, cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:  # fmt: skip
    """List the versions of a state, the newest first, without their content."""
    page = await access.memory.states.versions(graph, path.at(access, scope), cursor=cursor, limit=limit)
    return reply({"versions": [asdict(each) for each in page.items], "cursor": page.cursor})


@router.get(_STATE + "/diff", responses=gives(StateDiff))
async def diff_state(
    graph: GraphName,
    path: StatePath,
    access: Reads,
    *,
    before: Annotated[int, Query(ge=1, le=2**31 - 1, description="A version.")],
    after: Annotated[int, Query(ge=1, le=2**31 - 1, description="Another version.")],
    scope: ScopeQuery = None,
) -> Response:
    """Return the JSON Patch (RFC 6902) that makes one version of another; both are JSON or msgpack."""
    patch = await access.memory.states.diff(graph, path.at(access, scope), before, after)
    # As bytes, since a version may hold numbers that no integer of 64 bits and no float is.
    text = await asyncio.to_thread(patch_text, patch)
    return Response(b'{"before":%d,"after":%d,"patch":%b}' % (before, after, text), media_type="application/json")


@router.post(_STATE + "/restore", responses=gives(StateVersionShape, 201, "A new version."))
async def restore_state(
    graph: GraphName,
    path: StatePath,
    request: Request,
    access: Writes,
    asked: Annotated[StateSelection, Depends(JSONBody(StateSelection))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Write the content of an earlier version as a new one; with If-Match only if that is still the current version."""
    version = await access.memory.states.restore(
        graph, path.at(access, scope), asked.choice(), if_version=if_match(request)
    )
    return _written(version)


@router.post(_STATE + "/branch", responses=gives(StateVersionShape, 201, "The first version of the new state."))
async def branch_state(
    graph: GraphName,
    path: StatePath,
    access: Writes,
    asked: Annotated[BranchRequest, Depends(JSONBody(BranchRequest))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Begin a new state in the same scope with the content of a version; 409 if there is one of that name."""
    address = path.at(access, scope)
    to = StateAddress(asked.agent or path.agent, asked.name, address.scope)
    version = await access.memory.states.branch(graph, address, to, asked.choice())
    return _written(version)


@router.get(_STATE + "/checkpoints", responses=gives(CheckpointList))
async def list_checkpoints(graph: GraphName, path: StatePath, access: Reads, scope: ScopeQuery = None) -> Response:
    """List the checkpoints of a state, by version."""
    found = await access.memory.states.checkpoints(graph, path.at(access, scope))
    return reply({"checkpoints": [asdict(each) for each in found]})


@router.put(_STATE + "/checkpoints/{checkpoint}", responses=gives(CheckpointShape))
async def put_checkpoint(
    graph: GraphName,
    path: StatePath,
    checkpoint: CheckpointName,
    access: Writes,
    asked: Annotated[CheckpointRequest, Depends(JSONBody(CheckpointRequest, optional=True))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Name a version, which no retention rule deletes from then on; a name that exists moves to it."""
    made = await access.memory.states.set_checkpoint(graph, path.at(access, scope), checkpoint, version=asked.version)
    return reply(asdict(made))


@router.delete(_STATE + "/checkpoints/{checkpoint}", status_code=204, responses={204: {"description": "Deleted."}})
async def delete_checkpoint(
    graph: GraphName, path: StatePath, checkpoint: CheckpointName, access: Writes, scope: ScopeQuery = None
) -> Response:
    """Delete the name of a version; the version stays until retention rules delete it."""
    await access.memory.states.delete_checkpoint(graph, path.at(access, scope), checkpoint)
    return Response(None, 204)


@router.get(_AGENT + "/retention", responses=gives(Retention))
async def get_retention(graph: GraphName, agent: Agent, access: Reads, scope: ScopeQuery = None) -> Response:
    """Return the retention rules of an agent in this scope; none: all versions are kept."""
    rules = await access.memory.states.retention(graph, agent, scope=access.scope(scope))
    return reply({"rules": [asdict(each) for each in rules]})


@router.put(_AGENT + "/retention", responses=gives(Retention))
async def put_retention(
    graph: GraphName,
    agent: Agent,
    access: Writes,
    asked: Annotated[Retention, Depends(JSONBody(Retention))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Set which versions of an agent's states are kept; a job applies it every hour, the prune route at once.

    The current version and those with a checkpoint are always kept.
    """
    rules = [RetentionRule(each.within_seconds, each.every_seconds) for each in asked.rules]
    stored = await access.memory.states.set_retention(graph, agent, rules, scope=access.scope(scope))
    return reply({"rules": [asdict(each) for each in stored]})


@router.delete(_AGENT + "/retention", status_code=204, responses={204: {"description": "Deleted."}})
async def delete_retention(graph: GraphName, agent: Agent, access: Writes, scope: ScopeQuery = None) -> Response:
    """Delete the retention rules of an agent: all versions are kept from then on."""
    await access.memory.states.delete_retention(graph, agent, scope=access.scope(scope))
    return Response(None, 204)


@router.post(_AGENT + "/prune", responses=gives(PruneReport))
async def prune_states(
    graph: GraphName, agent: Agent, access: Writes, *, scope: ScopeQuery = None, dry_run: DryRun = False
) -> Response:
    """Apply the retention rules of an agent now; with dry_run only say which versions they delete."""
    done = await access.memory.states.prune(graph, agent, scope=access.scope(scope), dry_run=dry_run)
    return reply({"states": [asdict(each) for each in done]})


def _written(version: StateVersion) -> Response:
    return reply(asdict(version), 201 if version.created else 200, tag(version.version))
