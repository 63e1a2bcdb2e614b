"""Resources: the schema of a graph, entities and sessions, by address; what is stored stands in them as data."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from kgmem.domain.agents.session import SessionAddress
from kgmem.domain.errors import KgmemError, NotFound
from kgmem.mcp.caller import Caller, Reach
from kgmem.mcp.tool import Call
from kgmem.mcp.tools.analysis import SchemaArguments, get_schema
from kgmem.mcp.tools.explaining import EntityArguments, get_entity

BUDGET: Final = 8000  # Tokens of one resource.
_LISTED: Final = 50  # Sessions and entities of a list.
_ADDRESS: Final = re.compile(r"kgmem://([^/]+)/(schema|entity|session)(?:/(.+))?", re.DOTALL)
MIME: Final = "text/plain"


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource: its address, its name, and what it is."""

    uri: str
    name: str
    description: str


# (template, name, description)
TEMPLATES: Final = (
    ("kgmem://{graph}/entity/{key}", "entity", "An entity with its properties and facts."),
    ("kgmem://{graph}/session/{id}", "session", "A conversation: its context and latest messages."),
)


async def resources_of(caller: Caller) -> Sequence[Resource]:
    """Return the schema and the latest sessions."""
    reach = await caller.reach("reader")
    base = f"kgmem://{quote(reach.graph, safe='')}"
    found = [Resource(f"{base}/schema", "schema", "Labels and kinds of relationships, with counts.")]
    try:
        with reach.audited("list resources", change=False):
            page = await reach.memory.sessions.list(reach.graph, scope=str(reach.scope), limit=_LISTED)
    except NotFound:  # The graph of a data folder that is empty.
        return found
    for each in page.items:
        told = f"{each.messages} messages, opened {each.opened_at}."
        found.append(Resource(f"{base}/session/{quote(each.id, safe='')}", f"session {each.id}", told))
    return found


async def read(caller: Caller, uri: str) -> str:
    """Return the text of a resource. Raises NotFound for an address of nothing."""
    parts = _ADDRESS.fullmatch(uri)
    if parts is None or (parts[2] == "schema") != (parts[3] is None):
        raise _no_such(uri)
    graph, kind, rest = unquote(parts[1]), parts[2], unquote(parts[3] or "")
    reach = await caller.reach("reader", graph)
    if reach.graph != graph:
        raise _no_such(uri)
    with reach.audited(f"resource {kind}", change=False):
        return await _text(reach, kind, rest)


async def _text(reach: Reach, kind: str, rest: str) -> str:
    call = Call(reach, BUDGET, _silent)
    if kind == "schema":
        return (await get_schema(call, SchemaArguments())).text
    if kind == "session":
        context = await reach.memory.sessions.context(
            reach.graph, SessionAddress(rest, str(reach.scope)), budget=BUDGET
        )
        return context.text or "The session has no messages yet."
    return (await get_entity(call, EntityArguments(entity=rest))).text


async def _silent(_done: float, _total: float | None, _message: str) -> None:
    """Report nothing."""


def _no_such(uri: str) -> KgmemError:
    return NotFound(f"There is no resource {uri[:200]!r}.", hint="List the resources, or use kgmem://GRAPH/entity/KEY.")
