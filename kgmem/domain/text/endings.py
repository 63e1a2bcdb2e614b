"""Which known facts a text ends, withdraws or hands on, and what begins in their place.

A text names what it ends by a subject, an object or both, or means what was said last. Facts are looked up among those
that are stored and those that earlier texts of the same batch bring, in the order of the texts.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from kgmem.domain.claims.claim import ClaimStatement
from kgmem.domain.graph.relationship import Relationship, kind_in_words
from kgmem.domain.schema.schema import GraphSchema
from kgmem.domain.text.change import STATES, Changed, Ending, KnownFact, Turn
from kgmem.domain.text.names import LASTING, slug
from kgmem.domain.text.predicate_words import happened, same_name, stem, value_type, within
from kgmem.domain.text.slots import is_elsewhere, role_of, says_change, slot_of
from kgmem.domain.time.interval import iso, parse_time

ENDS: Final = "ends"  # The property with the kind, or the words, of the fact that holds no more.
# What a kind puts an end to, between the same two.
_INSTEAD_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "LIKES": ("DISLIKES",), "DISLIKES": ("LIKES",), "MARRIED_TO": ("ENGAGED_TO", "PARTNER_OF"),
}  # fmt: skip
_NO_LONGER: Final = "no longer"
# Slots that may hold several values unless a text says that one takes the place of another.
_BESIDE: Final = frozenset({"place"})
_BE: Final = frozenset({"is", "are", "was", "were", "am"})
# Kinds whose words are no verb: "is no longer allergic to".
_STATIVE: Final = frozenset(
    """ALLERGIC_TO RESPONSIBLE_FOR PARTNER_OF ENGAGED_TO FRIEND_OF MARRIED_TO MEMBER_OF SCHEDULED_FOR""".split()  # noqa: SIM905
)
# Stems of verbs for what one does until one retires or resigns.
_JOBS: Final = frozenset(
    map(stem, ("be", "teach", "coach", "manage", "run", "head", "chair", "edit", "conduct", "judge"))
)
_BACK: Final = re.compile(r"\b(?:back|again|returned|rejoined)\b", re.IGNORECASE)
# Of which somebody or something, and not what it is, was wrong where a person is named instead.
_BY_SUBJECT: Final = frozenset({"LEADS", "RESPONSIBLE_FOR", "OWNS"})
_ONE_AT_A_TIME: Final = re.compile(
    r"^(?:favou?rite\b.* (?:is|are)|name is|.*\bname is|(?:is|am|are) (?:called|named))$", re.IGNORECASE
)


def changed(turns: Sequence[Turn], known: Mapping[int, Sequence[KnownFact]], schema: GraphSchema) -> list[Changed]:
    """Return what the endings of turns come to, turn by turn; `known` has the facts stored before, by turn."""
    so_far: dict[str, list[tuple[str | None, KnownFact]]] = {}
    gone: set[int] = set()
    made = []
    for at, turn in enumerate(turns):
        mine = so_far.setdefault(turn.scope, [])
        own = [*_own(turn)]
        earlier = [replace(each, recent=session == turn.session) for session, each in mine]
        resolver = _Resolver(turn, schema, [*known.get(at, ()), *earlier], own, gone)
        made.append(resolver.changed())
        mine[:] = [each for each in mine if id(each[1].statement) not in gone]
        mine += [(turn.session, each) for each in (*own, *resolver.begun) if id(each.statement) not in gone]
    return made


def _own(turn: Turn) -> Iterator[KnownFact]:
    for claim in turn.claims:
        if claim.object is not None and claim.valid_to is None:
            yield KnownFact(claim, turn.episode)
    for stated in turn.relationships:
        if stated.kind == STATES and stated.valid_to is None:
            yield KnownFact(stated, turn.episode)


class _Resolver:
    """One turn's endings against the facts before it."""

    def __init__(
        self,
        turn: Turn,
        schema: GraphSchema,
        before: Sequence[KnownFact],
        own: Sequence[KnownFact],
        gone: set[int],
    ) -> None:
        self._turn = turn
        self._schema = schema
        self._before = [each for each in before if id(each.statement) not in gone]
        self._own = own
        self._gone = gone
        self._made = Changed()
        self.begun: list[KnownFact] = []
        self._begun: set[tuple[str, str, str]] = set()
        self._over: list[KnownFact] = []  # What ends without anything in its place.

    def changed(self) -> Changed:
        """Return what the turn's endings and its own facts come to."""
        begun = self._begun
        ended = set[tuple[int, int]]()
        for ending in self._turn.endings:
            if ending.otherwise and any(start < ending.span[1] and ending.span[0] < end for start, end in ended):
                continue
            for fact in list(self._meant(ending)):
                ended.add(ending.span)
                if ending.instead is not None and ending.instead == fact.ends[1]:
                    continue  # What is so already: "works for me" of the time that stands.
                self._end(fact, ending)
                if isinstance(fact.statement, ClaimStatement) and ending.instead is None and ending.heir is None:
                    self._over.append(fact)
                if ending.instead is not None or ending.heir is not None or self._becomes(fact, ending):
                    self._begin(fact, ending, begun)
        self._one_at_a_time()
        self._slots()
        self._again()
        self._contradicted()
        self._elsewhere()
        return self._made

    def _elsewhere(self) -> None:
        """Begin a home or a job again where this turn ends one and says in other words where somebody is instead.

        "I don't live there any more. I'm in Faro.", "she left Acme and joined Globex".
        """
        for fact in self._over:
            there = [own for own in self._own if own.kind == STATES and own.ends[0] == fact.ends[0]]
            there = [own for own in there if own.ends[1] != fact.ends[1] and is_elsewhere(fact.kind, *own.told)]
            for own in there[-1:]:
                at = own.statement.valid_from or _now(self._turn)
                self._begin(fact, Ending(None, None, (0, 0), instead=own.ends[1], at=at), self._begun)

    def _meant(self, ending: Ending) -> Iterator[KnownFact]:
        facts = [each for each in self._facts(ending) if id(each.statement) not in self._gone]
        if ending.latest:
            yield from self._latest(facts, ending)
            return
        if ending.subject is not None or ending.object is not None:
            found = [each for each in facts if self._fits(each, ending)]
            if found or ending.subject is not None or ending.instead is None:
                yield from found if ending.subject is not None or ending.kinds else found[-3:]
                return
        last = [each for each in facts if each.episode != self._turn.episode] or facts
        if ending.instead is not None:
            like = value_type(ending.instead)
            last = [each for each in last if value_type(each.ends[1]) == like and self._may_end(each)][-1:]
        elif ending.kinds and ending.subject is None:
            last = [each for each in facts if each.kind in ending.kinds][-1:]
        elif last:
            last = [each for each in last if each.episode == last[-1].episode]
        yield from last

    def _latest(self, facts: Sequence[KnownFact], ending: Ending) -> Iterator[KnownFact]:
        """Return what was stated last of the facts that an ending may mean: all that one text says of one object."""
        verbs = {stem(verb) for verb in ending.verbs}
        fit = [each for each in facts if self._may_be_latest(each, ending, verbs)]
        if not fit:
            return
        last = next(
            (each for each in reversed(fit) if each.kind != STATES and each.episode == fit[-1].episode), fit[-1]
        )
        subject, object_ = last.ends
        for each in fit:
            alike = object_ == each.ends[1] or within(object_, each.words)
            if each.episode == last.episode and each.ends[0] == subject and alike:
                yield each

    def _may_be_latest(self, fact: KnownFact, ending: Ending, verbs: set[str]) -> bool:
        ends = fact.ends
        kind = self._schema.kinds.get(fact.kind)
        pairs = [ends, ends[::-1]] if kind is not None and kind.symmetric else [ends]
        if not (fact.recent and self._may_end(fact)) or not any(self._is_about(pair, fact, ending) for pair in pairs):
            return False
        if ending.instead is not None and value_type(ends[1]) != value_type(ending.instead):
            return False
        return fact.kind in ending.kinds or (fact.kind == STATES and stem(fact.words) in verbs)

    def _facts(self, ending: Ending) -> list[KnownFact]:
        """Return the facts that an ending may mean, in the order in which they were said."""
        own = [each for each in self._own if self._place(each)[1] <= ending.span[0]]
        return [*self._before, *own]

    def _place(self, fact: KnownFact) -> tuple[int, int]:
        if isinstance(fact.statement, ClaimStatement):
            return fact.statement.span or (0, 0)
        at = [n for n, each in enumerate(self._turn.relationships) if each is fact.statement]
        return self._turn.spans[at[0]] if at and at[0] < len(self._turn.spans) else (0, 0)

    def _fits(self, fact: KnownFact, ending: Ending) -> bool:
        subject, object_ = fact.ends
        if subject == ending.heir:
            return False
        pairs = [(subject, object_)]
        kind = self._schema.kinds.get(fact.kind)
        if kind is not None and kind.symmetric:
            pairs.append((object_, subject))
        if not any(self._is_about(pair, fact, ending) for pair in pairs):
            return False
        if fact.kind == STATES:
            told = ending.predicate is not None and fact.words.lower() == ending.predicate.lower()
            return (ending.never and told) or self._words_fit(fact, ending)
        if ending.kinds:
            return fact.kind in ending.kinds
        return self._may_end(fact) or ending.never

    def _is_about(self, ends: tuple[str, str], fact: KnownFact, ending: Ending) -> bool:
        if ending.subject is not None and not same_name(ends[0], ending.subject, ending.named[0]):
            return False
        wrong = ending.never and ending.instead is not None and ending.subject is None and ending.object is not None
        if wrong and same_name(ends[0], ending.object or "", ending.named[1]):
            return True  # "It's Maria, not Tom": it is the subject that was wrong.
        if ending.object is None or same_name(ends[1], ending.object, ending.named[1]):
            return True
        # "Stepped down as CTO" of what was said as "is CTO of Globex".
        return ending.subject is not None and fact.kind == STATES and within(ending.named[1], fact.words)

    def _words_fit(self, fact: KnownFact, ending: Ending) -> bool:
        if happened(fact.words) or is_over(fact.words):
            return False
        if ending.words is not None:
            return stem(ending.words) == stem(fact.words)
        if any(stem(fact.words) == stem(verb) for verb in ending.verbs):
            return True
        if ending.kinds and STATES not in ending.kinds:
            # A role is said in words alone: "is CTO of Globex".
            role = "LEADS" in ending.kinds and stem(fact.words) in _JOBS
            return (role and ending.object is None) or ("is" in ending.kinds and fact.words in {"is", "are"})
        return True

    def _may_end(self, fact: KnownFact) -> bool:
        lasts = not happened(fact.words) and not is_over(fact.words)
        return fact.kind in LASTING or (fact.kind == STATES and lasts)

    def _end(self, fact: KnownFact, ending: Ending) -> None:
        """End a fact, or withdraw it where it never was so."""
        self._gone.add(id(fact.statement))
        at = ending.at
        if not (ending.never or ending.instead or ending.becomes):
            self._made.relationships.append((_no_longer(fact, ending), ending.span))
        if isinstance(fact.statement, Relationship):
            if ending.never and fact.statement.id is not None:
                self._made.deleted.append(fact.statement.id)
            elif ending.never:
                self._made.unsaid.append(fact.statement)
            else:
                until = _after(fact.statement.valid_from, at)
                ended = replace(fact.statement, valid_to=until, id=None, version=None)
                self._made.relationships.append((ended, ending.span))
        elif ending.never and fact.claim is not None:
            self._made.withdrawn.append(fact.claim)
        elif ending.never:
            self._made.dropped.append(fact.statement)
        else:
            if fact.claim is not None:
                over = replace(fact.statement, valid_to=_after(fact.statement.valid_from, at), id=None, known_from=None)
                self._made.ended.append((fact.claim, over))
            self._made.claims.append(
                replace(
                    fact.statement,
                    source=self._turn.source,
                    valid_from=None,
                    value=None,
                    id=None,
                    known_from=None,
                    valid_to=_after(fact.statement.valid_from, at),
                    episode=self._turn.episode,
                    span=ending.span,
                )
            )

    def _begin(self, fact: KnownFact, ending: Ending, begun: set[tuple[str, str, str]]) -> None:
        """Begin what takes the place of a fact: with another object, or of another subject."""
        subject, object_ = fact.ends
        if ending.instead is not None:
            # "I meant Maria, not Tom": it is the subject that was wrong.
            role = fact.kind in _BY_SUBJECT or fact.words in _BE
            of_subject = role and ending.person and ending.object is None
            of_subject = of_subject or (
                ending.object is not None and not same_name(object_, ending.object, ending.named[1])
            )
            subject, object_ = (ending.instead, object_) if of_subject else (subject, ending.instead)
        subject = ending.heir or subject
        if subject == object_ or (subject, fact.kind, object_) in begun:
            return
        begun.add((subject, fact.kind, object_))
        if isinstance(fact.statement, ClaimStatement):
            claim = replace(
                fact.statement, predicate=ending.becomes or fact.kind, source=self._turn.source, subject=subject,
                object=object_, id=None, known_from=None,
                valid_from=fact.statement.valid_from if ending.never else ending.at, valid_to=None,
                episode=self._turn.episode, span=ending.span,
            )  # fmt: skip
            self._made.claims.append(claim)
            self.begun.append(KnownFact(claim, self._turn.episode))
            return
        stated = replace(
            fact.statement, start=subject, end=object_, text=f"{subject} {fact.words} {object_}", id=None, version=None,
            key=f"states-{slug(subject)}-{slug(fact.words)}-{slug(object_)}"[:200],
            valid_from=fact.statement.valid_from if ending.never else ending.at, valid_to=None,
        )  # fmt: skip
        self._made.relationships.append((stated, ending.span))
        self.begun.append(KnownFact(stated, self._turn.episode))

    def _becomes(self, fact: KnownFact, ending: Ending) -> bool:
        return ending.becomes in self._schema.kinds and isinstance(fact.statement, ClaimStatement)

    def _again(self) -> None:
        """Withdraw that something no longer holds, of what holds again by this turn."""
        now = {(each.words or each.kind, *each.ends) for each in self._own}
        for fact in self._before:
            stated = fact.statement
            if not is_over(fact.words) or not isinstance(stated, Relationship) or id(stated) in self._gone:
                continue
            if (stated.properties.get(ENDS), *fact.ends) in now:
                self._end(fact, Ending(None, None, (0, 0), never=True))
            elif back := next((own for own in self._own if own.ends == fact.ends and _BACK.search(own.words)), None):
                self._resume(str(stated.properties.get(ENDS)), back)
                self._end(fact, Ending(None, None, (0, 0), never=True))

    def _resume(self, former: str, back: KnownFact) -> None:
        """Begin again what ended between two: "back at Acme" is the job there, if that is what was over."""
        stated = back.statement
        if not isinstance(stated, Relationship):
            return
        since = stated.valid_from or _now(self._turn) or self._turn.said
        if former in self._schema.kinds:
            claim = ClaimStatement(
                self._turn.source, stated.start, former, object=stated.end, valid_from=since,
                confidence=stated.confidence or 0.5, episode=self._turn.episode, scope=self._turn.scope,
            )  # fmt: skip
            self._made.claims.append(claim)
            self.begun.append(KnownFact(claim, self._turn.episode))

    def _contradicted(self) -> None:
        """End what a fact of this turn leaves no room for by its kind: who hates jazz does not like it any more."""
        for own in self._own:
            for kind in _INSTEAD_OF.get(own.kind, ()):
                for fact in self._before:
                    ends = {own.ends, own.ends[::-1]} if own.kind == "MARRIED_TO" else {own.ends}
                    if fact.kind == kind and fact.ends in ends and id(fact.statement) not in self._gone:
                        at = own.statement.valid_from or _now(self._turn)
                        self._end(fact, Ending(None, None, (0, 0), at=at))

    def _slots(self) -> None:
        """End what a fact of this turn takes the place of: another value of a slot, another holder of a role."""
        said = says_change(self._turn.text)
        for own in self._own:
            for fact in self._before:
                if id(fact.statement) not in self._gone and _takes_place(own, fact, said=said):
                    at = own.statement.valid_from or _now(self._turn) or self._turn.said
                    self._end(fact, Ending(None, None, (0, 0), instead=own.ends[1], at=at))

    def _one_at_a_time(self) -> None:
        """End what a fact of this turn leaves no room for: another favourite, another amount of the same thing."""
        for own in self._own:
            if own.kind == "PREFERS" and says_change(self._turn.text):
                # "Since the baby Ravi prefers evenings": what he preferred last.
                former = [each for each in self._before if each.kind == "PREFERS" and each.ends[0] == own.ends[0]]
                former = [each for each in former if id(each.statement) not in self._gone and each.ends != own.ends]
                for fact in former[-1:] if own.ends not in [each.ends for each in former] else ():
                    self._end(fact, Ending(None, None, (0, 0), instead=own.ends[1], at=own.statement.valid_from))
            if own.kind == "PREFERS":
                # Of seats one prefers those at the window or those at the aisle.
                alike = (each for each in self._before if each.kind == "PREFERS" and _one_sort(each.ends, own.ends))
                for fact in alike:
                    if id(fact.statement) not in self._gone:
                        self._end(fact, Ending(None, None, (0, 0), instead=own.ends[1], at=own.statement.valid_from))
            if own.kind != STATES or not isinstance(own.statement, Relationship):
                continue
            amount = own.words in {"is", "are"} and value_type(own.ends[1]) == "amount"
            if not (amount or _ONE_AT_A_TIME.match(own.words)):
                continue
            for fact in self._before:
                same = fact.kind == STATES and fact.ends[0] == own.ends[0] and fact.words == own.words
                same = same and fact.ends[1] != own.ends[1] and value_type(fact.ends[1]) == value_type(own.ends[1])
                if same and id(fact.statement) not in self._gone:
                    at = own.statement.valid_from or _now(self._turn)
                    self._end(fact, Ending(None, None, (0, 0), instead=own.ends[1], at=at))


