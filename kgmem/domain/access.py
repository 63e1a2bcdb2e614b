"""API keys: who may do what, on which graph, in which scope, until when."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Literal, Protocol, get_args

from kgmem.domain.errors import Forbidden, InvalidInput
from kgmem.domain.graph.graph import no_such_graph
from kgmem.domain.graph.scope import WidenedScope, check_scope, reaches

Role = Literal["reader", "analyst", "reviewer", "importer", "writer", "admin"]
Need = Literal["reader", "writer", "admin"]
GrantAccess = Literal["read", "write"]
ROLES: tuple[Role, ...] = get_args(Role)
# What a role may do everywhere. Some requests are also for a narrower role, which they name: analysts and reviewers
# read, and do such things beside; importers do nothing else.
_LEVELS: dict[Role, int] = {"importer": -1, "reader": 0, "analyst": 0, "reviewer": 0, "writer": 1, "admin": 2}
_NEEDS: dict[Need, int] = {"reader": 0, "writer": 1, "admin": 2}


# Begins the id of a key that is not stored: it stands for a person at an identity provider. Its generation is the time
# at which the token ends, in seconds since 1970.
OF_PROVIDER = "oidc-"


def highest(roles: Sequence[Role]) -> Role:
    """Return the role that allows most; of those that read and do one thing beside, reviewer."""
    return max(roles, key=lambda role: (_LEVELS[role], ROLES.index(role)))


MOST_PER_MINUTE = 1_000_000
LONGEST_OVERLAP = 30 * 86_400  # Seconds for which the secret before a rotation may be valid.
OVERLAP = 86_400


class Keep(Enum):
    """Stands for what a change leaves as it is."""

    KEEP = auto()


KEEP = Keep.KEEP


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How often a key may send requests: so many a minute, of which `burst` may come at once."""

    per_minute: int
    burst: int

    def __post_init__(self) -> None:
        """Refuse what is no limit."""
        for name, value in (("requests_per_minute", self.per_minute), ("burst", self.burst)):
            if not 1 <= value <= MOST_PER_MINUTE:
                raise InvalidInput(f"{name}: {value} is no limit.", hint=f"Give 1 to {MOST_PER_MINUTE:,}.")


