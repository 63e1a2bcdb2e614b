"""API keys: who may do what, on which graph, in which scope, until when."""

from dataclasses import dataclass
from typing import Literal

from kgmem.domain.errors import Forbidden
from kgmem.domain.scope import reaches

Right = Literal["read", "write", "admin"]
_ORDER: dict[str, int] = {"read": 0, "write": 1, "admin": 2}


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

    def demand(self, right: Right, graph: str | None = None) -> None:
        """Raise Forbidden unless the key has the right on the graph (None: on the server as a whole)."""
        if self.graph is not None and graph != self.graph:
            raise Forbidden(
                "This API key is bound to another graph." if graph else "This API key is bound to one graph.",
                mend="Use a key that is not bound, or one of that graph.",
            )
        if graph is None and right == "admin" and self.scope:
            raise Forbidden("This API key is bound to a scope.", mend="Use an admin key without a scope.")
        if _ORDER[self.right] < _ORDER[right]:
            raise Forbidden(f"This API key may {self.right}, and this needs {right}.", mend=f"Use a key with {right}.")

    def demand_scope(self, scope: str) -> str:
        """Give the scope to act in: the one asked for, or the key's own when none was. Raises Forbidden."""
        if not scope:
            return self.scope
        if not reaches(self.scope, scope):
            raise Forbidden("This API key is bound to another scope.", mend=f"Stay in {self.scope!r} and below it.")
        return scope
