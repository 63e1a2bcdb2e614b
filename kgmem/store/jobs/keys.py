"""API keys in Postgres: made, revoked, and checked from memory with a look at the table once a second."""

import asyncio
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from types import TracebackType
from typing import Any, get_args

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from kgmem.domain.access import (
    KEEP,
    LONGEST_OVERLAP,
    OF_PROVIDER,
    Allowance,
    Keep,
    Key,
    RateLimit,
    Role,
    TokenVerifier,
)
from kgmem.domain.errors import Conflict, InvalidInput, KgmemError, NotFound, Unauthenticated, Unavailable
from kgmem.domain.graph.graph import check_graph_name
from kgmem.domain.graph.scope import check_scope
from kgmem.domain.time.interval import now, parse_time
from kgmem.log import EventLog
from kgmem.store.db.database import Database
from kgmem.store.db.statements import load
from kgmem.store.jobs.grants import PostgresGrants
from kgmem.store.jobs.key_watch import FRESH, KeyWatch, key_of
from kgmem.store.jobs.rate_limits import AccessLimiter, AccessLimits
from kgmem.tasks import told_to_stop

# Tokens of API keys, and the hashing of their secrets: slow on purpose, off the event loop, a few at a time.

# Base32 in lower case (RFC 4648): no 0, 1, 8 or 9 that people confuse with letters.
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_TOKEN = re.compile(r"kgm_(?P<id>[a-z2-7]{12})_(?P<secret>[A-Za-z0-9_-]{43})")

# A secret is 256 random bits, so no amount of guessing finds it and the hash need not be as slow as a password's:
# 8 MiB and one pass take 5 ms of one core.
_ARGON2 = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1)
_AT_ONCE = 2
_WAITING = 64
# A check that failed keeps its place for this long, so that whoever guesses gets 40 guesses a second at the most.
_PENALTY = 0.05


@dataclass(frozen=True, slots=True)
class Token:
    """The two halves of a token: the id, which may be shown, and the secret, which may not."""

    id: str
    secret: str = field(repr=False)

    def text(self) -> str:
        """Return the token as callers send it."""
        return f"kgm_{self.id}_{self.secret}"


def new_token() -> Token:
    """Make a token: 60 random bits of id, 256 of secret."""
    return Token("".join(secrets.choice(_ALPHABET) for _ in range(12)), secrets.token_urlsafe(32))


def parse_token(text: str) -> Token | None:
    """Return the token that a text is, or None."""
    found = _TOKEN.fullmatch(text)
    return Token(found["id"], found["secret"]) if found else None


class SecretHasher:
    """Makes and checks argon2id hashes in threads, so that neither the event loop nor all cores are taken."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def hash(self, secret: str) -> str:
        """Return the hash of a secret, salted."""
        async with self._places:
            return await asyncio.to_thread(_ARGON2.hash, secret)

    async def check(self, hash_: str | None, secret: str) -> bool:
        """Return whether the secret has this hash; None takes as long as a hash does. Raises Unavailable under load."""
        if self._waiting >= _WAITING:
            raise Unavailable("Too many API keys are being checked at once.", hint="Try again in a moment.")
        self._waiting += 1
        try:
            async with self._places:
                fits = await asyncio.to_thread(_fits, hash_, secret)
                if not fits:
                    await asyncio.sleep(_PENALTY)
                return fits
        finally:
            self._waiting -= 1


def _fits(hash_: str | None, secret: str) -> bool:
    if hash_ is None:
        _ARGON2.hash(secret)
        return False
    try:
        return _ARGON2.verify(hash_, secret)
    except (VerificationError, InvalidHashError):
        return False


log = EventLog(__name__)

# Seconds between two writes of when keys were last used.
_USES = 60.0
_MOST_TOKENS = 10_000
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is known of one token: its key (None: not valid), the hash that it was found to fit, when that was read."""

    key: Key | None
    hash: str | None
    read_at: float


