"""What a text that was read brings into a graph: entities, claims, relationships, and where in the text each stands.

Facts of kinds that the graph knows become claims, which are weighed; the others become relationships of the kind
STATES, in the words of the text. What is denied or only may be so is no fact; a denied cause is stored as no cause.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import combinations, pairwise
from typing import Final

from kgmem.domain.claims.claim import ClaimStatement
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship, kind_in_words
from kgmem.domain.schema.schema import GraphSchema
from kgmem.domain.space.place import parse_place
from kgmem.domain.text.change import Ending
from kgmem.domain.text.extraction import Extraction, FoundCause, FoundEnding, FoundFact, FoundTime, Span
from kgmem.domain.text.names import UNNAMED, Meaning, Mention, is_name, meaning
from kgmem.domain.time.interval import Interval, iso

STATES: Final = "STATES"
CO_MENTIONED: Final = "CO_MENTIONED"
DOES_NOT_CAUSE: Final = "DOES_NOT_CAUSE"
BEFORE: Final = "BEFORE"
FOUND_BY: Final = "found_by"  # The property that marks what a text brought.
_DATES: Final = {"born in": "born", "born on": "born", "died in": "died", "died on": "died"}
# Kinds of which the text's own date says since when they hold, and not the time that they name.
_FROM_WORD_ON: Final = frozenset({"SCHEDULED_FOR", "TAKES_PLACE_IN"})
_LOCATED_IN: Final = "LOCATED_IN"
# What one joins for an hour, and is no member of.
_VISITED: Final = frozenset(
    """call meeting chat conversation session discussion party dinner lunch queue line debate protest search channel
    stream webinar""".split()  # noqa: SIM905
)
_LOOSE: Final = frozenset({"Object", "Concept"})
_NEAR: Final = 160  # Characters between two names that are mentioned together.
_MOST_TOGETHER: Final = 12  # Entities of a text whose pairs are told.
# Words that lead from an effect to its cause.
_BECAUSE: Final[Mapping[str, str]] = {
    **{word: word for word in ("because", "since", "as", "after", "following", "over", "amid")},
    **{word: f"{word} to" for word in ("due", "owing", "thanks")},
}
_LEAST_CAUSE: Final = 0.3
_AMOUNT: Final = re.compile(r"\d[\d.,' ]*%?")  # What an amount is raised or cut to, said without its unit.
# What leads from a verb to its kind, where a text has "it" or "there" in its place: "work there" is "works for".
_TIES: Final = ("", "in", "at", "for", "to")


@dataclass(frozen=True, slots=True)
class ExtractedGraph:
    """The entities, claims and relationships that one text states, each with its span in the text."""

    entities: Sequence[tuple[Mention, Entity, Span]]
    claims: Sequence[ClaimStatement]
    relationships: Sequence[tuple[Relationship, Span]]
    together: Sequence[tuple[str, str]]  # Keys of entities that are mentioned together, the lesser first.
    endings: Sequence[Ending] = ()
    said: str | None = None  # When the text was written, in ISO 8601.


def source_of(episode: Episode, found: Extraction) -> str:
    """Return the source of what a text states."""
    return episode.source or episode.speaker or found.speaker or episode.session or episode.key or "text"


def mentions_of(found: Extraction) -> list[Mention]:
    """Return what a text names and speaks of, each name once, those that it names first."""
    named = {
        each.name: Mention(each.name, each.label, tuple(filter(is_name, each.aliases)))
        for each in found.entities
        if is_name(each.name)
    }
    ends = [end for fact in _facts(found) for end in (fact.subject, fact.object)]
    for end in ends:
        named.setdefault(end.name, Mention(end.name, UNNAMED))
    for cause in _causes(found):
        for end in (cause.cause, cause.effect):
            named.setdefault(end.name, Mention(end.name, "Event"))
    for ending in found.endings:
        for begun in (ending.instead, ending.heir):
            if begun is not None and (is_name(begun.name) or _AMOUNT.fullmatch(begun.name)):
                named.setdefault(begun.name, Mention(begun.name, UNNAMED))
    return list(named.values())


def spoken_of(found: Extraction) -> list[Mention]:
    """Return what a text names, and what it only says of that it holds no more: of that it makes no entity."""
    named = {each.name: each for each in mentions_of(found)}
    for ending in found.endings:
        for end in (ending.subject, ending.object):
            if end is not None and is_name(end.name):
                named.setdefault(end.name, Mention(end.name, UNNAMED))
    return list(named.values())


def brought(episode: Episode, found: Extraction, keys: Mapping[str, str], schema: GraphSchema) -> ExtractedGraph:
    """Return what an episode brings of the things of which `keys` has the key, by what the text calls them."""
    reader = _Bringing(episode, found, keys, schema)
    claims: list[ClaimStatement] = []
    related: list[tuple[Relationship, Span]] = []
    for fact in _facts(found):
        told = reader.told(fact)
        if isinstance(told, ClaimStatement):
            claims.append(told)
        elif told is not None:
            related.append((told, _whole(fact)))
    claims += reader.dates()
    related += reader.causes()
    related += reader.order()
    ended = reader.endings()
    return ExtractedGraph(
        reader.entities(), _once(claims), _apart(related), reader.together(), ended, episode.occurred_at
    )  # fmt: skip


class _Bringing:
    """One episode with what was found in it, and the keys of what it names."""

    def __init__(self, episode: Episode, found: Extraction, keys: Mapping[str, str], schema: GraphSchema) -> None:
        self._episode = episode
        self._found = found
        self._keys = keys
        self._schema = schema
        self._labels = {mention.name: mention.label for mention in mentions_of(found)}
        self._said = found.said_at or episode.occurred_at
        self._source = source_of(episode, found)

    def entities(self) -> list[tuple[Mention, Entity, Span]]:
        """Return a statement of each entity that the text speaks of."""
        spans = {each.name: each.spans[0] for each in self._found.entities if each.spans}
        for fact in _facts(self._found):
            for end in (fact.subject, fact.object):
                spans.setdefault(end.name, end.span)
        for cause in _causes(self._found):
            for end in (cause.cause, cause.effect):
                spans.setdefault(end.name, end.span)
        places = {each.text.removeprefix("the ").removeprefix("The "): each for each in self._found.places}
        made = []
        for mention in mentions_of(self._found):
            if mention.name not in self._keys:
                continue
            place = places.get(mention.name)
            told = {"aliases": list(mention.aliases) or None, FOUND_BY: self._found.extractor}
            if place is not None:
                told["geonames"] = place.id
            statement = Entity(
                self._keys[mention.name],
                mention.label,
                mention.name,
                {name: value for name, value in told.items() if value is not None},
                place=parse_place([place.lon, place.lat]) if place else None,
                scope=self._episode.scope,
            )
            made.append((mention, statement, spans.get(mention.name, Span(0, 0))))
        return made

    def told(self, fact: FoundFact) -> ClaimStatement | Relationship | None:
        """A fact as a claim where its kind is known, else in its own words; None where both ends are one entity."""
        start, end = self._keys.get(fact.subject.name), self._keys.get(fact.object.name)
        if start is None or end is None or start == end:
            return None
        meant = self._meaning(fact)
        if meant is not None and self._may_join(fact, meant):
            return self._claim(fact, meant, (end, start) if meant.reverse else (start, end))
        valid = fact.time.interval if fact.time else Interval()
        # What somebody became in May is so after it, too.
        lasts = fact.predicate == "is" and fact.time is not None and fact.time.granularity != "range"
        words = f"{fact.subject.name} {fact.predicate} {fact.object.name}"
        return Relationship(
            STATES,
            start,
            end,
            key=f"states-{_digest(start, fact.predicate.lower(), end, _iso(valid.start) or '')}",
            properties={"predicate": fact.predicate, FOUND_BY: fact.found_by},
            text=words,
            valid_from=_iso(valid.start),
            valid_to=None if lasts else _iso(valid.end),
            confidence=fact.confidence,
            scope=self._episode.scope,
        )

    def _meaning(self, fact: FoundFact) -> Meaning | None:
        """Return what a fact's words mean of things of these types."""
        meant = meaning(fact.predicate, self._schema.kinds)
        if meant is None:
            return None
        if meant.kind == "LIVES_IN" and "based" in fact.predicate and not self._may_be_person(fact.subject.name):
            return Meaning(_LOCATED_IN) if _LOCATED_IN in self._schema.kinds else None
        if meant.kind == "LIVES_IN" and "moved" in fact.predicate and self._takes_place_of_no_place(fact.object.name):
            return None
        if meant.kind == "MEMBER_OF" and fact.object.name.split()[-1].lower() in _VISITED:
            return None
        taken = "took" in fact.predicate.split() or "taken" in fact.predicate.split()
        owner = self._labels.get(fact.object.name if not meant.reverse else fact.subject.name)
        return None if meant.kind == "ACQUIRED" and taken and owner != "Organization" else meant

    def _takes_place_of_no_place(self, name: str) -> bool:
        """Return whether a thing takes the place of what is no place: "moved from Jenkins to Buildkite"."""
        known = self._labels.get(name, UNNAMED)
        return known != "Place" and any(
            each.instead is not None and each.instead.name == name and each.kinds == ("USES",)
            for each in self._found.endings
        )

    def _may_be_person(self, name: str) -> bool:
        """Return whether a name is a person's, or may be in talk, where nobody says that a name is a person's."""
        label = self._labels.get(name, UNNAMED)
        return label == "Person" or (label != "Organization" and self._episode.speaker is not None)

    def _claim(self, fact: FoundFact, meant: Meaning, ends: tuple[str, str]) -> ClaimStatement:
        start, end = self._valid(fact.time, meant)
        span = _whole(fact)
        return ClaimStatement(
            self._source, ends[0], meant.kind, object=ends[1], valid_from=start, valid_to=end,
            confidence=fact.confidence, episode=self._episode.key, span=(span.start, span.end),
            scope=self._episode.scope,
        )  # fmt: skip

    def _valid(self, time: FoundTime | None, meant: Meaning) -> tuple[str | None, str | None]:
        """Return when a fact holds: what lasts goes on after its time; undated, it began with the text."""
        interval = time.interval if time is not None else Interval()
        said = self._said
        if meant.kind in _FROM_WORD_ON:
            return said, None
        if meant.over:
            return _iso(interval.start), _iso(interval.end) if time is not None else said
        if not meant.lasting:
            return _iso(interval.start), _iso(interval.end)
        if time is None:
            return said, None
        closed = time.granularity == "range" and interval.end is not None
        return _iso(interval.start), _iso(interval.end) if closed else None

    def endings(self) -> list[Ending]:
        """Return what the text says holds no more, by keys."""
        return [made for each in self._found.endings if (made := self._ending(each)) is not None]

    def _ending(self, each: FoundEnding) -> Ending | None:
        named = [end.name if end is not None else "" for end in (each.subject, each.object)]
        keys = [self._keys.get(name) if name else None for name in named]
        if any(name and key is None for name, key in zip(named, keys, strict=True)):
            return None
        meant = meaning(each.predicate, self._schema.kinds) if each.predicate is not None else None
        kinds, words = tuple(each.kinds), None
        if meant is not None:
            kinds = (meant.kind,)
            keys, named = (keys[::-1], named[::-1]) if meant.reverse else (keys, named)
        elif each.predicate is not None and not kinds:
            kinds, words = (STATES,), each.predicate
        if each.latest:
            told = [meaning(f"{verb} {word}".strip(), self._schema.kinds) for verb in each.verbs for word in _TIES]
            kinds = (*kinds, *(one.kind for one in told if one is not None))
        start = each.time.interval.start if each.time is not None else None
        begun = [self._keys.get(end.name) if end is not None else None for end in (each.instead, each.heir)]
        return Ending(
            keys[0], keys[1], (each.span.start, each.span.end), kinds, words, begun[0], begun[1], each.never,
            _iso(start) or self._said, (named[0], named[1]), each.becomes, tuple(each.verbs), each.latest,
            each.instead is not None and self._labels.get(each.instead.name) == "Person",
            each.predicate if meant is not None else None,
            each.otherwise,
        )  # fmt: skip

    def _may_join(self, fact: FoundFact, meant: Meaning) -> bool:
        """Return whether a kind may join things of these types, as far as the text tells them."""
        kind = self._schema.kinds[meant.kind]
        names = (fact.object.name, fact.subject.name) if meant.reverse else (fact.subject.name, fact.object.name)
        for name, allowed in zip(names, (kind.source_labels, kind.target_labels), strict=True):
            label = self._labels.get(name, UNNAMED)
            if label in _LOOSE and "Organization" in allowed:
                continue  # "Joined the choir", "joined Globex": the model takes many a company for a thing.
            if allowed and not any(self._schema.is_a(label, each) for each in allowed):
                return False
        return True

    def dates(self) -> Iterator[ClaimStatement]:
        """Return claims on when people were born and died."""
        for fact in self._found.facts:
            name = _DATES.get(fact.predicate.removeprefix("was "))
            time = _time_at(self._found, fact.object.span) or fact.time
            if name is None or time is None or fact.denied or fact.hedged or fact.subject.name not in self._keys:
                continue
            start = time.interval.start
            if start is None or time.span.start > fact.object.span.start:
                continue
            day = iso(start)[:10] if time.granularity == "day" else fact.object.name
            yield ClaimStatement(
                self._source, self._keys[fact.subject.name], name, value=day, confidence=fact.confidence,
                episode=self._episode.key, span=(fact.object.span.start, fact.object.span.end),
                scope=self._episode.scope,
            )  # fmt: skip

    def causes(self) -> Iterator[tuple[Relationship, Span]]:
        """Return what brings about what; what the text denies is stored as what does not."""
        for each in _causes(self._found):
            start, end = self._keys.get(each.cause.name), self._keys.get(each.effect.name)
            kind = DOES_NOT_CAUSE if each.denied else each.kind
            words = self._episode.text[each.span.start : each.span.end]
            if start is not None and end is not None and start != end and not (each.denied and each.kind == "PREVENTS"):
                stated = Relationship(
                    kind, start, end, key=f"cause-{_digest(start, kind, end)}",
                    properties={FOUND_BY: each.found_by, "predicate": words}, confidence=each.confidence,
                    text=_cause_in_words(each, words),
                    scope=self._episode.scope,
                )  # fmt: skip
                yield stated, each.span

    def order(self) -> Iterator[tuple[Relationship, Span]]:
        """Return which of the dated events of a text came before which."""
        dated: dict[str, FoundTime] = {}
        for fact in _facts(self._found):
            for end in (fact.subject, fact.object):
                if fact.time and end.name in self._keys and self._labels.get(end.name) == "Event":
                    dated.setdefault(self._keys[end.name], fact.time)
        ordered = sorted(dated.items(), key=lambda each: (each[1].interval.start or 0, each[0]))
        for (one, first), (two, second) in pairwise(ordered):
            if first.interval.end is not None and first.interval.end <= (second.interval.start or 0):
                stated = Relationship(BEFORE, one, two, properties={FOUND_BY: "rules:order"}, scope=self._episode.scope)
                yield stated, second.span

    def together(self) -> list[tuple[str, str]]:
        """Return the pairs of named entities that stand close to each other."""
        named = [each for each in self._found.entities if each.name in self._keys and each.spans][:_MOST_TOGETHER]
        pairs = set()
        for one, other in combinations(named, 2):
            near = any(abs(a.start - b.start) <= _NEAR for a in one.spans for b in other.spans)
            keys = sorted((self._keys[one.name], self._keys[other.name]))
            if near and keys[0] != keys[1]:
                pairs.add((keys[0], keys[1]))
        return sorted(pairs)


