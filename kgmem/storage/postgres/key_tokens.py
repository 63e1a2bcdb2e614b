"""Tokens of API keys, and the hashing of their secrets: slow on purpose, off the event loop, a few at a time."""

import asyncio
import re
import secrets
from dataclasses import dataclass, field

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from kgmem.domain.errors import Unavailable

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
        """Give the token as callers send it."""
        return f"kgm_{self.id}_{self.secret}"


def new_token() -> Token:
    """Make a token: 60 random bits of id, 256 of secret."""
    return Token("".join(secrets.choice(_ALPHABET) for _ in range(12)), secrets.token_urlsafe(32))


def parse_token(text: str) -> Token | None:
    """Give the token that a text is, or None."""
    found = _TOKEN.fullmatch(text)
    return Token(found["id"], found["secret"]) if found else None


class SecretHasher:
    """Makes and checks argon2id hashes in threads, so that neither the event loop nor all cores are taken."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def hash(self, secret: str) -> str:
        """Give the hash of a secret, salted."""
        async with self._places:
            return await asyncio.to_thread(_ARGON2.hash, secret)

    async def check(self, hash_: str | None, secret: str) -> bool:
        """Say whether the secret has this hash; None takes as long as a hash does. Raises Unavailable under load."""
        if self._waiting >= _WAITING:
            raise Unavailable("Too many API keys are being checked at once.", mend="Try again in a moment.")
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
