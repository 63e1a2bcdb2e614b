"""Access: who asks, whether they may, and in which scope. Every route but the open ones depends on a Demand."""

import base64
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request

from kgmem.domain.access import Key, Need, Role
from kgmem.domain.errors import InvalidInput, NotFound, TooManyRequests, Unauthenticated
from kgmem.memory import DEFAULT_GRAPH, Memory
from kgmem.tasks import act_for
from kgmem_api.context import context_of, note_scope


@dataclass(frozen=True, slots=True)
class Access:
    """A request that may go on: the memory, and the key that it bears."""

    memory: Memory
    key: Key
    graph: str | None = None  # That the address names, as it is stored.

    def scope(self, asked: str | None) -> str:
        """Return the scope to act in: the one asked for, or the key's own. Raises Forbidden."""
        return note_scope(self.key.demand_scope(asked))


@dataclass(frozen=True)
class Demand:
    """A dependency that lets a request go on when its key has a role on the graph that its address names.

    `whole` asks for all scopes of the graph. Without a graph in the address, the role is on the server, unless
    `anywhere` says that a key restricted to a graph will do, since the route shows it only what is its own. `any_case`:
    the graph is found whatever the case of its letters, as Neo4j's clients name databases. `also`: narrower
    roles that it lets in, too. `own`: the address names no graph; it is the query's, the key's, or `main`.
    """

    role: Need
    whole: bool = False
    anywhere: bool = False
    any_case: bool = False
    also: tuple[Role, ...] = ()
    own: bool = False

    async def __call__(self, request: Request) -> Access:
        """Return the access. Raises Unauthenticated, Forbidden, NotFound, and InvalidInput for unknown parameters."""
        memory: Memory = request.app.state.memory
        key = await admitted(memory, request)
        graph = request.path_params.get("graph")
        if self.any_case and graph is not None:
            graph = await _named(memory, key, graph)
        if self.own:
            graph = request.query_params.get("graph") or key.graph or DEFAULT_GRAPH
            request.scope["path_params"] = {**request.path_params, "graph": graph}
        key = key.acting(self.role, graph)
        context_of(request).role, context_of(request).graph = self.role, graph
        context_of(request).watch(memory, key)
        act_for(key.id, graph)
        key.demand(self.role, key.graph if self.anywhere else graph, whole=self.whole, also=self.also)
        if request.scope["query_string"]:
            _refuse_unknown(request)
        return Access(memory, key, graph)


Reads = Annotated[Access, Depends(Demand("reader"))]
ReadsDatabase = Annotated[Access, Depends(Demand("reader", any_case=True))]
ReadsWhole = Annotated[Access, Depends(Demand("reader", whole=True))]
ReadsAnywhere = Annotated[Access, Depends(Demand("reader", anywhere=True))]
ReadsWholeAnywhere = Annotated[Access, Depends(Demand("reader", whole=True, anywhere=True))]
ReadsOwn = Annotated[Access, Depends(Demand("reader", own=True))]
WritesOwn = Annotated[Access, Depends(Demand("writer", own=True))]
Writes = Annotated[Access, Depends(Demand("writer"))]
WritesWhole = Annotated[Access, Depends(Demand("writer", whole=True))]
Analyses = Annotated[Access, Depends(Demand("writer", also=("analyst",)))]  # Derives something of what is stored.
Reviews = Annotated[Access, Depends(Demand("writer", also=("reviewer",)))]  # Decides what waits for a person.
Imports = Annotated[Access, Depends(Demand("writer", also=("importer",)))]  # Adds to what is stored.
ImportsWhole = Annotated[Access, Depends(Demand("writer", whole=True, also=("importer",)))]
FollowsImports = Annotated[Access, Depends(Demand("reader", also=("importer",)))]
Administers = Annotated[Access, Depends(Demand("admin"))]


async def _named(memory: Memory, key: Key, name: str) -> str:
    """Return the name of a graph as it is stored; a key of one graph learns of no other, nor one that may not read."""
    if key.graph is not None:
        return key.graph if key.graph.casefold() == name.casefold() else name
    try:
        return (await memory.graphs.find(name)).name
    except NotFound:
        return name


async def admitted(memory: Memory, request: Request) -> Key:
    """Return the key that a request bears, and count the request. Raises Unauthenticated, TooManyRequests."""
    address = request.client.host if request.client else None
    key = await memory.keys.authenticate(secret_of(request), address=address)
    context = context_of(request)
    context.key = key
    try:
        context.allowance = memory.keys.spend(key)
    except TooManyRequests as error:
        context.allowance = error.facts["allowance"]
        raise
    return key


def secret_of(request: Request) -> str:
    """Return the secret of the key that a request bears. Raises Unauthenticated."""
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        secret = _password(secret)
        kind = "bearer"
    if kind.lower() != "bearer" or not secret.strip():
        raise Unauthenticated(hint="Send the header Authorization: Bearer KEY; kgmem key create makes a key.")
    return secret.strip()


def _password(given: str) -> str:
    """Return the password of basic authentication, which drivers of databases know: the key, whoever the user is."""
    try:
        return base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def query_names(route: APIRoute) -> frozenset[str]:
    """Return the names of the query parameters that a route takes, by themselves or as a model's fields."""
    names: set[str] = set()
    for parameter in route.dependant.query_params:
        annotation = parameter.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            names |= set(annotation.model_fields)
        else:
            names.add(parameter.alias)
    return frozenset(names)


def _refuse_unknown(request: Request) -> None:
    """Raise InvalidInput for a query parameter that the route does not know: a misspelt filter filters nothing."""
    route: APIRoute = request.scope["route"]
    known = query_names(route)
    for name in request.query_params:
        if name not in known:
            told = f"It takes {', '.join(sorted(known))}." if known else "It takes none."
            raise InvalidInput(f"{name!r} is no parameter of this address.", hint=told)
