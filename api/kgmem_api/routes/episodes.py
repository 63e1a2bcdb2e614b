"""Episodes: store, read, list, delete."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from kgmem.domain.errors import NotFound
from kgmem_api.access import Imports, Reads, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.direct import DirectRoute
from kgmem_api.parameters import KEY, Cursor, GraphName, ItemKey, Keys, Limit, ScopeQuery, gives
from kgmem_api.replies import reply, tag
from kgmem_api.wire.answers import DeleteResultShape, WriteResultShape
from kgmem_api.wire.records import EpisodeBatch, EpisodePage, EpisodeShape, episode_out

router = APIRouter(tags=["episodes"], route_class=DirectRoute)
_ALL = "/v1/graphs/{graph}/episodes"
_ONE = f"/v1/graphs/{{graph}}/episodes/{KEY}"


@router.post(_ALL, responses=gives(WriteResultShape))
async def post_episodes(
    graph: GraphName, access: Imports, batch: Annotated[EpisodeBatch, Depends(JSONBody(EpisodeBatch))]
) -> Response:
    """Store texts as they arrived, in one transaction; the same text again is the same episode."""
    return reply(await access.memory.episodes.put(graph, batch.episodes))


@router.get(_ALL, responses=gives(EpisodePage))
async def list_episodes(
    graph: GraphName,
    access: Reads,
    *,
    scope: ScopeQuery = None,
    session: Annotated[str | None, Query(max_length=500)] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List the episodes that a scope sees, of one session or of all, a page at a time."""
    page = await access.memory.episodes.list(
        graph, scope=access.scope(scope), session=session, cursor=cursor, limit=limit
    )
    return reply({"episodes": [episode_out(episode) for episode in page.items], "cursor": page.cursor})


@router.delete(_ALL, responses=gives(DeleteResultShape))
async def delete_episodes(graph: GraphName, access: Writes, keys: Keys, scope: ScopeQuery = None) -> Response:
    """Delete episodes of this scope only, with their passages; returns which keys were not there."""
    return reply(await access.memory.episodes.delete(graph, keys, scope=access.scope(scope)))


@router.get(_ONE, responses=gives(EpisodeShape))
async def get_episode(graph: GraphName, key: ItemKey, access: Reads, scope: ScopeQuery = None) -> Response:
    """Return the episode that a scope sees under a key."""
    episode = await access.memory.episodes.get(graph, key, scope=access.scope(scope))
    return reply(episode_out(episode), headers=tag(episode.version))


@router.delete(_ONE, responses=gives(DeleteResultShape))
async def delete_episode(graph: GraphName, key: ItemKey, access: Writes, scope: ScopeQuery = None) -> Response:
    """Delete one episode of this scope only, with its passages."""
    deleted = await access.memory.episodes.delete(graph, [key], scope=access.scope(scope))
    if deleted.missing:
        raise NotFound(f"There is no episode {key!r} in this scope.", hint="A deletion names the episode's own scope.")
    return reply(deleted)
