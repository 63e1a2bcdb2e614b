"""Legal holds: what may not be deleted until a hold is released."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

from kgmem.domain.errors import InvalidInput, OnHold
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import check_scope

HoldKind = Literal["graph", "scope", "label", "source", "items"]
KINDS: Final[tuple[HoldKind, ...]] = ("graph", "scope", "label", "source", "items")
MOST_KEYS: Final = 1000
_LONGEST: Final = 1000


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """What to hold: a graph, a scope with those below it, a label or kind, a source, or items.

    `name` is that of the scope, label or source. Items are entities and texts by `keys` of the scope `keys_in`, and
    whatever else by `ids`.
    """

    kind: HoldKind
    reason: str
    by: str
    name: str | None = None
    keys: Sequence[str] = ()
    keys_in: str = ""
    ids: Sequence[int] = ()

    def checked(self) -> "HoldRequest":
        """Return itself where all of it is valid. Raises InvalidInput."""
        if self.kind not in KINDS:
            raise InvalidInput(f"{self.kind!r} is no kind of hold.", hint=f"Give {', '.join(KINDS)}.", field="kind")
        if not 1 <= len(self.reason.strip()) <= _LONGEST:
            raise InvalidInput("A hold needs a reason.", hint=f"1 to {_LONGEST} characters.", field="reason")
        if (self.name is not None) != (self.kind in {"scope", "label", "source"}):
            raise InvalidInput(f"A hold on {self.kind} and `name` do not fit.", hint="See HoldRequest.", field="name")
        if bool(self.keys or self.ids) != (self.kind == "items") or len(self.keys) + len(self.ids) > MOST_KEYS:
            raise InvalidInput(
                f"A hold on {self.kind} and these items do not fit.", hint=f"Items take 1 to {MOST_KEYS}.", field="keys"
            )
        name = check_scope(self.name or "") if self.kind == "scope" else self.name
        if self.kind in {"label", "source"} and not name:
            raise InvalidInput("The name is empty.", hint=f"Name a {self.kind}.", field="name")
        return replace(self, name=name, keys_in=check_scope(self.keys_in))


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold, and how it was released."""

    id: int
    kind: HoldKind
    name: str | None
    keys: Sequence[str]
    ids: Sequence[int]
    reason: str
    by: str
    at: str
    released_at: str | None = None
    released_by: str | None = None
    release_reason: str | None = None


def held_by(id_: int, reason: str) -> OnHold:
    """Return the error that names a hold."""
    return OnHold(
        f"The hold {id_} forbids it: {reason}", hint="It can be deleted once that hold is released.", hold=id_
    )


class HoldStore(Protocol):
    """The holds of graphs, and what they cover."""

    async def put(self, graph: str, request: HoldRequest) -> Hold:
        """Hold something. Raises NotFound for keys and ids that are not there."""

    async def release(self, graph: str, id_: int, by: str, reason: str) -> Hold:
        """Release a hold. Raises NotFound, Conflict where it was released before."""

    async def get(self, graph: str, id_: int) -> Hold:
        """Return a hold. Raises NotFound."""

    async def list(self, graph: str, *, active: bool | None, cursor: str | None, limit: int) -> Page[Hold]:
        """Return a page of holds, the newest first."""

    async def held_items(self, graph: str, ids: Collection[int]) -> Collection[int]:
        """Return those of these items and relationships that a hold covers."""

    async def refuse(self, graph: str, ids: Collection[int]) -> None:
        """Raise OnHold where a hold covers one of these items and relationships."""

    async def refuse_claims(self, graph: str, ids: Collection[int]) -> None:
        """Raise OnHold where a hold covers one of these claims, or what they are about."""

    async def refuse_scopes(self, graph: str, scopes: Collection[str]) -> None:
        """Raise OnHold where a hold covers a scope, or something in it."""

    async def refuse_scope_names(self, graph: str, scopes: Collection[str]) -> None:
        """Raise OnHold where a hold covers one of these scopes as a whole."""

    async def refuse_texts(self, graph: str, keys: Collection[str], scope: str) -> None:
        """Raise OnHold where a hold covers one of these texts, or what was extracted from them."""

    async def refuse_import(self, graph: str, id_: int) -> None:
        """Raise OnHold where a hold covers something that came with an import."""

    async def refuse_graph(self, graph: str) -> None:
        """Raise OnHold where a graph has a hold of any kind."""
