"""API keys: who may do what, on which graph, in which scope, until when."""

from dataclasses import dataclass
from typing import Literal

from kgmem.domain.errors import Forbidden, InvalidInput
from kgmem.domain.graph.graph import no_such_graph
from kgmem.domain.graph.scope import reaches

Right = Literal["read", "write", "admin"]
_ORDER: dict[Right, int] = {"read": 0, "write": 1, "admin": 2}


@dataclass(frozen=True, slots=True)
class Key:
    """One API key as it is held; the secret itself is not kept, only its argon2 hash."""

    id: str
    name: str
    right: Right
    graph: str | None = None  # Bound to one graph.
    scope: str = ""  # Bound to one scope and what lies below it.
    created_at: str | None = None
    expires_at: str | None = None
    revoked_at: str | None = None

    def demand(self, right: Right, graph: str | None = None, *, whole: bool = False) -> None:
        """Raise Forbidden unless the key has the right on the graph (None: on the server as a whole).

        A graph that the key is not bound to is not there for it: NotFound, as for one that does not exist. `whole`
        asks for the graph with all its scopes, which a key bound to a scope never has.
        """
        if self.graph is not None and graph != self.graph:
            if graph is not None:
                raise no_such_graph(graph)
            raise Forbidden("This API key is bound to one graph.", hint="Use a key that is not bound to a graph.")
        if self.scope and (whole or right == "admin"):
            raise Forbidden(
                "This API key is bound to a scope, and this concerns all scopes.", hint="Use a key without a scope."
            )
        if _ORDER[self.right] < _ORDER[right]:
            raise Forbidden(f"This API key may {self.right}, and this needs {right}.", hint=f"Use a key with {right}.")

    def demand_scope(self, scope: str | None) -> str:
        """Give the scope to act in: the one asked for, or the key's own when None was. Raises Forbidden."""
        if scope is None:
            return self.scope
        if not reaches(self.scope, scope):
            raise Forbidden(
                "This API key is bound to another scope.",
                hint=f"Stay in {self.scope!r} and below it, or leave the scope out.",
            )
        return scope


def check_binding(right: Right, scope: str) -> None:
    """Raise InvalidInput for an admin's key of one scope: what admins do concerns all scopes."""
    if right == "admin" and scope:
        raise InvalidInput(
            "A key with the right admin cannot be bound to a scope.",
            hint="Leave the scope out, or give the right read or write.",
        )
