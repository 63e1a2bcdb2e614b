"""API keys: who may do what, on which graph, in which scope, until when."""

from dataclasses import dataclass
from typing import Literal

from kgmem.domain.errors import Forbidden, InvalidInput
from kgmem.domain.graph.graph import no_such_graph
from kgmem.domain.graph.scope import reaches

Role = Literal["reader", "writer", "admin"]
_ORDER: dict[Role, int] = {"reader": 0, "writer": 1, "admin": 2}


@dataclass(frozen=True, slots=True)
class Key:
    """An API key as it is stored: without its secret, of which only the argon2 hash is kept."""

    id: str
    name: str
    role: Role
    graph: str | None = None  # Restricted to one graph.
    scope: str = ""  # Restricted to one scope and what lies below it.
    created_at: str | None = None
    expires_at: str | None = None
    revoked_at: str | None = None

    def demand(self, role: Role, graph: str | None = None, *, whole: bool = False) -> None:
        """Raise Forbidden unless the key has the role on the graph (None: on the server as a whole).

        A graph that the key is not restricted to is NotFound, like one that does not exist. `whole` demands the graph
        with all its scopes, which a key restricted to a scope does not have.
        """
        if self.graph is not None and graph != self.graph:
            if graph is not None:
                raise no_such_graph(graph)
            raise Forbidden("This API key is restricted to one graph.", hint="Use a key without a graph.")
        if self.scope and (whole or role == "admin"):
            raise Forbidden(
                "This API key is restricted to a scope, but the request concerns all scopes.",
                hint="Use a key without a scope.",
            )
        if _ORDER[self.role] < _ORDER[role]:
            raise Forbidden(
                f"This API key has the role {self.role}, but the request needs {role}.",
                hint=f"Use a key with the role {role}.",
            )

    def demand_scope(self, scope: str | None) -> str:
        """Return the scope to act in: the requested one, or the key's own for None. Raises Forbidden."""
        if scope is None:
            return self.scope
        if not reaches(self.scope, scope):
            raise Forbidden(
                "This API key is restricted to another scope.",
                hint=f"Use {self.scope!r} or a scope below it, or leave the scope out.",
            )
        return scope


def check_restriction(role: Role, scope: str) -> None:
    """Raise InvalidInput for an admin key with a scope: what admins do concerns all scopes."""
    if role == "admin" and scope:
        raise InvalidInput(
            "A key with the role admin cannot be restricted to a scope.",
            hint="Leave the scope out, or give the role reader or writer.",
        )
