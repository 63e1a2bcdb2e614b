"""Causes by brute force, and the Bayesian networks of the data folder as causal graphs."""

import gzip
import math
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.memory import Memory
from tests.data import data

NETWORKS = ("alarm", "asia", "cancer", "child", "earthquake", "sachs", "survey")
_FAMILY = re.compile(r"probability \( (\w+)(?: \| ([^)]*))? \)")


@dataclass(frozen=True)
class Link:
    """A causal relationship as a test states it."""

    start: str
    end: str
    strength: float | None = None
    prevents: bool = False
    confidence: float | None = None
    kind: str = "CAUSES"

    @property
    def weight(self) -> float:
        """Strength x confidence, 1 where absent."""
        strength = 1.0 if self.strength is None else self.strength
        return strength * (1.0 if self.confidence is None else self.confidence)

    def stated(self, n: int, scope: str = "") -> Relationship:
        """The relationship; `n` keeps parallel ones apart."""
        kind = "PREVENTS" if self.prevents else self.kind
        return Relationship(
            kind, self.start, self.end, f"link {n}", strength=self.strength, confidence=self.confidence, scope=scope
        )


@dataclass(frozen=True)
class Found:
    """A simple path: its entities from cause to effect, its strength and its sign."""

    keys: tuple[str, ...]
    strength: float
    sign: int


@dataclass
class Naive:
    """Causes, effects and paths by enumerating all simple paths."""

    links: Sequence[Link]
    begins: Mapping[str, int] = field(default_factory=dict)  # Years; what is missing is unknown.
    any_order: bool = False

    def __post_init__(self) -> None:
        """Keep the strongest of parallel links of one sign."""
        strongest: dict[tuple[str, str, bool], float] = {}
        for link in self.links:
            which = (link.start, link.end, link.prevents)
            strongest[which] = max(strongest.get(which, 0.0), link.weight)
        self.out: dict[str, list[tuple[str, float, int]]] = defaultdict(list)
        for (start, end, prevents), weight in strongest.items():
            if weight > 0:
                self.out[start].append((end, weight, -1 if prevents else 1))

    def paths(self, depth: int, least: float = 0.0) -> Iterator[Found]:
        """All paths of one link or more."""
        for start in list(self.out):
            yield from self._from((start,), 1.0, 1, depth, least)

    def _from(self, keys: tuple[str, ...], strength: float, sign: int, depth: int, least: float) -> Iterator[Found]:
        if len(keys) > 1:
            yield Found(keys, strength, sign)
        if len(keys) > depth:
            return
        for end, weight, way in self.out.get(keys[-1], ()):
            if end not in keys and strength * weight >= least * (1 - 1e-9) and self._in_order((*keys, end)):
                yield from self._from((*keys, end), strength * weight, sign * way, depth, least)

    def _in_order(self, keys: tuple[str, ...]) -> bool:
        known = [self.begins[key] for key in keys if key in self.begins]
        return self.any_order or known == sorted(known)

    def between(self, start: str, end: str, depth: int, least: float = 0.0) -> list[Found]:
        """The paths from one to the other, the strongest first."""
        found = [path for path in self.paths(depth, least) if (path.keys[0], path.keys[-1]) == (start, end)]
        return sorted(found, key=lambda path: -path.strength)

    def causes(self, key: str, depth: int, least: float = 0.0) -> dict[str, float]:
        """What leads to the key, with its value."""
        return self._values(path for path in self.paths(depth, least) if path.keys[-1] == key)

    def effects(self, key: str, depth: int, least: float = 0.0) -> dict[str, float]:
        """What the key leads to, with its value."""
        return self._values((path for path in self.paths(depth, least) if path.keys[0] == key), at=-1)

    def _values(self, paths: Iterator[Found], at: int = 0) -> dict[str, float]:
        strengths: dict[str, dict[int, list[float]]] = defaultdict(lambda: {1: [], -1: []})
        for path in paths:
            strengths[path.keys[at]][path.sign].append(path.strength)
        return {key: noisy_or(signed[1]) - noisy_or(signed[-1]) for key, signed in strengths.items()}


def noisy_or(strengths: Sequence[float]) -> float:
    """The chance that at least one of independent causes suffices."""
    return 1 - math.prod(1 - strength for strength in strengths)


def network(name: str, seed: int = 7) -> tuple[list[str], list[Link]]:
    """The nodes of a Bayesian network, and its edges with strengths by chance."""
    dice = random.Random(seed)
    text = gzip.decompress(data(f"causal_bn/{name}.bif.gz").read_bytes()).decode()
    families = [(child, (parents or "").replace(",", " ").split()) for child, parents in _FAMILY.findall(text)]
    links = [Link(parent, child, round(dice.uniform(0.05, 1), 2)) for child, parents in families for parent in parents]
    return [child for child, _ in families], links


async def put(memory: Memory, graph: str, keys: Sequence[str], links: Sequence[Link], **begins: str) -> None:
    """Write entities, with the times at which some begin, and links between them."""
    entities = [Entity(key, "Event", key.title(), valid_from=begins.get(key)) for key in keys]
    await memory.entities.put(graph, entities)
    await memory.relationships.put(graph, [link.stated(n) for n, link in enumerate(links)])
