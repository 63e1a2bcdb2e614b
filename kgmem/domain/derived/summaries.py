"""Summaries: the current facts of an entity or a community in a few sentences, each with its sources.

Without a model they consist of the facts themselves: the most trusted and most central ones, in their own words. Each
version has the time from which it was known, so that no earlier time shows a later version.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Literal, Protocol, runtime_checkable

RULES: Final = "rules"
_MOST_FACTS: Final = 10  # That a summary tells.
_MOST_NAMED: Final = 3  # Members that the first sentence names.
_MOST_LABELS: Final = 4
_MOST_ALIASES: Final = 5
_DONE: Final = (".", "!", "?", "…", '."', ".”")

SubjectKind = Literal["entity", "community"]


@dataclass(frozen=True, slots=True)
class SummaryEntity:
    """An entity of a summary: its id, version and names, and how central it is."""

    id: int
    version: int
    key: str
    label: str
    name: str
    aliases: Sequence[str] = ()
    text: str | None = None
    centrality: float = 1.0


@dataclass(frozen=True, slots=True)
class SummaryFact:
    """A current fact: id and version of the relationship, its text, its consensus, and the episodes that state it."""

    id: int
    version: int
    text: str
    weight: float
    episodes: Sequence[str] = ()
    texts: Sequence[int] = ()  # The ids of the episodes.


@dataclass(frozen=True, slots=True)
class Material:
    """The input of a summary, the most central entities first; `subject` is the id of an entity or a community."""

    kind: SubjectKind
    subject: int
    scope: str
    things: Sequence[SummaryEntity]
    facts: Sequence[SummaryFact]
    size: int = 1  # Of a community; of a large one not all things are here.

    def digest(self) -> int:
        """Return a hash of the input, which changes with any part of it."""
        told = [f"{each.id}.{each.version}.{each.name}" for each in self.things]
        told.append(str(self.size))
        told += sorted(f"{each.id}.{each.version}.{','.join(sorted(each.episodes))}" for each in self.facts)
        return int.from_bytes(blake2b("\x1f".join(told).encode(), digest_size=8).digest(), "big", signed=True)

    def versions(self) -> Mapping[int, int]:
        """Return the versions of all entities and facts, by id."""
        things = {each.id: each.version for each in self.things}
        return things | {each.id: each.version for each in self.facts}


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, the facts and entities (ids) that it states, and the keys of its episodes."""

    text: str
    says: Sequence[int]
    episodes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """A version of the summary of an entity or a community.

    `stale`: its input has changed since; sentences whose facts have changed are omitted.
    """

    kind: SubjectKind
    subject: str  # The entity's key, or the community's id.
    scope: str
    text: str
    sentences: Sequence[Sentence]
    maker: str
    known_from: str
    known_to: str | None = None
    stale: bool = False
    problem: str | None = None  # Why the rules stood in for a model.


def sentences_of(material: Material) -> list[Sentence]:
    """Return the sentences by rules: what the subject is, then its most trusted and most central facts."""
    if not material.things:
        return []
    first = _entity(material.things[0]) if material.kind == "entity" else _community(material)
    told: dict[str, Sentence] = {}
    for fact in sorted(material.facts, key=lambda each: (-each.weight, each.id)):
        sentence = _sentence(fact.text)
        if sentence and len(told) < _MOST_FACTS:
            told.setdefault(sentence.casefold(), Sentence(sentence, [fact.id], sorted(fact.episodes)))
    return [first, *told.values()]


def standing(sentences: Sequence[Sentence], now: Mapping[int, int], then: Mapping[int, int]) -> list[Sentence]:
    """Return the sentences of which all facts and entities still exist in the same version."""
    return [each for each in sentences if all(now.get(id_, -1) == then.get(id_, -2) for id_ in each.says)]


def _entity(thing: SummaryEntity) -> Sentence:
    others = f", also called {_listed(thing.aliases[:_MOST_ALIASES])}" if thing.aliases else ""
    own = f" {_sentence(thing.text.splitlines()[0])}" if thing.text and thing.text.strip() else ""
    return Sentence(f"{thing.name} ({thing.label}){others}.{own}", [thing.id])


def _community(material: Material) -> Sentence:
    counts = Counter(each.label for each in material.things).most_common(_MOST_LABELS)
    kinds = ", ".join(f"{count} {label}" for label, count in counts)
    named = material.things[:_MOST_NAMED]
    told = f" ({kinds})" if len(material.things) == material.size else ""
    text = f"{material.size} entities around {_listed([each.name for each in named])}{told}."
    return Sentence(text, [each.id for each in named])


def _sentence(text: str) -> str:
    told = " ".join(text.split())
    return told if not told or told.endswith(_DONE) else f"{told}."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


class SummaryStore(Protocol):
    """Stores summaries, and reads their input."""

    async def of_entity(self, graph: str, key: str, scope: str) -> Material:
        """Return the input of the summary of an entity in this scope only. Raises NotFound."""

    async def of_community(self, graph: str, id_: int, scope: str) -> Material:
        """Return the input of the summary of a community. Raises NotFound."""

    async def get(
        self, graph: str, kind: SubjectKind, subject: int, known_at: str | None
    ) -> tuple[Summary, int, Mapping[int, int]] | None:
        """Return a summary as it was known, with the digest and the versions of its input."""

    async def put(self, graph: str, material: Material, made: "WordedSummary") -> bool:
        """Store a summary as the current one, unless its input has not changed."""

    async def is_behind(self, graph: str) -> bool:
        """Return whether entities that have a summary have changed since."""

    async def wanting(self, graph: str, after: int) -> Sequence[tuple[SubjectKind, int, str, str]]:
        """Return the summaries that may be out of date, and those to create: kind, id, key, scope; by id."""


@dataclass(frozen=True, slots=True)
class WordedSummary:
    """What a model made of the input."""

    sentences: Sequence[Sentence]
    maker: str = RULES
    problem: str | None = None


@runtime_checkable
class Wording(Protocol):
    """Rewrites the sentences of a summary in better words."""

    @property
    def name(self) -> str:
        """The name of the model or rules, stored with the summary."""

    async def word(self, sentences: Sequence[Sentence], *, every: bool = False) -> WordedSummary:
        """Return better sentences, each with its facts; on failure the given ones, with the problem.

        `every`: what each of them says shall be said, as in a distilled text.
        """