def _cause_in_words(cause: FoundCause, words: str) -> str:
    """Return the sentence of a cause, which points as its relationship does: the effect "because" the cause."""
    ends = cause.cause.name, cause.effect.name
    if cause.denied:
        return f"{ends[0]} does not cause {ends[1]}"
    if words.lower() == "so":
        return f"{ends[0]}, so {ends[1]}"
    backward = _BECAUSE.get(words.lower())
    if backward == "because" and cause.found_by.endswith("preposition"):
        backward = "because of"
    return f"{ends[1]} {backward} {ends[0]}" if backward else f"{ends[0]} {kind_in_words(cause.kind)} {ends[1]}"


def _facts(found: Extraction) -> Iterator[FoundFact]:
    """Return what a text asserts of two things; where one end is a time, the other facts of its clause have that."""
    for fact in found.facts:
        ends = (fact.subject, fact.object)
        timed = fact.predicate != "scheduled for" and any(_time_at(found, end.span) is not None for end in ends)
        if not (fact.denied or fact.hedged or timed) and all(is_name(end.name) for end in ends):
            yield fact


def _time_at(found: Extraction, span: Span) -> FoundTime | None:
    return next((time for time in found.times if span.within(time.span)), None)


def _causes(found: Extraction) -> Iterator[FoundCause]:
    for cause in found.causes:
        if cause.confidence >= _LEAST_CAUSE and all(map(is_name, (cause.cause.name, cause.effect.name))):
            yield cause


