"""Scopes: which variables can be seen at a place, and of which type each is."""

from collections.abc import Iterator, Mapping

from kgmem.query.types import Type

_DEEPEST = 64  # Layers that a look-up may have to go through before they are made one.


class Scope(Mapping[str, Type]):
    """The variables at one place of a query; it never changes.

    A clause mostly adds to what the one before it has, and every clause's scope is kept. So scopes that grow from each
    other share one dictionary, of which each sees the first so many; what belongs to an inner query, a comprehension or
    a changed type is a layer over the scope around it. So n clauses with n variables take n steps, and not n * n.
    """

    __slots__ = ("_around", "_count", "_depth", "_own")

    def __init__(self, own: Mapping[str, Type] | None = None, around: "Scope | None" = None) -> None:
        """Take variables with their types, and the scope that they hide or add to."""
        self._own = {name: (place, kind) for place, (name, kind) in enumerate((own or {}).items())}
        self._count = len(self._own)
        self._around = around
        self._depth: int = 0 if around is None else around._depth + 1

    def bound(self, name: str, kind: Type) -> "Scope":
        """Return the scope with one more variable, or with another type for one that it has."""
        if not self._count:
            return Scope({name: kind}, self._around)
        if name in self._own or len(self._own) != self._count:
            around = self if self._depth < _DEEPEST else Scope(dict(self))
            return Scope({name: kind}, around)
        self._own[name] = (self._count, kind)
        grown = Scope.__new__(Scope)
        grown._own, grown._count, grown._around, grown._depth = self._own, self._count + 1, self._around, self._depth
        return grown

    def local(self, name: str, kind: Type) -> "Scope":
        """Return the scope inside of an expression that has a variable of its own."""
        return Scope({name: kind}, self)

    def inner(self) -> "Scope":
        """Return the scope in which a part of the query begins whose variables end with it."""
        return Scope(None, self)

    def _find(self, name: object) -> Type | None:
        scope: Scope | None = self
        while scope is not None:
            found = scope._own.get(name)  # type: ignore[call-overload]
            if found is not None and found[0] < scope._count:
                kind: Type = found[1]
                return kind
            scope = scope._around
        return None

    def __getitem__(self, name: str) -> Type:
        """Return a variable's type. Raises KeyError."""
        found = self._find(name)
        if found is None:
            raise KeyError(name)
        return found

    def __contains__(self, name: object) -> bool:
        """Whether there is a variable of that name."""
        return self._find(name) is not None

    def __iter__(self) -> Iterator[str]:
        """Return the names, the outermost first."""
        layers: list[Scope] = []
        scope: Scope | None = self
        while scope is not None:
            layers.append(scope)
            scope = scope._around
        seen: dict[str, None] = {}
        for layer in reversed(layers):
            for name, (place, _) in layer._own.items():
                if place >= layer._count:
                    break
                seen[name] = None
        return iter(seen)

    def __len__(self) -> int:
        """Return how many variables there are."""
        return sum(1 for _ in self)


NOTHING = Scope()
