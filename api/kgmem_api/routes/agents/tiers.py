"""Tiers: how many items are hot, warm, cold and distilled; settings, moves and pins."""

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from kgmem.domain.graph.tier import MOST_MOVED, ItemKind, Tier
from kgmem_api.access import Administers, Reads, ReadsWhole, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import Cursor, GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.wire.fields import STRICT

Seconds = Annotated[int | None, Field(ge=0, le=3_153_600_000)]
Item = Annotated[str, Field(min_length=1, max_length=500)]
Id = Annotated[int, Field(gt=0, lt=2**63)]


class TierSettingsRequest(BaseModel):
    """Settings to change; what is not given stays."""

    model_config = STRICT

    hot_for: Annotated[Seconds, Field(description="Seconds since its last use for which an item is hot.")] = None
    warm_for: Annotated[Seconds, Field(description="Seconds since its last use until an item is cold.")] = None
    half_life: Annotated[Seconds, Field(description="Seconds after which a counted use counts half.")] = None
    archive: Annotated[bool | None, Field(description="Whether cold episodes leave the vector and text indexes.")] = (
        None
    )
    enough: Annotated[
        float | None,
        Field(ge=0, le=1, description="The relevance of the best hit from which on the archive is not searched."),
    ] = None


class TierSettingsShape(BaseModel):
    """When items change their tier."""

    hot_for: Annotated[int, Field(description="Seconds since its last use for which an item is hot.")]
    warm_for: Annotated[int, Field(description="Seconds since its last use until an item is cold.")]
    half_life: Annotated[int, Field(description="Seconds after which a counted use counts half.")]
    archive: Annotated[bool, Field(description="Whether cold episodes leave the vector and text indexes.")]
    enough: Annotated[
        float, Field(description="The relevance of the best hit from which on the archive is not searched.")
    ]


class TierCountsShape(BaseModel):
    """How many items of one tier there are."""

    items: int
    pinned: Annotated[int, Field(description="How many of them are pinned.")]
    archived: Annotated[int, Field(description="How many of them are in the archive.")]


class TiersShape(BaseModel):
    """The tiers of a graph, or of one scope."""

    settings: Annotated[TierSettingsShape, Field(description="When items change their tier.")]
    tiers: dict[Tier, TierCountsShape]
    scope: str | None


class TieredItemShape(BaseModel):
    """An item with its tier, and how it was used."""

    id: int
    kind: ItemKind
    key: str
    scope: str
    tier: Annotated[Tier, Field(description="`hot`, `warm`, `cold` or `distilled`.")]
    pinned: Annotated[bool, Field(description="Whether it stays in its tier.")]
    used_at: Annotated[str | None, Field(description="Its last use or write. ISO 8601.")]
    uses: Annotated[float, Field(description="Counted uses; each counts half after a half-life.")]


class TieredItemPage(BaseModel):
    """Items of one scope."""

    items: list[TieredItemShape]
    cursor: str | None


class TierMoveRequest(BaseModel):
    """Items, and the tier that they move to."""

    model_config = STRICT

    tier: Annotated[Tier, Field(description="`hot`, `warm`, `cold` or `distilled`.")]
    keys: Annotated[list[Item], Field(max_length=MOST_MOVED, description="Keys of items of one kind.")] = []
    ids: Annotated[list[Id], Field(max_length=MOST_MOVED, description="Ids of hits.")] = []
    kind: Annotated[ItemKind, Field(description="Of the keys: `entity` or `episode`.")] = "episode"


class PinRequest(BaseModel):
    """Items that are pinned or unpinned."""

    model_config = STRICT

    keys: Annotated[list[Item], Field(max_length=MOST_MOVED, description="Keys of items of one kind.")] = []
    ids: Annotated[list[Id], Field(max_length=MOST_MOVED, description="Ids of hits.")] = []
    kind: Annotated[ItemKind, Field(description="Of the keys: `entity` or `episode`.")] = "entity"
    pinned: Annotated[bool, Field(description="false: unpin them.")] = True
    tier: Annotated[Tier, Field(description="The tier in which they stay.")] = "hot"


