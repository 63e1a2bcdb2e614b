"""Bearer tokens (RFC 9068, OpenID Connect ID tokens): checked, and read as keys with a role, a graph and a scope."""

import re
from base64 import b32encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, cast, get_args

import jwt
from jwt.exceptions import ExpiredSignatureError, InvalidTokenError

from kgmem.domain.access import OF_PROVIDER, Key, Role, check_restriction, highest
from kgmem.domain.errors import Forbidden, InvalidInput, Unauthenticated
from kgmem.domain.graph.graph import check_graph_name
from kgmem.domain.graph.scope import check_scope
from kgmem.domain.time.interval import iso
from kgmem.log import EventLog
from kgmem.oidc.key_set import KINDS, KeySet

log = EventLog(__name__)

_LONGEST: Final = 16_384  # Characters of a token.
_LEEWAY: Final = 30.0  # Seconds by which the clocks of provider and server may differ.
_REQUIRED: Final = ("exp", "iss", "aud", "sub")
_PLACE: Final = re.compile(r"\{([A-Za-z0-9_.:/-]+)\}")
ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class Mapped:
    """Which claims say what a token allows.

    `roles` gives a role for a value of the claim (`*`: for any token); without any the values are roles themselves.
    `scope` is a template such as `user/{sub}`. `*_claim` may lead into objects: `realm_access.roles`.
    """

    role_claim: str = "kgmem_role"
    graph_claim: str = "kgmem_graph"
    scope_claim: str = "kgmem_scope"
    roles: Mapping[str, Role] | None = None
    scope: str | None = None