class PostgresKeyRing:
    """The API keys of one database. Close it, so that the last uses of keys are written."""

    def __init__(
        self, database: Database, limits: AccessLimits | None = None, tokens: TokenVerifier | None = None
    ) -> None:
        """Take the database, which is used while the ring is, limits of requests and logins, and what checks tokens."""
        self._database = database
        self._tokens = tokens
        self._limiter = AccessLimiter(limits or AccessLimits())
        self._hasher = SecretHasher()
        self._watch = KeyWatch(database, self._forget)
        self.grants = PostgresGrants(database, self._watch)
        # Tokens are held as digests under a key of this process, so that a memory dump holds none of them.
        self._pepper = secrets.token_bytes(32)
        self._seen: OrderedDict[bytes, _Seen] = OrderedDict()
        self._looking: dict[bytes, asyncio.Task[_Seen]] = {}
        self._revocations = 0
        self._used: dict[str, int] = {}
        self._written_at = float("-inf")
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "PostgresKeyRing":
        """Nothing to open: the database is."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the last uses."""
        await self.aclose()

    async def aclose(self) -> None:
        """Write when keys were last used, as far as the database can be reached."""
        await self._watch.aclose()
        if self._writing:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self._write_uses()
        self._limiter.close()

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
        """Create a key; return it with its token, which cannot be read again. Raises InvalidInput."""
        _check_name(name)
        if role not in get_args(Role):
            raise InvalidInput(f"{role!r} is not a role.", hint=f"Give one of: {', '.join(get_args(Role))}.")
        graph = None if graph is None else check_graph_name(graph)
        expires = _expiry(expires_at)
        token = new_token()
        values = (token.id, name, await self._hasher.hash(token.secret), role, graph, check_scope(scope), expires)
        async with self._database.connection() as connection:
            row = await connection.fetchrow(load("keys")["create"], *values, *_numbers(limit))
        return key_of(row), token.text()

    async def update(
        self, id_: str, *, name: str | Keep, expires_at: str | Keep | None, limit: RateLimit | Keep | None
    ) -> Key:
        """Change a key that is not revoked. Raises NotFound, InvalidInput, Conflict."""
        if name is not KEEP:
            _check_name(name)
        expires = None if expires_at is KEEP else _expiry(expires_at)
        numbers = (None, None) if limit is KEEP else _numbers(limit)
        values = (None if name is KEEP else name, expires_at is not KEEP, expires, limit is not KEEP, *numbers)
        async with self._database.connection() as connection:
            row = await connection.fetchrow(load("keys")["update"], id_, *values)
        if row is None:
            raise await self._no_such_key(id_)
        self._forget(id_)
        self._watch.granted(id_)
        return key_of(row)

    async def rotate(self, id_: str, overlap: float) -> tuple[Key, str]:
        """Replace the secret of a key; the former one is valid for `overlap` seconds. Raises NotFound, Conflict.

        Of the secrets before that none is valid, whatever their overlap was.
        """
        if not 0 <= overlap <= LONGEST_OVERLAP:
            raise InvalidInput(
                f"overlap: {overlap:g} seconds are too many.", hint=f"Give 0 to {LONGEST_OVERLAP:,} (30 days)."
            )
        token = Token(id_, new_token().secret)
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                load("keys")["rotate"], id_, await self._hasher.hash(token.secret), float(overlap)
            )
        if row is None:
            raise await self._no_such_key(id_)
        self._forget(id_)
        self._watch.granted(id_)
        return key_of(row), token.text()

    async def _no_such_key(self, id_: str) -> KgmemError:
        """Return the error for a key that is not there, or no longer in force."""
        async with self._database.connection() as connection:
            if await connection.fetchval(load("keys")["exists"], id_):
                return Conflict(f"The API key {id_[:40]!r} was revoked or has expired.", hint="Create another one.")
        return NotFound(f"There is no API key {id_[:40]!r}.", hint="kgmem key list shows their ids.")

    async def list(self) -> Sequence[Key]:
        """Return all keys, oldest first, without secrets."""
        async with self._database.connection() as connection:
            return [key_of(row) for row in await connection.fetch(load("keys")["list"])]

    async def revoke(self, id_: str) -> Key:
        """Revoke a key: here at once, in other processes within a second. Raises NotFound."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(load("keys")["revoke"], id_)
        if row is None:
            raise NotFound(f"There is no API key {id_[:40]!r}.", hint="kgmem key list shows their ids.")
        self._watch.end(id_)
        return key_of(row)

    def _forget(self, id_: str) -> None:
        """Forget what was read of a key; what is being read at this moment is read again."""
        self._revocations += 1
        for digest in [digest for digest, seen in self._seen.items() if seen.key and seen.key.id == id_]:
            del self._seen[digest]

    def watch(
        self,
        id_: str,
        ended: Callable[[], None],
        grants: frozenset[int] = frozenset(),
        *,
        generation: int | None = None,
    ) -> Callable[[], None]:
        """Call `ended` once, within a second after a key, one of these grants or its secret ends."""
        if id_.startswith(OF_PROVIDER):
            return _at_the_end(ended, generation)
        return self._watch.watch(id_, ended, grants, generation=generation)

    def spend(self, key: Key) -> Allowance | None:
        """Count a request of a key; returns what is left of its limit, None without any. Raises TooManyRequests."""
        return self._limiter.spend(key.id, key.limit)

    async def current(self, key: Key) -> Key:
        """Return a key with the grants that are in force. Raises Unauthenticated where the key is not."""
        if key.id.startswith(OF_PROVIDER):
            await self.check(key.id, generation=key.generation)
            return key
        return replace(key, grants=await self._watch.grants(key.id)) if key.scope else key

    async def check(self, id_: str, *, generation: int | None = None) -> None:
        """Raise Unauthenticated unless a key, and the secret that was sent, is in force."""
        if id_.startswith(OF_PROVIDER):
            if generation is None or generation <= time.time():
                raise Unauthenticated("The token has expired.", hint="Get another one from the provider.")
            return
        await self._watch.check(id_, generation=generation)

    async def authenticate(self, secret: str, *, address: str | None = None) -> Key:
        """Return the key of a token. Raises Unauthenticated, in the same words whatever is wrong with it.

        Raises TooManyLogins where too many from this address were wrong. A token that was right a moment ago is not
        concerned, so that nobody who guesses stops others at the same address.
        """
        if self._tokens is not None and not secret.startswith("kgm_") and secret.count(".") == 2:
            return await self._verify(self._tokens, secret, address)
        digest = blake2b(secret.encode(), key=self._pepper, digest_size=32).digest()
        seen = self._seen.get(digest)
        if seen is None or seen.key is None:
            self._limiter.admit(address)
        token = parse_token(secret)
        if token is not None and (seen is None or time.monotonic() - seen.read_at >= FRESH):
            seen = await self._look_once(token, digest)
        if token is None or seen is None or seen.key is None:
            self._limiter.failed(address)
            raise _not_valid()
        self._note_use(seen.key.id)
        return await self.current(seen.key)

    async def _verify(self, tokens: TokenVerifier, text: str, address: str | None) -> Key:
        """Return the key that a token of the identity provider stands for; it costs no more than a wrong one."""
        self._limiter.admit(address)
        try:
            return await tokens.verify(text)
        except Unauthenticated:
            self._limiter.failed(address)
            raise

    async def _look_once(self, token: Token, digest: bytes) -> _Seen:
        """Look a token up; callers who ask at the same time share one look."""
        task = self._looking.get(digest)
        if task is None:
            task = asyncio.create_task(self._look(token, digest))
            self._looking[digest] = task
            task.add_done_callback(lambda done: self._looked(digest, done))
        return await asyncio.shield(task)

    def _looked(self, digest: bytes, task: asyncio.Task[_Seen]) -> None:
        del self._looking[digest]
        if not task.cancelled() and (error := task.exception()):
            # Whoever waits for it gets the error; all may have gone away, though.
            log.debug("key_lookup_failed", error=error)

    async def _look(self, token: Token, digest: bytes) -> _Seen:
        """Read a token's key and cache the result."""
        while True:
            revocations, read_at = self._revocations, time.monotonic()
            async with self._database.connection() as connection:
                row = await connection.fetchrow(load("keys")["read"], token.id)
            fits = await self._fitting(row, token, self._seen.get(digest))
            if revocations == self._revocations:
                break
        key = key_of(row) if fits is not None and row["good"] else None
        if key is not None and fits == row["other_hash"]:
            key = replace(key, generation=key.generation - 1)
        seen = _Seen(key, fits, read_at)
        self._seen[digest] = seen
        self._seen.move_to_end(digest)
        if len(self._seen) > _MOST_TOKENS:
            self._seen.popitem(last=False)
        return seen

    async def _fitting(self, row: Any, token: Token, before: _Seen | None) -> str | None:
        """Return the hash that a token fits: of the current secret, or of the former one while that is valid."""
        hashes = [row["hash"], row["other_hash"]] if row else [None]
        if before is not None and before.hash is not None and before.hash in hashes:
            return before.hash
        for hash_ in hashes:
            if (hash_ is not None or row is None) and await self._hasher.check(hash_, token.secret):
                return str(hash_)
        return None

    def _note_use(self, id_: str) -> None:
        self._used[id_] = now()
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_uses_in_time())

    async def _write_uses_in_time(self) -> None:
        while self._used and not told_to_stop():
            await asyncio.sleep(max(0.0, self._written_at + _USES - time.monotonic()))
            await self._write_uses()

    async def _write_uses(self) -> None:
        used, self._written_at = dict(self._used), time.monotonic()
        if not used:
            return
        try:
            async with self._database.connection() as connection:
                await connection.execute(load("keys")["used"], list(used), list(used.values()))
        except KgmemError as error:
            log.warning("key_usage_not_stored", error=error)
        else:
            self._used = {id_: at for id_, at in self._used.items() if used.get(id_) != at}


def _at_the_end(ended: Callable[[], None], at: int | None) -> Callable[[], None]:
    """Call `ended` when a token ends; returns what prevents it."""
    if at is None:
        return lambda: None
    return asyncio.get_running_loop().call_later(max(0.0, at - time.time()), ended).cancel


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > _LONGEST_NAME:
        raise InvalidInput("A key needs a name.", hint=f"Name its purpose in at most {_LONGEST_NAME} characters.")


def _expiry(expires_at: str | None) -> int | None:
    """Return a time in the future; None for none. Raises InvalidInput."""
    expires = None if expires_at is None else parse_time(expires_at).start
    if expires is not None and expires <= now():
        raise InvalidInput(f"{expires_at!r} is past.", hint="A key expires in the future.")
    return expires


def _numbers(limit: RateLimit | None) -> tuple[int | None, int | None]:
    return (limit.per_minute, limit.burst) if limit else (None, None)


def _not_valid() -> Unauthenticated:
    return Unauthenticated(
        "The API key is not valid.",
        hint="Send Authorization: Bearer KEY with a key in force; kgmem key create makes one.",
    )