class TierChangesShape(BaseModel):
    """How many items moved to a warmer and to a colder tier, and which are not there."""

    raised: Annotated[int, Field(description="How many items are in a warmer tier now.")]
    lowered: Annotated[int, Field(description="How many items are in a colder tier now.")]
    missing: list[str]
    archived: Annotated[int, Field(description="How many episodes left the vector and text indexes.")]
    restored: Annotated[int, Field(description="How many episodes came back to them.")]


class PinResult(BaseModel):
    """How many items were pinned, or unpinned."""

    items: int
    pinned: Annotated[bool, Field(description="Whether they are pinned now.")]


router = APIRouter(tags=["tiers"])
_ALL = "/v1/graphs/{graph}/tiers"
TierQuery = Annotated[Tier | None, Query(description="Only items of this tier.")]
Whole = Annotated[Literal["graph", "scope"], Query(description="`graph`: all scopes. `scope`: this scope only.")]


@router.get(_ALL, responses=gives(TiersShape))
async def show_tiers(graph: GraphName, access: Reads, *, of: Whole = "scope", scope: ScopeQuery = None) -> Response:
    """Show the settings, and how many items each tier of this scope has; `of=graph` needs a key of no scope."""
    path = None if of == "graph" and not access.key.scope else access.scope(scope)
    return reply(asdict(await access.memory.tiers.report(graph, scope=path)))


@router.get(f"{_ALL}/settings", responses=gives(TierSettingsShape))
async def show_tier_settings(graph: GraphName, access: ReadsWhole) -> Response:
    """Show when items change their tier."""
    return reply(asdict(await access.memory.tiers.settings(graph)))


@router.patch(f"{_ALL}/settings", responses=gives(TierSettingsShape))
async def change_tier_settings(
    graph: GraphName,
    access: Administers,
    asked: Annotated[TierSettingsRequest, Depends(JSONBody(TierSettingsRequest))],
) -> Response:
    """Change when items change their tier."""
    changes = {name: value for name in asked.model_fields_set if (value := getattr(asked, name)) is not None}
    return reply(asdict(await access.memory.tiers.put(graph, **changes)))


@router.get(f"{_ALL}/items", responses=gives(TieredItemPage))
async def list_tiered_items(
    graph: GraphName,
    access: Reads,
    *,
    tier: TierQuery = None,
    scope: ScopeQuery = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List the items of this scope only with their tiers and uses, by id."""
    page = await access.memory.tiers.list(graph, scope=access.scope(scope), tier=tier, cursor=cursor, limit=limit)
    return reply({"items": [asdict(each) for each in page.items], "cursor": page.cursor})


@router.post(f"{_ALL}/move", responses=gives(TierChangesShape))
async def move_items(
    graph: GraphName,
    access: Writes,
    asked: Annotated[TierMoveRequest, Depends(JSONBody(TierMoveRequest))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Move items of this scope only to a tier; pinned ones stay, and those that are not there are `missing`."""
    items: list[int | str] = [*asked.ids, *asked.keys]
    changes = await access.memory.tiers.move(graph, items, asked.tier, kind=asked.kind, scope=access.scope(scope))
    return reply({**asdict(changes), "missing": list(changes.missing)})


@router.post(f"{_ALL}/pins", responses=gives(PinResult))
async def pin_items(
    graph: GraphName,
    access: Writes,
    asked: Annotated[PinRequest, Depends(JSONBody(PinRequest))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Pin items of this scope only in a tier, or unpin them; 404 when one is not there, and then nothing changes."""
    items: list[int | str] = [*asked.ids, *asked.keys]
    path = access.scope(scope)
    if asked.pinned:
        count = await access.memory.tiers.pin(graph, items, tier=asked.tier, kind=asked.kind, scope=path)
    else:
        count = await access.memory.tiers.unpin(graph, items, kind=asked.kind, scope=path)
    return reply({"items": count, "pinned": asked.pinned})


@router.post(f"{_ALL}/sweep", responses=gives(TierChangesShape))
async def sweep_tiers(graph: GraphName, access: Administers) -> Response:
    """Lower the tiers of what nobody uses and archive what is cold now, as a job does every few minutes."""
    changes = await access.memory.tiers.sweep(graph)
    return reply({**asdict(changes), "missing": list(changes.missing)})