def _whole(fact: FoundFact) -> Span:
    """Return the stretch from the first word of a fact to its last."""
    spans = (fact.subject.span, fact.predicate_span, fact.object.span)
    return Span(min(each.start for each in spans), max(each.end for each in spans))


def _once(claims: Iterable[ClaimStatement]) -> list[ClaimStatement]:
    """Return claims without those that say the same from another stretch of the text; the surest stays."""
    kept: dict[tuple[object, ...], ClaimStatement] = {}
    for claim in sorted(claims, key=lambda each: (-each.confidence, each.span or (0, 0))):
        said = (claim.subject, claim.predicate, claim.object, claim.value, claim.valid_from, claim.valid_to)
        kept.setdefault(said, claim)
    return list(kept.values())


def _apart(related: Iterable[tuple[Relationship, Span]]) -> list[tuple[Relationship, Span]]:
    """Return relationships, each once."""
    kept: dict[tuple[object, ...], tuple[Relationship, Span]] = {}
    for stated, span in related:
        kept.setdefault((stated.kind, stated.key, stated.start, stated.end, stated.valid_from), (stated, span))
    return list(kept.values())


def _digest(*parts: str) -> str:
    return blake2b("\x1f".join(parts).encode(), digest_size=10).hexdigest()


def _iso(instant: int | None) -> str | None:
    return None if instant is None else iso(instant)
