"""Summaries: what the current facts of an entity or a community come to, in a few sentences, each with what says so.

Without a model they are made of the facts themselves: those that are believed most and stand most in the middle, in
their own words. Each version has the time from which it was known, so that no earlier time shows a later one.
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
class Thing:
    """An entity that a summary speaks of: its id and version, what it is called, and how much it is in the middle."""

    id: int
    version: int
    key: str
    label: str
    name: str
    aliases: Sequence[str] = ()
    text: str | None = None
    centrality: float = 1.0


@dataclass(frozen=True, slots=True)
class Said:
    """A current fact: the relationship's id and version, its words, how far it is believed, and which texts say it."""

    id: int
    version: int
    text: str
    weight: float
    episodes: Sequence[str] = ()
    texts: Sequence[int] = ()  # The ids of the episodes.


@dataclass(frozen=True, slots=True)
class Material:
    """All that a summary is made of, the most central things first; `subject` is an entity's or a community's id."""

    kind: SubjectKind
    subject: int
    scope: str
    things: Sequence[Thing]
    facts: Sequence[Said]
    size: int = 1  # Of a community; of a large one not all things are here.

    def digest(self) -> int:
        """Return a number that changes when anything of it does."""
        told = [f"{each.id}.{each.version}.{each.name}" for each in self.things]
        told.append(str(self.size))
        told += sorted(f"{each.id}.{each.version}.{','.join(sorted(each.episodes))}" for each in self.facts)
        return int.from_bytes(blake2b("\x1f".join(told).encode(), digest_size=8).digest(), "big", signed=True)

    def versions(self) -> Mapping[int, int]:
        """Return the versions of all things and facts, by id."""
        things = {each.id: each.version for each in self.things}
        return things | {each.id: each.version for each in self.facts}


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, the facts and entities (by id) that it says, and the keys of the episodes that say it."""

    text: str
    says: Sequence[int]
    episodes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """A version of what is said of an entity or a community in short.

    `stale`: what it was made of has changed since; sentences of which that is so are left out already.
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
    """Return what the rules say of it: what it is, then the facts, those believed most and most in the middle first."""
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
    """Return the sentences of which all that they say is there still in the version that it had."""
    return [each for each in sentences if all(now.get(id_, -1) == then.get(id_, -2) for id_ in each.says)]


def _entity(thing: Thing) -> Sentence:
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


class Summaries(Protocol):
    """Keeps summaries, and gives what they are made of."""

    async def of_entity(self, graph: str, key: str, scope: str) -> Material:
        """Return what the summary of an entity in this scope only is made of. Raises NotFound."""

    async def of_community(self, graph: str, id_: int, scope: str) -> Material:
        """Return what the summary of a community is made of. Raises NotFound."""

    async def get(
        self, graph: str, kind: SubjectKind, subject: int, known_at: str | None
    ) -> tuple[Summary, int, Mapping[int, int]] | None:
        """Return a summary as it was known, with the digest and the versions of what it was made of."""

    async def put(self, graph: str, material: Material, made: "Made") -> bool:
        """Store a summary as the one that is known from now on, unless what it is made of is the same."""

    async def is_behind(self, graph: str) -> bool:
        """Return whether entities that were summed up once have changed since."""

    async def wanting(self, graph: str, after: int) -> Sequence[tuple[SubjectKind, int, str, str]]:
        """Return what has or shall have a summary that may not be up to date: kind, id, key, scope; by id."""


@dataclass(frozen=True, slots=True)
class Made:
    """What somebody made of material."""

    sentences: Sequence[Sentence]
    maker: str = RULES
    problem: str | None = None


@runtime_checkable
class Wording(Protocol):
    """Says the sentences of a summary in better words."""

    @property
    def name(self) -> str:
        """What stands as the maker of such summaries."""

    async def word(self, sentences: Sequence[Sentence]) -> Made:
        """Return them in better words, each with what it says; else as they are, with the problem."""