def _takes_place(own: KnownFact, fact: KnownFact, *, said: bool) -> bool:
    """Return whether a fact leaves no room for a former one; `said` is whether its text speaks of a change."""
    same = [one == other or same_name(one, other, other) for one, other in zip(fact.ends, own.ends, strict=True)]
    if same == [True, False]:
        slot = slot_of(own.kind, own.words, own.ends[1])
        beside = slot is None or (slot in _BESIDE and not said)
        return not beside and slot_of(fact.kind, fact.words, fact.ends[1]) == slot
    role = role_of(own.kind, own.words, own.ends[1]) if said and not same[0] else None
    return role is not None and role_of(fact.kind, fact.words, fact.ends[1]) == role


def _one_sort(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Return whether the objects of one subject are two of one sort: "window seats" and "an aisle seat"."""
    words = [slug(each[1]).split("-") for each in (one, other)]
    several = all(len(each) > 1 for each in words)
    return (
        one[0] == other[0] and one[1] != other[1] and several and words[0][-1].rstrip("s") == words[1][-1].rstrip("s")
    )


def is_over(words: str) -> bool:
    """Return whether the words of a predicate state that something no longer holds."""
    return words == _NO_LONGER


def _no_longer(fact: KnownFact, ending: Ending) -> Relationship:
    """Return what says that a fact holds no more: "Tom no longer works for Bosch"."""
    start, end = fact.ends
    ended = fact.words or fact.kind
    words = fact.words or kind_in_words(fact.kind)
    first, _, rest = words.partition(" ")
    told = f"is {_NO_LONGER} {words}" if fact.kind in _STATIVE else f"{_NO_LONGER} {words}"
    if first in _BE:
        told = f"{first} {_NO_LONGER} {rest}".rstrip()
    return Relationship(
        STATES, start, end, key=f"over-{slug(start)}-{slug(ended)}-{slug(end)}"[:200],
        properties={"predicate": _NO_LONGER, ENDS: ended}, text=f"{start} {told} {end}",
        valid_from=ending.at, scope=fact.statement.scope,
    )  # fmt: skip


def _now(turn: Turn) -> str | None:
    return next((each.at for each in turn.endings if each.at is not None), None)


def _after(begun: str | None, at: str | None) -> str | None:
    """Return when a fact ended: no earlier than right after it began."""
    start = parse_time(begun).start if begun is not None else None
    end = parse_time(at).start if at is not None else None
    if start is not None and (end is None or end <= start):
        return iso(start + 1)
    return iso(end) if end is not None else iso(1)


def keys_meant(endings: Iterable[Ending]) -> set[str]:
    """Return the keys that endings name."""
    return {key for each in endings for key in (each.subject, each.object) if key is not None}
