"""The policy of each kind of cached values, and how a setting writes it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from kgmem.domain.errors import InvalidInput

CacheKind = Literal["recall", "context", "state", "entity"]
CACHE_KINDS: Final[tuple[CacheKind, ...]] = get_args(CacheKind)
Eviction = Literal["lru", "lfu"]

ON: Final = "on"
OFF: Final = "off"
_MOST_SECONDS: Final = 7 * 86_400
_HINT: Final = "Write on, off, or parts with commas: seconds=300,eviction=lru,share=0.5,compress=4096,write=through."


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """How values of one kind are kept; what is out of date is never served, whatever the policy says."""

    seconds: float = 300.0  # After which a value is dropped.
    eviction: Eviction = "lru"  # What goes first where memory is full: the least recently, or least often, used.
    share: float = 0.25  # Of the bytes of the cache in the process.
    compress: int = 4096  # Bytes from which on a value is compressed; 0: never.
    write_through: bool = False  # Whether what is written is read into the cache at once.


DEFAULTS: Final[Mapping[CacheKind, CachePolicy | None]] = {
    "recall": CachePolicy(300.0, "lfu", 0.5),
    "context": CachePolicy(60.0, "lru", 0.2),
    "state": CachePolicy(300.0, "lru", 0.3, write_through=True),
    # To read an entity takes about as long as to read the epoch.
    "entity": None,
}
_ENTITIES: Final = CachePolicy(300.0, "lru", 0.1)  # Where they are cached.


def policy_of(kind: CacheKind, setting: str | None) -> CachePolicy | None:
    """Return the policy that a setting writes, None where it is off; the rest is as by default. Raises InvalidInput."""
    default = DEFAULTS[kind]
    if setting is None or not setting.strip():
        return default
    if setting.strip() == OFF:
        return None
    policy = default or _ENTITIES
    if setting.strip() == ON:
        return policy
    for part in setting.split(","):
        name, _, value = (each.strip() for each in part.partition("="))
        try:
            policy = _with(policy, name, value)
        except ValueError as exc:
            raise InvalidInput(
                f"The policy of cached values of kind {kind} is not valid at {part.strip()!r}.", hint=_HINT
            ) from exc
    return policy


def _with(policy: CachePolicy, name: str, value: str) -> CachePolicy:
    if name == "seconds" and 0 < float(value) <= _MOST_SECONDS:
        return replace(policy, seconds=float(value))
    if name == "eviction" and value in get_args(Eviction):
        return replace(policy, eviction="lru" if value == "lru" else "lfu")
    if name == "share" and 0 < float(value) <= 1:
        return replace(policy, share=float(value))
    if name == "compress" and int(value) >= 0:
        return replace(policy, compress=int(value))
    if name == "write" and value in {"through", "around"}:
        return replace(policy, write_through=value == "through")
    raise ValueError(name)
