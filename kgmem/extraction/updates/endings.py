"""Endings: what a text says holds no more, never did, or has another subject or object from now on.

Three sources, from general to particular: facts whose clause is denied ("no longer", "stopped", "not ... any more"),
classes of verbs that end or hand on what is there ("leave", "sell", "replace"), and corrections of what was just said
("I meant Hanover, not Hamburg"). Which fact is meant is found later, among those that are stored.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol

from spacy.tokens import Doc, Token

from kgmem.domain.text.extraction import Argument, FoundEnding, FoundTime, Span
from kgmem.extraction.clauses import verbs_of
from kgmem.extraction.facts import Phrase, phrase
from kgmem.extraction.gate import Gate
from kgmem.extraction.updates.clause import HOME, PARTNERS, WORK, Clause, Over, is_time
from kgmem.extraction.updates.dialogue import unnamed
from kgmem.extraction.updates.idioms import idioms, spoken
from kgmem.extraction.updates.replies import arranged
from kgmem.extraction.vocabulary import listed

_CONFIDENCE: Final = 0.7
_BOND: Final = (*PARTNERS, "FRIEND_OF")

# Verbs whose object the subject has no more: "left Acme", "sold the house", "cancelled Netflix".
_ENDS_OBJECT: Final = listed(
    """quit leave resign drop abandon dump ditch sell lose divorce cancel close donate exit vacate discontinue scrap
    surrender relinquish forfeit outgrow return retire renounce shed forsake jilt end terminate delete uninstall
    auction pawn offload wreck total demolish ditch unfollow disown cede"""
)
_ENDS_WITH_PARTICLE: Final = frozenset(
    {
        ("give", "up"), ("give", "away"), ("call", "off"), ("break", "off"), ("throw", "away"), ("throw", "out"),
        ("hand", "over"), ("pass", "on"), ("sign", "over"), ("shut", "down"), ("close", "down"), ("hand", "in"),
        ("hand", "back"), ("sell", "off"), ("cut", "out"), ("turn", "over"), ("wind", "up"), ("trade", "in"),
        ("get", "over"), ("break", "off"), ("throw", "out"), ("give", "back"), ("trade", "away"), ("step", "away"),
        ("write", "off"),
    }
)  # fmt: skip
# Verbs that end what a preposition leads to, with the kinds that they end where nothing is named.
_ENDS_PREPOSITION: Final[Mapping[str, tuple[frozenset[str], tuple[str, ...]]]] = {
    "resign": (frozenset({"from", "as", "at"}), WORK),
    "quit": (frozenset({"as", "at"}), WORK),
    "retire": (frozenset({"from", "as"}), WORK),
    "step": (frozenset({"as", "from"}), WORK),
    "drop": (frozenset({"of", "out"}), ()),
    "move": (frozenset({"of", "out", "from"}), HOME),
    "walk": (frozenset({"of", "out", "on", "from"}), WORK),
    "check": (frozenset({"of", "out"}), ()),
    "grow": (frozenset({"of", "out"}), ()),
    "go": (frozenset({"off"}), ()),
    "tire": (frozenset({"of"}), ()),
    "flee": (frozenset({"from"}), HOME),
    "return": (frozenset({"from"}), ()),
    "relocate": (frozenset({"from"}), HOME),
    "emigrate": (frozenset({"from"}), HOME),
    "break": (frozenset({"with"}), PARTNERS),
    "split": (frozenset({"with", "from"}), PARTNERS),
    "separate": (frozenset({"from"}), PARTNERS),
    "divorce": (frozenset({"from"}), PARTNERS),
    "unsubscribe": (frozenset({"from"}), ()),
    "withdraw": (frozenset({"from"}), ()),
    "graduate": (frozenset({"from"}), ("STUDIED_AT",)),
    "depart": (frozenset({"from"}), WORK),
    "part": (frozenset({"with", "from"}), WORK),
    "switch": (frozenset({"from"}), ()),
    "change": (frozenset({"from"}), ()),
    "transfer": (frozenset({"from"}), ()),
    "convert": (frozenset({"from"}), ()),
}
_NEEDS_PARTICLE: Final[Mapping[str, frozenset[str]]] = {
    "step": frozenset({"down", "back", "aside"}),
    "move": frozenset({"out", "away", "on"}),
    "walk": frozenset({"out", "away"}),
    "check": frozenset({"out"}),
    "grow": frozenset({"out"}),
    "go": frozenset({"off"}),
    "return": frozenset({"back"}),
    "break": frozenset({"up"}),
    "drop": frozenset({"out"}),
}
# What is done to somebody or something, which ends what held of it: "was fired", "has been cancelled".
_DONE_TO: Final = listed(
    """fire dismiss lay let sack expel oust remove terminate cancel call steal sell abolish discontinue discharge
    release kick evict suspend scrap axe shelve drop"""
)
_PEOPLE_PUT_OUT: Final = listed("fire dismiss lay let sack expel oust remove discharge release kick evict suspend")
_HANDS_ON: Final = listed("sell give hand pass donate transfer sign turn leave cede bequeath gift delegate entrust")
_RECEIVES: Final = listed("buy acquire purchase inherit get take")
_SUCCEEDS: Final = listed("replace succeed supersede")
_SWITCHES: Final = listed("switch change convert transfer move swap migrate")
_LEFT_FOR: Final = listed("leave quit ditch drop dump abandon discard forsake jilt scrap")
_IN_CHARGE: Final = listed("lead run manage head chair coordinate handle supervise captain")
# Roles that one person has at a time.
_ONE_PERSON: Final = listed(
    """ceo cfo cto coo ciso head chair chairman chairwoman chairperson president captain director leader mayor treasurer
    secretary goalkeeper landlord boss principal dean editor owner maintainer lead chef conductor"""
)
_EXCHANGES: Final = listed("swap trade exchange")
# Verbs after which what a thing is set to is another: a date, an amount, a place.
_SETS: Final = listed(
    """move postpone reschedule push bring shift extend delay raise cut increase reduce lower change double set adjust
    correct update defer advance slip rise fall grow climb shrink sink jump go reset revise amend relocate bump slide"""
)
_LIGHT: Final = listed(
    """job position post role place membership subscription notice gig engagement work career resignation retirement
    contract employment internship traineeship studies degree seat mandate office flat apartment home house room lease
    relationship marriage affair account badge partnership"""
)
# Of these it is the object itself that ends, unless a place or a firm is named behind it.
_OWNED: Final = listed("flat apartment home house room lease account badge office")
_PARTS_WITH: Final = listed("sell lose donate cancel close auction demolish")
_ENDS_ALONE: Final = frozenset({"quit", "resign", "retire", "separate", "divorce", "split"})
# By whose word nothing ends.
_NOBODY: Final = frozenset(
    {"somebody", "someone", "people", "everybody", "everyone", "they", "rumour", "rumor", "some"}
)
_OFF: Final = frozenset({"off", "over", "cancelled", "canceled"})


class Naming(Protocol):
    """What phrases of a text are called, and the times of its clauses."""

    def argument(self, end: Phrase) -> Argument | None:
        """Return one end of a fact; None for a pronoun of which nobody can say what it stands for."""

    def time(self, verb: Token) -> FoundTime | None:
        """Return the time of a clause."""


def _way_of_ending(clause: Clause) -> tuple[bool, frozenset[str], tuple[str, ...], bool]:
    """Return whether a verb ends its object; by which prepositions it ends what; of which kinds; whether it does so."""
    pairs = {(clause.lemma, word) for word in clause.particles}
    takes = (clause.lemma in _ENDS_OBJECT and not clause.particles & {"to"}) or bool(pairs & _ENDS_WITH_PARTICLE)
    takes = takes or (clause.lemma == "get" and any(each.lower_ == "rid" for each in clause.verb.children))
    prepositions, kinds = _ENDS_PREPOSITION.get(clause.lemma, (frozenset[str](), ()))
    needed = _NEEDS_PARTICLE.get(clause.lemma)
    around = {child.lower_ for child in clause.verb.children}
    ends = bool(prepositions) and (needed is None or bool(around & needed))
    if clause.lemma == "move" and "on" in around and not clause.led.get("to"):
        kinds = WORK  # "Clara moved on" left what she did, and not her home.
    ends = ends or (clause.lemma in {"move", "relocate"} and "from" in clause.led and "to" in clause.led)
    return takes, prepositions, kinds, ends


class Endings:
    """What one parsed text ends, by its verbs."""

    def __init__(self, doc: Doc, gate: Gate, name: Naming) -> None:
        """Take the parse, the gate that says how clauses are meant, and what gives a phrase its name."""
        self._doc = doc
        self._gate = gate
        self._name = name

    def found(self) -> Iterator[FoundEnding]:
        """Return what the verbs of a text end."""
        for sentence in self._doc.sents:
            for verb in verbs_of(list(sentence)):
                if self._gate.asks(verb):
                    continue
                aspect = self._gate.aspect(verb, verb, verb)
                if aspect.reporter is not None and aspect.reporter.lower_ in _NOBODY:
                    continue  # "Somebody said it burned."
                clause = Clause(verb)
                yield from self._over(clause, spoken(clause))
                yield from self._over(clause, arranged(clause))
                if not (aspect.hedged or aspect.future):
                    yield from self._over(clause, unnamed(clause, over=aspect.denied))
                    yield from self._of(clause) if not aspect.denied else ()

    def asked(self, *, yes: bool) -> Iterator[FoundEnding]:
        """Return what the text's last question comes to if it is answered by yes, or by no."""
        for verb in verbs_of(list(list(self._doc.sents)[-1])):
            clause = Clause(verb)
            aspect = self._gate.aspect(verb, verb, verb)
            if aspect.hedged or aspect.future:
                continue
            if yes:
                yield from self._over(clause, unnamed(clause, over=False))
                yield from self._of(clause)
            elif {"still"} & {child.lower_ for child in verb.children}:
                yield from self._over(clause, unnamed(clause, over=True))
                things = [*clause.objects, *(noun for nouns in clause.led.values() for noun in nouns)]
                for subject in clause.subjects:
                    for thing in things:
                        yield from () if is_time(thing) else self._ending(clause, subject, thing)

    def _over(self, clause: Clause, found: Iterable[Over]) -> Iterator[FoundEnding]:
        for each in found:
            made = self._ending(
                clause, each.subject, each.object, kinds=each.kinds, instead=each.instead, heir=each.heir,
                never=each.never,
            )  # fmt: skip
            yield from (replace(one, becomes=each.becomes, verbs=each.verbs, latest=each.latest) for one in made)

    def _of(self, clause: Clause) -> Iterator[FoundEnding]:
        yield from self._switched(clause)
        yield from self._handed_on(clause)
        yield from self._succeeded(clause)
        yield from self._set(clause)
        yield from self._ended(clause)
        yield from self._done_to(clause)
        yield from self._states(clause)
        yield from self._preferred(clause)
        yield from self._in_charge_now(clause)
        yield from self._over(clause, idioms(clause))

    def _in_charge_now(self, clause: Clause) -> Iterator[FoundEnding]:
        """ "Mira leads the billing team now", "Anna is the new CFO": whoever was it before is it no more."""
        now = {"now", "nowadays"} & {child.lower_ for child in clause.verb.children}
        for thing in clause.objects[:1]:
            if clause.lemma in _IN_CHARGE and now:
                kinds: tuple[str, ...] = ("LEADS", "RESPONSIBLE_FOR")
            elif (
                clause.lemma == "be"
                and thing.lemma_.lower() in _ONE_PERSON
                and (now or any(child.lower_ in {"new", "current"} for child in thing.children))
            ):
                kinds = ("is",)
            else:
                continue
            for subject in clause.subjects[:1]:
                yield from self._ending(clause, None, thing, kinds=kinds, heir=subject)

    def _preferred(self, clause: Clause) -> Iterator[FoundEnding]:
        """ "I prefer coffee now": what was preferred before is not any more; "coffee to tea" says which."""
        verb = clause.verb
        if clause.lemma != "prefer":
            return
        now = {"now", "nowadays", "lately"} & {word.lower_ for word in verb.subtree}
        less = clause.behind("to", "over")
        for subject in clause.subjects:
            if less is not None and clause.objects:
                yield from self._ending(clause, subject, less, kinds=("PREFERS",))
            elif now:
                yield from self._ending(clause, subject, None, kinds=("PREFERS",))

    def _switched(self, clause: Clause) -> Iterator[FoundEnding]:
        """ "Switched from Y to X", "replaced Y with X", "traded Y for X", "left Y for X"."""
        old = new = None
        if clause.lemma in _SWITCHES or clause.lemma == "go" or clause.lemma in _LEFT_FOR:
            old, new = clause.behind("from"), clause.behind("to", "for")
            if old is None and clause.lemma in _LEFT_FOR and clause.objects and clause.behind("for"):
                old, new = clause.objects[0], clause.behind("for")
        if clause.lemma in {"replace", "substitute"}:
            old, new = next(iter(clause.objects), None), clause.behind("with", "by")
        elif clause.lemma in _EXCHANGES and clause.objects and clause.behind("for"):
            old, new = clause.objects[0], clause.behind("for")
        if old is None or new is None or self._is_time(new) != self._is_time(old):
            return
        for subject in clause.subjects:
            # "We migrated from X to Y" of what the team uses: who "we" are is not said.
            ours = subject.lower_ == "we" and clause.lemma in _SWITCHES and old.pos_ == "PROPN"
            yield from self._ending(clause, subject, old, instead=new)
            if ours and not self._is_place(new):
                yield from self._ending(clause, None, old, kinds=("USES",), instead=new)

    def _handed_on(self, clause: Clause) -> Iterator[FoundEnding]:
        """ "Sold X to Y", "handed X over to Y"; "bought X from Z", "took X over from Z"."""
        if clause.passive or clause.verb.tag_ == "VBZ":  # "It gives me a rash" hands nothing on.
            return
        to = clause.behind("to") or next((c for c in clause.verb.children if c.dep_ == "dative"), None)
        if clause.lemma in _HANDS_ON and clause.objects and to is not None and to.pos_ in {"PROPN", "NOUN", "PRON"}:
            given = clause.objects[0] if clause.objects[0].i != to.i else clause.objects[-1]
            for subject in clause.subjects:
                yield from self._ending(clause, subject, given, heir=to)
        former = clause.behind("from")
        if clause.lemma in _RECEIVES and former is not None and clause.subjects:
            taken = clause.objects[0] if clause.objects else clause.behind("as")
            if taken is not None:
                yield from self._ending(clause, former, taken, heir=clause.subjects[0])

    def _succeeded(self, clause: Clause) -> Iterator[FoundEnding]:
        """ "Maria replaced Bob as CTO", "Bob was replaced by Maria"."""
        if clause.lemma not in _SUCCEEDS or not clause.subjects or clause.behind("with"):
            return
        role = clause.behind("as")
        heir = clause.behind("by") if clause.passive else clause.subjects[0]
        former = clause.subjects[0] if clause.passive else next(iter(clause.objects), None)
        if heir is not None and former is not None:
            yield from self._ending(clause, former, role, heir=heir, kinds=() if role is not None else WORK)

    def _set(self, clause: Clause) -> Iterator[FoundEnding]:
        """ "The review was moved to Monday", "we rescheduled the review to Monday", "raised to 7,000 euros"."""
        to = clause.behind("to", "until", "till", "for", "on")
        if clause.lemma not in _SETS or to is None:
            return
        things = clause.subjects if clause.passive or not clause.objects else clause.objects
        for thing in things:
            if self._is_person(thing):
                continue
            kinds = ("SCHEDULED_FOR",) if self._is_time(to) else ("TAKES_PLACE_IN",) if self._is_place(to) else ("is",)
            if kinds == ("is",) and not any(letter.isdigit() for letter in phrase(to).text):
                continue
            old = clause.behind("from")
            yield from self._ending(clause, thing, old, instead=to, kinds=kinds)

    def _ended(self, clause: Clause) -> Iterator[FoundEnding]:
        """ "Left Acme", "gave up tennis", "stepped down as CTO", "moved out", "quit"."""
        if clause.passive and clause.lemma not in {"retire", "divorce", "separate"}:
            return
        if (lone := self._parted(clause)) is not None:
            yield from lone
            return
        takes, prepositions, kinds, ends = _way_of_ending(clause)
        meant = [self._real(clause, each) for each in clause.objects if takes and not _is_reflexive(each)]
        if not meant and (takes or ends):
            meant = [noun for word in prepositions for noun in clause.led.get(word, [])]
        if clause.lemma == "get" and takes:
            meant = [noun for nouns in clause.led.values() for noun in nouns]
        for subject in clause.subjects:
            if not meant and (ends or clause.lemma in _ENDS_ALONE):
                yield from self._alone(clause, subject, kinds)
            for each in meant:
                if each is None:
                    yield from self._alone(clause, subject, WORK)
                else:
                    yield from self._ending(clause, subject, each)

    def _parted(self, clause: Clause) -> Iterator[FoundEnding] | None:
        """ "They got divorced", "Karl parted ways with Lufthansa"; None where a clause is of another form."""
        if clause.lemma == "get" and {child.lower_ for child in clause.verb.children} & {"divorced", "separated"}:
            return (each for subject in clause.subjects[:1] for each in self._alone(clause, subject, PARTNERS))
        if clause.lemma == "part" and any(each.lower_ == "ways" for each in clause.objects):
            former = clause.led.get("with", [])
            return (e for one in former for subject in clause.subjects for e in self._ending(clause, subject, one))
        return None

    def _real(self, clause: Clause, thing: Token) -> Token | None:
        """Return what "his job at Acme" or "the engagement with Tom" is about; None where nothing is named."""
        if thing.lemma_.lower() in {"allergy", "intolerance", "habit", "addiction"}:
            return next((child for child in thing.children if child.dep_ in {"compound", "amod"}), thing)
        if thing.lemma_.lower() not in _LIGHT:
            return thing
        led = [noun for word in ("at", "with", "to", "of", "in", "for") for noun in clause.led.get(word, [])]
        named = next((noun for noun in led if noun.i != thing.i and not is_time(noun)), None)
        if thing.lemma_.lower() in _OWNED:
            return thing if named is None or clause.lemma in _PARTS_WITH else named
        return named

    def _alone(self, clause: Clause, subject: Token, kinds: Sequence[str]) -> Iterator[FoundEnding]:
        """Return what ends where nothing is named: "she quit", "we broke up"."""
        if not kinds:
            return
        others = [each for each in clause.subjects if each.i != subject.i]
        if kinds == PARTNERS and others:
            yield from self._ending(clause, subject, others[0], kinds=_BOND)
        else:
            yield from self._ending(clause, subject, None, kinds=kinds)

    def _done_to(self, clause: Clause) -> Iterator[FoundEnding]:
        """ "Was fired by Acme", "Acme fired Tom", "the review has been cancelled", "my boat was stolen"."""
        if clause.lemma not in _DONE_TO or (clause.lemma == "call" and not clause.particles & {"off"}):
            return
        out = clause.lemma in _PEOPLE_PUT_OUT and (
            clause.lemma not in {"lay", "let"} or clause.particles & {"off"} or _lets_go(clause.verb)
        )
        if clause.passive:
            for thing in clause.subjects:
                if out and (self._is_person(thing) or thing.pos_ == "PRON"):
                    by = clause.behind("by", "from", "as", "of")
                    yield from self._ending(clause, thing, by, kinds=() if by is not None else WORK)
                elif clause.lemma not in {"lay", "let"}:
                    yield from self._ending(clause, thing, None, kinds=("SCHEDULED_FOR",))
                    yield from self._ending(clause, None, thing)
        elif out and clause.subjects and clause.objects:
            yield from self._ending(clause, clause.objects[0], clause.subjects[0])
        elif clause.lemma in {"cancel", "call", "scrap"}:
            for thing in clause.objects:
                yield from self._ending(clause, thing, None, kinds=("SCHEDULED_FOR",))

    def _states(self, clause: Clause) -> Iterator[FoundEnding]:
        """ "The dinner is off", "my last day at Acme was Friday", "her term as mayor ended", "the former mayor"."""
        verb = clause.verb
        if verb.lemma_ == "be" and clause.particles & _OFF:
            for subject in clause.subjects:
                yield from self._ending(clause, subject, None, kinds=("SCHEDULED_FOR",))
        for subject in clause.subjects:
            owner = next((child for child in subject.children if child.dep_ == "poss"), None)
            last = any(child.lower_ in {"last", "final"} for child in subject.children)
            over = clause.lemma in {"end", "expire", "run", "finish", "lapse"}
            if owner is None or not ((subject.lower_ == "day" and last) or over):
                continue
            of = [n for c in subject.children if c.dep_ == "prep" for n in c.children if n.dep_ == "pobj"]
            for each in of[:1]:
                yield from self._ending(clause, owner, each)
        for noun in clause.objects:
            former = any(child.lower_ in {"former", "ex", "previous", "past"} for child in noun.children)
            if verb.lemma_ == "be" and former:
                for subject in clause.subjects:
                    yield from self._ending(clause, subject, noun)

    def _ending(
        self,
        clause: Clause,
        subject: Token | None,
        object_: Token | None,
        *,
        kinds: Sequence[str] = (),
        instead: Token | None = None,
        heir: Token | None = None,
        never: bool = False,
    ) -> Iterator[FoundEnding]:
        who, what = self._argument(subject), self._argument(object_)
        if (subject is not None and who is None) or (object_ is not None and what is None):
            return
        verb = clause.verb
        # "Moved to 11 June" says when it will be, not when it was moved.
        time = None if instead is not None and is_time(instead) else self._name.time(verb)
        yield FoundEnding(
            who, what, Span(verb.idx, verb.idx + len(verb.text)), _CONFIDENCE, "rules:ending", kinds=tuple(kinds),
            instead=self._argument(instead), heir=self._argument(heir), never=never, time=time,
        )  # fmt: skip

    def _argument(self, head: Token | None) -> Argument | None:
        return None if head is None else self._name.argument(phrase(head, with_prepositions=False))

    def _is_person(self, word: Token) -> bool:
        return word.ent_type_ == "PERSON" or word.lower_ in {"i", "he", "she", "we", "you", "they", "who"}

    def _is_time(self, word: Token) -> bool:
        return is_time(word)

    def _is_place(self, word: Token) -> bool:
        return word.ent_type_ in {"GPE", "LOC", "FAC"}


def _is_reflexive(word: Token) -> bool:
    return word.lower_.endswith(("self", "selves")) or word.lower_ in {"it", "way", "ways"}


def _lets_go(verb: Token) -> bool:
    return any(child.lower_ in {"go", "off"} for child in verb.children)