def rate_limit(per_minute: int | None, burst: int | None) -> RateLimit | None:
    """Return a limit; without `burst` all requests of a minute may come at once. Raises InvalidInput."""
    if per_minute is None:
        if burst is not None:
            raise InvalidInput("burst: there is no limit of which it is a part.", hint="Give requests_per_minute, too.")
        return None
    return RateLimit(per_minute, per_minute if burst is None else burst)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a limit: requests that may come at once, and the seconds until all of them may again."""

    limit: RateLimit
    left: int
    full_in: float


MOST_GRANTS = 100  # Of one key that are not over: each adds a path to what its queries look for.
_LONGEST_REASON = 2000


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """A grant to make: a key may read, or also write, a further scope and what lies below it, for a time."""

    scope: str
    access: GrantAccess = "read"
    reason: str = ""  # It needs one.
    graph: str | None = None  # Only in this graph; None: wherever the key may act.
    starts_at: str | None = None  # None: now.
    expires_at: str | None = None  # None: until it is revoked.

    def checked_for(self, key: "Key") -> "GrantRequest":
        """Return it unchanged where it adds something to what the key may do. Raises InvalidInput."""
        if self.access not in {"read", "write"}:
            raise InvalidInput(
                f"access: {self.access!r} is no access.",
                hint="Give read, or write, which includes read.",
                field="access",
            )
        if not self.reason.strip() or len(self.reason) > _LONGEST_REASON:
            raise InvalidInput(
                "reason: a grant needs a reason.", hint=f"At most {_LONGEST_REASON} characters.", field="reason"
            )
        if not check_scope(self.scope):
            raise InvalidInput(
                "scope: a grant names a scope; the empty one has all scopes below it.",
                hint="Grant a scope such as team/7, or create a key without a scope.",
                field="scope",
            )
        if reaches(key.scope, self.scope):
            raise InvalidInput(
                f"scope: the API key {key.id} reaches this scope without a grant.",
                hint="Only keys that are restricted to a scope need grants, for scopes outside of it.",
            )
        if self.access == "write" and key.role == "reader":
            raise InvalidInput(
                f"access: the API key {key.id} has the role reader, so that it cannot write.",
                hint="Grant read, or grant write to a key with the role writer.",
            )
        if self.access == "read" and not key.may("reader"):
            raise InvalidInput(
                f"access: the API key {key.id} has the role {key.role}, so that it cannot read.",
                hint="Grant write, or grant read to a key with the role reader.",
            )
        if key.graph is not None and self.graph not in {None, key.graph}:
            raise InvalidInput(
                f"graph: the API key {key.id} is restricted to another graph.", hint="Leave the graph out."
            )
        return self


@dataclass(frozen=True, slots=True)
class Grant:
    """What a key may do in a further scope and below it, from when to when, who granted it and who revoked it."""

    id: int
    key: str
    scope: str
    access: GrantAccess
    reason: str
    graph: str | None = None
    starts_at: str | None = None
    expires_at: str | None = None
    created_at: str | None = None
    created_by: str | None = None  # The id of an admin's key; None: the program on the server.
    revoked_at: str | None = None
    revoked_by: str | None = None
    revoke_reason: str | None = None

    def holds_in(self, graph: str | None) -> bool:
        """Return whether it is for this graph."""
        return self.graph is None or self.graph == graph


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
    limit: RateLimit | None = None
    rotated_at: str | None = None
    old_secret_until: str | None = None  # Until then the secret before the last rotation is valid, too.
    last_used_at: str | None = field(default=None, compare=False)  # As written, at most a minute late.
    generation: int = field(default=0, compare=False)  # How many secrets came before the one that was sent.
    grants: tuple[Grant, ...] = ()  # Those in force.
    granted: tuple[Grant, ...] = ()  # Those that count for the request: `acting` chooses them.
    widens: bool = False  # Whether a request that names no scope reads the granted scopes, too.

    def may(self, role: Need, also: Sequence[Role] = ()) -> bool:
        """Return whether its role allows what a request needs, or is one that the request is also for."""
        return _LEVELS[self.role] >= _NEEDS[role] or self.role in also

    def acting(self, role: Need, graph: str | None) -> "Key":
        """Return the key with the grants that count for a request that needs a role on a graph.

        A request that reads and names no scope sees the granted scopes beside the key's own. One that writes acts in
        the key's own scope, or in a granted one that it names.
        """
        if not self.grants:
            return self
        chosen = [each for each in self.grants if each.holds_in(graph) and (role == "reader" or each.access == "write")]
        return replace(self, granted=tuple(chosen), widens=role == "reader")

    @property
    def grant_ids(self) -> frozenset[int]:
        """The ids of the grants that count for the request: what was opened by them ends with them."""
        return frozenset(each.id for each in self.granted)

    def demand(self, role: Need, graph: str | None = None, *, whole: bool = False, also: Sequence[Role] = ()) -> None:
        """Raise Forbidden unless the key has the role, or one of `also`, on the graph (None: on the server as a whole).

        A graph that the key is not restricted to is NotFound, like one that does not exist. `whole` demands the graph
        with all its scopes, which a key restricted to a scope does not have.
        """
        if self.graph is not None and graph != self.graph:
            if graph is not None:
                raise no_such_graph(graph)
            raise Forbidden("This API key is restricted to one graph.", hint="Use a key without a graph.")
        if any(not each.holds_in(graph) for each in self.granted):
            raise Forbidden(
                "This request sees scopes that are granted in one graph, and would use them in another.",
                hint="Query one graph at a time.",
            )
        if self.scope and (whole or role == "admin"):
            raise Forbidden(
                "This API key is restricted to a scope, but the request concerns all scopes.",
                hint="Use a key without a scope.",
            )
        if not self.may(role, also):
            needed = " or ".join([role, *also])
            raise Forbidden(
                f"This API key has the role {self.role}, but the request needs {needed}.",
                hint=f"Use a key with the role {needed}.",
            )

    def demand_scope(self, scope: str | None) -> str:
        """Return the scope to act in: the requested one; for None the key's own and those granted. Raises Forbidden."""
        if scope is None:
            granted = [each.scope for each in self.granted] if self.widens else []
            return WidenedScope(self.scope, granted) if granted else self.scope
        if not reaches(self.scope, scope) and not any(reaches(each.scope, scope) for each in self.granted):
            read = next((each for each in self.grants if each.access == "read" and reaches(each.scope, scope)), None)
            if read is not None:
                raise Forbidden(
                    f"This API key may read the scope {read.scope!r} by a grant, and this request writes in it, or "
                    "works in another graph than the grant is for.",
                    hint=f"Write in {self.scope!r}, or have an admin grant writing: kgmem key grant --access write.",
                )
            raise Forbidden(
                f"This API key is restricted to another scope than {scope[:80]!r}.",
                hint=f"Use {self.scope!r} or a scope below it, or leave the scope out. "
                "An admin can grant others: kgmem key grant.",
            )
        return scope


