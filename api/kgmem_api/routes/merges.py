"""Resolution: whether things are known; entities that are one, pairs that may be, and what is undone."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from kgmem.domain.access import Key as AccessKey
from kgmem.domain.space.place import Place
from kgmem.domain.text.resolution import Candidate as PairOnList
from kgmem.domain.text.resolution import Described, NewMerge, Resolved
from kgmem_api.access import Reads, Reviews
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import Cursor, GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.routes.adjudications import Id
from kgmem_api.wire.claims import told
from kgmem_api.wire.fields import STRICT, Key, Label, Name, PlaceField, Properties, Scope, Time, Vector

# Merges of entities, and pairs that may be one thing, on the wire.

Reason = Annotated[str, Field(min_length=1, max_length=2000)]
By = Annotated[Name, Field(description="Who decides; default: the name of the key.")]


class MergeRequest(BaseModel):
    """Two entities of one scope that are one."""

    model_config = STRICT

    keep: Annotated[Key, Field(description="The entity that stays.")]
    merge: Annotated[Key, Field(description="The entity that goes; its name becomes an alias of the other.")]
    reason: Reason
    by: By | None = None
    dry_run: bool = False
    scope: Scope | None = None

    def asked(self, key: AccessKey) -> NewMerge:
        """Return it as the domain knows it. Raises Forbidden for a scope that the key does not reach."""
        scope = key.demand_scope(self.scope)
        return NewMerge(self.keep, self.merge, self.by or key.name, self.reason, scope, self.dry_run)


class MergeDecisionRequest(BaseModel):
    """Why a merge is undone, or why two entities are two."""

    model_config = STRICT

    reason: Reason
    by: By | None = None
    scope: Scope | None = None


class Merge(BaseModel):
    """A merge: what it did (a dry run has no id), and whether it was undone; fields without a value are omitted."""

    id: int | None = None
    kept: str
    gone: str
    scope: str = ""
    by: str
    reason: str
    moved: Annotated[int, Field(description="Relationships that lead from or to the kept entity now.")]
    doubled: Annotated[int, Field(description="Relationships that it had already.")]
    dropped: Annotated[int, Field(description="Relationships between the two.")]
    aliases: list[str]
    filled: Annotated[list[str], Field(description="Properties that the kept entity did not have.")]
    contested: Annotated[dict[str, Any], Field(description="Other values, which are kept as claims.")]
    at: str | None = None
    undone_at: str | None = None
    undone_by: str | None = None
    undone_reason: str | None = None


class MergeList(BaseModel):
    """Merges, the newest first."""

    merges: list[Merge]


class MergeCandidate(BaseModel):
    """Two entities that may be one: the evidence as a logarithm of odds, and what each part adds to it."""

    id: int
    one: str
    other: str
    evidence: float
    parts: dict[str, float]
    vetoed: Annotated[str | None, Field(description="What forbids to merge them without a person.")] = None
    scope: str = ""
    at: str
    decision: Annotated[Literal["same", "candidate", "different"], Field(description="What the evidence comes to.")]


class MergeCandidatePage(BaseModel):
    """Pairs that wait for a person, the likeliest first."""

    candidates: list[MergeCandidate]
    cursor: str | None


# Resolution on the wire: what is described, and whether it is known.


class EntityDescription(BaseModel):
    """A thing as somebody describes it; what is not given is no evidence."""

    model_config = STRICT

    names: Annotated[list[Name], Field(min_length=1, max_length=20)]
    label: Label | None = None
    properties: Properties = Field(default_factory=dict)
    neighbours: Annotated[list[Key], Field(max_length=100, description="Keys of what it is related to.")] = []
    place: PlaceField | None = None
    valid_from: Time | None = None
    valid_to: Time | None = None
    embedding: Vector | None = None
    key: Annotated[Key | None, Field(description="A key that it may have had.")] = None
    text: Annotated[str | None, Field(max_length=100_000, description="A text that describes it.")] = None

    def described(self) -> Described:
        """Return it as the domain knows it."""
        # What the fields' validators made of both.
        place, vector = cast("Place | None", self.place), cast("Sequence[float] | None", self.embedding)
        return Described(
            self.names,
            self.label,
            self.properties,
            frozenset(self.neighbours),
            (place.lon, place.lat) if place else None,
            self.valid_from,
            self.valid_to,
            vector,
            self.key,
            self.text,
        )


class ResolveRequest(BaseModel):
    """Things of which each may be an entity of the graph."""

    model_config = STRICT

    described: Annotated[list[EntityDescription], Field(max_length=1000)]
    scope: Scope | None = None


class Candidate(BaseModel):
    """An entity that may be meant: the evidence as a logarithm of odds, and what each part adds to it."""

    key: str
    label: str
    evidence: float
    parts: dict[str, float]
    vetoed: Annotated[str | None, Field(description="What forbids to take it for the same without a person.")] = None


class Resolution(BaseModel):
    """Whether a thing is known: `key` of the entity that it is, candidates where that is not sure."""

    decision: Literal["same", "candidate", "different"]
    key: str | None = None
    candidates: list[Candidate]


class ResolutionList(BaseModel):
    """For each thing, in the order of the request, whether it is known."""

    resolved: list[Resolution]


def resolved_out(resolved: Resolved) -> dict[str, object]:
    """Return what is known of a thing as answers carry it."""
    candidates = [
        {
            "key": each.key,
            "label": each.label,
            "evidence": round(each.similarity.evidence, 3),
            "parts": {name: round(value, 3) for name, value in each.similarity.parts.items()},
            **({"vetoed": each.similarity.vetoed} if each.similarity.vetoed else {}),
        }
        for each in resolved.candidates
    ]
    key = {} if resolved.key is None else {"key": resolved.key}
    return {"decision": resolved.decision, **key, "candidates": candidates}


router = APIRouter(tags=["merges"])
_ALL = "/v1/graphs/{graph}/merges"
_CANDIDATES = "/v1/graphs/{graph}/merge-candidates"
_MOST = 2**63 - 1
Decided = Annotated[MergeDecisionRequest, Depends(JSONBody(MergeDecisionRequest))]


@router.post("/v1/graphs/{graph}/resolve", responses=gives(ResolutionList))
async def resolve(
    graph: GraphName, access: Reads, asked: Annotated[ResolveRequest, Depends(JSONBody(ResolveRequest))]
) -> Response:
    """Return which entities, among those that the scope sees, are described; nothing is written."""
    described = [each.described() for each in asked.described]
    found = await access.memory.resolution.resolve(graph, described, scope=access.scope(asked.scope))
    return reply({"resolved": [resolved_out(each) for each in found]})


@router.post(_ALL, responses=gives(Merge))
async def merge_entities(
    graph: GraphName, access: Reviews, asked: Annotated[MergeRequest, Depends(JSONBody(MergeRequest))]
) -> Response:
    """Merge an entity into another of the same scope: relationships, claims and names move to it."""
    merged = await access.memory.resolution.merge(graph, asked.asked(access.key))
    return reply(told(asdict(merged)))


@router.get(_ALL, responses=gives(MergeList))
async def list_merges(
    graph: GraphName,
    access: Reads,
    *,
    scope: ScopeQuery = None,
    before: Annotated[int | None, Query(ge=0, le=_MOST, description="Only those with a lesser id.")] = None,
    limit: Limit = 100,
) -> Response:
    """List merges, undone ones too, the newest first."""
    found = await access.memory.resolution.merges(graph, scope=access.scope(scope), before=before, limit=limit)
    return reply({"merges": [told(asdict(each)) for each in found]})


@router.post(_ALL + "/{id}/undo", responses=gives(Merge))
async def undo_merge(graph: GraphName, id_: Id, access: Reviews, asked: Decided) -> Response:
    """Undo a merge: both entities are there again, each with what it had; what was stated since stays."""
    undone = await access.memory.resolution.undo_merge(
        graph, id_, by=asked.by or access.key.name, reason=asked.reason, scope=access.scope(asked.scope)
    )
    return reply(told(asdict(undone)))


@router.get(_CANDIDATES, responses=gives(MergeCandidatePage))
async def list_merge_candidates(
    graph: GraphName, access: Reads, *, scope: ScopeQuery = None, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List the pairs of entities that may be one and wait for a person, the likeliest first."""
    page = await access.memory.resolution.candidates(graph, scope=access.scope(scope), cursor=cursor, limit=limit)
    return reply({"candidates": [_candidate_out(each) for each in page.items], "cursor": page.cursor})


@router.post(_CANDIDATES + "/{id}/reject", responses=gives(MergeCandidate))
async def mark_as_distinct(graph: GraphName, id_: Id, access: Reviews, asked: Decided) -> Response:
    """Mark a pair as distinct permanently: it is not proposed again."""
    pair = await access.memory.resolution.reject(
        graph, id_, by=asked.by or access.key.name, reason=asked.reason, scope=access.scope(asked.scope)
    )
    return reply(_candidate_out(pair))


def _candidate_out(pair: PairOnList) -> dict[str, object]:
    """Return a pair of the review list as answers carry it."""
    return {**told(asdict(pair)), "decision": pair.decision}