class BearerTokens:
    """Checks the tokens of one provider."""

    def __init__(
        self, issuer: str, audiences: Sequence[str], keys: KeySet, *, algorithms: Sequence[str], mapped: Mapped
    ) -> None:
        """Take what tokens must be of. Raises InvalidInput for algorithms that are not public-key signatures."""
        if not audiences:
            raise InvalidInput(
                "Without an audience, tokens for any other program would be taken.", hint="Set KGMEM_OIDC_AUDIENCE."
            )
        unknown = [each for each in algorithms if each not in KINDS]
        if unknown or not algorithms:
            raise InvalidInput(
                f"KGMEM_OIDC_ALGORITHMS: {', '.join(unknown) or 'nothing'} is no signature by a public key.",
                hint=f"Name some of {', '.join(KINDS)}.",
            )
        self._issuer = issuer
        self._audiences = list(audiences)
        self._keys = keys
        self._algorithms = frozenset(algorithms)
        self._mapped = mapped

    async def verify(self, text: str) -> Key:
        """Return the key that a token stands for. Raises Unauthenticated, Forbidden, Unavailable."""
        claims = await self._claims(text)
        role = self._role(claims)
        scope = "" if role == "admin" else self._scope(claims)
        graph = _claim(claims, self._mapped.graph_claim)
        try:
            check_restriction(role, scope)
            found = None if graph is None else check_graph_name(_text(graph))
        except InvalidInput as error:
            raise Forbidden(f"The token names no graph: {error.message}") from error
        expires = int(claims["exp"])
        return Key(
            identity(self._issuer, claims["sub"]),
            str(claims.get("preferred_username") or claims.get("email") or claims["sub"])[:200],
            role,
            found,
            scope,
            expires_at=iso(expires * 1_000_000),
            generation=expires,
        )

    async def _claims(self, text: str) -> Mapping[str, Any]:
        """Return the claims of a token that is valid now."""
        try:
            algorithm, key_id = self._header(text)
            candidates = await self._keys.find(key_id, algorithm)
            return self._checked(text, algorithm, candidates)
        except ExpiredSignatureError as error:
            raise Unauthenticated("The token has expired.", hint="Get another one from the provider.") from error
        except (InvalidTokenError, ValueError, TypeError, RecursionError) as error:
            log.info("token_refused", reason=type(error).__name__)
            raise Unauthenticated(
                "The token is not valid.", hint="Its issuer, audience, algorithm, signature or times are not those set."
            ) from error

    def _header(self, text: str) -> tuple[str, str | None]:
        """Return the algorithm that a token names, which is one of those set, and the id of its key."""
        if len(text) > _LONGEST:
            raise InvalidTokenError("it is too long")
        header = jwt.get_unverified_header(text)
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in self._algorithms:
            raise InvalidTokenError("its algorithm is not taken")
        if "crit" in header:
            raise InvalidTokenError("it has critical extensions")
        return str(algorithm), key_id if isinstance(key_id, str) else None

    def _checked(self, text: str, algorithm: str, candidates: Sequence[jwt.PyJWK]) -> Mapping[str, Any]:
        problem: InvalidTokenError = InvalidTokenError("no key fits")
        for key in candidates:
            try:
                claims: dict[str, Any] = jwt.decode(
                    text, key, algorithms=[algorithm], audience=self._audiences, issuer=self._issuer, leeway=_LEEWAY,
                    options={"require": list(_REQUIRED), "strict_aud": False},
                )  # fmt: skip
            except jwt.InvalidSignatureError as error:
                problem = error
            else:
                if not isinstance(claims["sub"], str) or not claims["sub"]:
                    raise InvalidTokenError("its subject is empty")
                return claims
        raise problem

    def _role(self, claims: Mapping[str, Any]) -> Role:
        value = _claim(claims, self._mapped.role_claim)
        values = [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)]
        roles = self._mapped.roles
        if roles is None:
            allowed = [cast("Role", each) for each in values if each in get_args(Role)]
        else:
            allowed = [roles[each] for each in [*values, ANY] if each in roles]
        if not allowed:
            raise Forbidden(
                "The token gives no role in kgmem.",
                hint=f"Its claim {self._mapped.role_claim!r} must have a value that KGMEM_OIDC_ROLES knows.",
            )
        return highest(allowed)

    def _scope(self, claims: Mapping[str, Any]) -> str:
        """Return the scope that a token is restricted to. Never a wider one where a claim is missing or odd."""
        template = self._mapped.scope
        if template is None:
            named = _claim(claims, self._mapped.scope_claim)
            wanted = "" if named is None else _text(named)
            if named is not None and not wanted:
                raise Forbidden("The token names an empty scope.")
        else:
            wanted = _PLACE.sub(lambda place: _part(_claim(claims, place[1])), template)
        try:
            return check_scope(wanted)
        except InvalidInput as error:
            raise Forbidden(f"The token names no scope: {error.message}") from error


def identity(issuer: str, subject: str) -> str:
    """Return the id of the key that stands for a person at a provider: the same for each of their tokens."""
    digest = blake2b(f"{issuer}\0{subject}".encode(), digest_size=10).digest()
    return OF_PROVIDER + b32encode(digest).decode().lower()


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    """Return a claim; one whose name is a URL has dots itself, so the whole name is looked for first."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _part(value: Any) -> str:
    """Return a claim as one part of a scope. Raises Forbidden for one that would be several, or none."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value)
    if not text or "/" in text:
        raise Forbidden("A claim that the scope is made of is missing, empty or has a slash.")
    return text


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Forbidden("A claim of the token that names a graph or a scope is no text.")
    return value


def roles_of(text: str | None) -> Mapping[str, Role] | None:
    """Return the roles of a setting such as `kb-admins=admin, *=reader`. Raises InvalidInput."""
    if not text:
        return None
    roles: dict[str, Role] = {}
    for pair in filter(None, (each.strip() for each in text.split(","))):
        value, sign, role = (part.strip() for part in pair.rpartition("="))
        if not sign or not value or role not in get_args(Role):
            raise InvalidInput(
                f"KGMEM_OIDC_ROLES: {pair[:100]!r} gives no role.",
                hint=f"Write VALUE=ROLE with commas; roles are {', '.join(get_args(Role))}.",
            )
        roles[value] = cast("Role", role)
    return roles
