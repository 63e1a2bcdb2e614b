"""Questions: what a recall asks, in its five parts. Every part is optional; at least one asks something."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from kgmem.domain.embedding import Vector

Fusion = Literal["convex", "rrf"]
HitKind = Literal["entity", "fact", "episode", "path"]


@dataclass(frozen=True, slots=True)
class What:
    """Meaning, words and kinds: what the hits are about."""

    text: str | None = None
    vector: Vector | None = None
    labels: Sequence[str] = ()
    kinds: Sequence[HitKind] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)
    start: Sequence[str] = ()
    sources: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class When:
    """Times: when it was true in the world (valid), and as of when kgmem knew it (known)."""

    valid_at: str | None = None
    between: tuple[str | None, str | None] | None = None
    any_time: bool = False  # Past and future validity too; the default is what is valid now.


@dataclass(frozen=True, slots=True)
class Question:
    """One recall request."""

    what: What = What()
    when: When = When()
    scope: str = ""
    k: int = 20
    fusion: Fusion | None = None  # None: the graph's setting, and convex where it has none.
    weights: Mapping[str, float] = field(default_factory=dict)  # Per arm, 1 unless given.
    explain: bool = False