def check_restriction(role: Role, scope: str) -> None:
    """Raise InvalidInput for an admin key with a scope: what admins do concerns all scopes."""
    if role == "admin" and scope:
        raise InvalidInput(
            "A key with the role admin cannot be restricted to a scope.",
            hint="Leave the scope out, or give the role reader or writer.",
        )


class KeyRing(Protocol):
    """The API keys."""

    async def create(
        self,
        name: str,
        role: Role,
        *,
        graph: str | None,
        scope: str,
        expires_at: str | None,
        limit: RateLimit | None = None,
    ) -> tuple[Key, str]:
        """Create a key; returns it with its secret, which is never shown again."""

    async def list(self) -> Sequence[Key]:
        """Return all keys, without secrets."""

    async def update(
        self, id_: str, *, name: str | Keep, expires_at: str | Keep | None, limit: RateLimit | Keep | None
    ) -> Key:
        """Change a key that is not revoked. Raises NotFound, InvalidInput, Conflict."""

    async def rotate(self, id_: str, overlap: float) -> tuple[Key, str]:
        """Replace the secret of a key; the former one is valid for `overlap` seconds. Raises NotFound, Conflict."""

    async def revoke(self, id_: str) -> Key:
        """Revoke a key. Raises NotFound."""

    async def authenticate(self, secret: str, *, address: str | None = None) -> Key:
        """Return the key of a secret that came from an address. Raises Unauthenticated, TooManyLogins."""

    def spend(self, key: Key) -> Allowance | None:
        """Count a request of a key; returns what is left of its limit, None without any. Raises TooManyRequests."""

    async def check(self, id_: str, *, generation: int | None = None) -> None:
        """Raise Unauthenticated unless a key, and the secret that was sent, is valid; data is at most a second old."""

    async def current(self, key: Key) -> Key:
        """Return a key with its grants in force, by data not older than a second. Raises Unauthenticated."""

    def watch(
        self,
        id_: str,
        ended: Callable[[], None],
        grants: frozenset[int] = frozenset(),
        *,
        generation: int | None = None,
    ) -> Callable[[], None]:
        """Call `ended` once, within a second after a key, its secret or one of these grants ends; returns what ends it.

        `generation` is that of the secret that was sent.
        """

    @property
    def grants(self) -> "KeyGrants":
        """The grants of further scopes."""


class TokenVerifier(Protocol):
    """What checks tokens of an identity provider."""

    async def verify(self, text: str) -> Key:
        """Return the key that a token stands for. Raises Unauthenticated, Forbidden, Unavailable."""


class KeyGrants(Protocol):
    """The grants of further scopes to API keys."""

    async def create(self, key: str, wanted: GrantRequest, *, by: str | None) -> Grant:
        """Grant a scope to a key. Raises NotFound, InvalidInput, Conflict."""

    async def list(self, key: str, *, before: int | None, limit: int) -> Sequence[Grant]:
        """Return the grants of a key, newest first, those that are over included. Raises NotFound."""

    async def revoke(self, key: str, id_: int, *, by: str | None, reason: str | None) -> Grant:
        """Revoke a grant. Raises NotFound."""
