"""What a turn of a conversation ends without naming it: "sold it", "I don't work there any more", "they've split".

Which fact is meant is found among those of the last turns: what was stated last and can end in that way. A verb tells
what that is: what is sold was somebody's, what is postponed was appointed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from spacy.tokens import Token

from kgmem.extraction.updates.clause import HOME, WORK, Clause, Over, is_time
from kgmem.extraction.vocabulary import listed

# What a word like "it" may stand for: kinds of relationships, and verbs of facts that have no kind.
_Meant = tuple[tuple[str, ...], tuple[str, ...]]
_OWNED: Final[_Meant] = (
    ("OWNS", "ACQUIRED", "USES"),
    ("have", "own", "drive", "ride", "keep", "wear", "rent", "get", "lease", "fly", "sail", "breed", "collect"),
)
_HABIT: Final[_Meant] = (
    ("MEMBER_OF", "PLAYED_FOR", "USES", "STUDIED_AT", "LIKES", "WORKS_FOR"),
    ("learn", "study", "play", "practise", "practice", "train", "take", "do", "drink", "eat", "smoke", "attend",
     "teach", "coach", "volunteer", "sing", "run", "swim", "write", "read", "go", "visit", "collect", "watch", "make",
     "be", "follow", "work"),
)  # fmt: skip
_SERVICE: Final[_Meant] = (
    ("USES", "MEMBER_OF", "SCHEDULED_FOR"),
    ("subscribe", "pay", "have", "get", "use", "rent", "lease", "hire", "order", "book", "read", "receive", "be"),
)
_TIE: Final[_Meant] = (
    (*WORK, "STUDIED_AT", *HOME),
    ("study", "work", "live", "stay", "teach", "volunteer", "train", "go", "be"),
)
_CHARGE: Final[_Meant] = (
    ("LEADS", "RESPONSIBLE_FOR", "OWNS"),
    (
        "run",
        "manage",
        "head",
        "handle",
        "maintain",
        "coordinate",
        "organise",
        "organize",
        "own",
        "chair",
        "edit",
        "coach",
        "teach",
        "host",
        "supervise",
        "moderate",
        "administer",
        "be",
    ),
)
_SET: Final[_Meant] = (
    ("SCHEDULED_FOR", "TAKES_PLACE_IN", "LOCATED_IN", "LIVES_IN"),
    ("be", "cost", "run", "sit", "stand", "live", "store", "host", "keep"),
)
_USED: Final[_Meant] = ("USES",), ("use", "have", "pay", "subscribe", "drive", "read", "order")
_RELOCATES: Final = listed("move migrate transfer switch relocate shift port")
_TASTE: Final[_Meant] = (("LIKES", "PREFERS", "USES"), ("like", "love", "enjoy", "eat", "drink", "watch"))

_IT: Final = frozenset({"it", "them", "that", "this", "one", "those", "these", "both"})
_BY_VERB: Final[Mapping[str, _Meant]] = {
    **dict.fromkeys(
        listed("sell donate pawn wreck total crash scrap auction offload demolish lose return trade smash"), _OWNED
    ),
    **dict.fromkeys(listed("quit stop abandon drop ditch dump discontinue finish end"), _HABIT),
    **dict.fromkeys(listed("cancel terminate unsubscribe delete uninstall close discontinue"), _SERVICE),
    **dict.fromkeys(listed("delegate entrust"), _CHARGE),
}
_BY_PARTICLE: Final[Mapping[tuple[str, str], _Meant]] = {
    **dict.fromkeys(
        [("give", "away"), ("throw", "away"), ("throw", "out"), ("trade", "in"), ("give", "back"), ("hand", "back"),
         ("sell", "off"), ("put", "down"), ("write", "off")],
        _OWNED,
    ),
    ("give", "up"): _HABIT,
    ("hand", "over"): _CHARGE,
    ("take", "over"): _CHARGE,
    ("pass", "on"): _CHARGE,
    ("call", "off"): (("SCHEDULED_FOR", "TAKES_PLACE_IN", "ENGAGED_TO"), ()),
    ("break", "off"): (("ENGAGED_TO", "PARTNER_OF", "MARRIED_TO"), ()),
}  # fmt: skip
# What somebody has no more of what a noun speaks of: "cancelled my membership", "called off the wedding".
_BY_NOUN: Final[Mapping[str, _Meant]] = {
    **dict.fromkeys(("engagement", "wedding"), (("ENGAGED_TO",), ())),
    "marriage": (("MARRIED_TO",), ()),
    **dict.fromkeys(("relationship", "affair", "romance"), (("PARTNER_OF",), ())),
    **dict.fromkeys(("membership",), (("MEMBER_OF",), ("go", "train", "be"))),
    **dict.fromkeys(("subscription", "plan", "contract"), _SERVICE),
    **dict.fromkeys(("studies", "degree", "course"), (("STUDIED_AT",), ("study", "learn"))),
    **dict.fromkeys(("lessons", "classes", "training"), (("STUDIED_AT",), ("study", "learn", "play", "take"))),
}
_LOSES: Final = listed("cancel end quit terminate lapse expire drop discontinue annul dissolve abandon call break give")
_RECEIVES: Final = listed("buy inherit get take acquire adopt")


def unnamed(clause: Clause, *, over: bool) -> Iterator[Over]:
    """Return what a clause ends without naming it; `over` says that it denies that something is so any more."""
    if over:
        yield from _no_more(clause)
        return
    yield from _given_up(clause)
    yield from _left(clause)
    yield from _lapsed(clause)
    yield from _taken(clause)
    yield from _moved(clause)
    yield from _perished(clause)
    yield from _changed_over(clause)
    yield from _last_day(clause)


def _no_more(clause: Clause) -> Iterator[Over]:
    """ "I don't use it any more", "no longer works there", "stopped going there"."""
    there = any(child.lower_ == "there" for child in clause.verb.children)
    led = [noun for nouns in clause.led.values() for noun in nouns if noun.lower_ in _IT]
    if not (there or led or _is_it(clause)):
        return
    for subject in clause.subjects:
        if clause.lemma in {"have", "own"}:
            yield _latest(subject, _OWNED)
        else:
            yield _latest(subject, ((), (clause.lemma,)))


def _given_up(clause: Clause) -> Iterator[Over]:
    """ "Sold it", "gave it up", "got rid of it", "sold it to Tom", "traded it in for a Seat"."""
    meant = _by_verb(clause)
    if meant is None or clause.passive:
        return
    of = [noun for word in ("of", "with") for noun in clause.led.get(word, []) if noun.lower_ in _IT]
    hands = clause.lemma == "hand" and "over" in clause.particles and not clause.objects and clause.behind("to")
    if not (_is_it(clause) or of or hands):
        return
    to = clause.behind("to") or next((c for c in clause.verb.children if c.dep_ == "dative"), None)
    heir = to if to is not None and to.pos_ in {"PROPN", "NOUN", "PRON"} and to.lower_ not in _IT else None
    instead = clause.behind("for")
    if instead is not None and (is_time(instead) or instead.pos_ not in {"PROPN", "NOUN"} or _is_sum(instead)):
        instead = None
    for subject in clause.subjects:
        yield _latest(subject, meant, heir=heir, instead=instead if heir is None else None)


def _by_verb(clause: Clause) -> _Meant | None:
    for word in clause.particles | {"up", "off", "over", "away"} & {each.lower_ for each in clause.verb.subtree}:
        if (clause.lemma, word) in _BY_PARTICLE:
            return _BY_PARTICLE[clause.lemma, word]
    if clause.lemma in {"give", "pass", "hand", "sign"} and clause.behind("to") is not None:
        return _OWNED[0] + _CHARGE[0], _OWNED[1] + _CHARGE[1]
    if clause.lemma == "rid" or (clause.lemma == "get" and any(c.lower_ == "rid" for c in clause.verb.children)):
        return _OWNED
    return _OWNED if clause.lemma == "part" else _BY_VERB.get(clause.lemma)


def _left(clause: Clause) -> Iterator[Over]:
    """ "Left there", "dropped out", "moved away from there", "gone off it", "over it"."""
    words = clause.particles | {child.lower_ for child in clause.verb.children}
    named = [noun for nouns in clause.led.values() for noun in nouns if not is_time(noun) and noun.lower_ not in _IT]
    meant: _Meant | None = None
    if clause.lemma == "drop" and "out" in words and not named:
        meant = ("STUDIED_AT", "MEMBER_OF"), ("study", "attend", "train", "go", "be", "do", "take")
    elif clause.lemma in {"leave", "move", "quit"} and "there" in words:
        meant = HOME if clause.lemma == "move" else _TIE[0], ("live", "work", "study", "stay", "be")
    elif clause.lemma == "go" and "off" in words and any(n.lower_ in _IT for n in clause.led.get("off", [])):
        meant = _TASTE
    elif clause.lemma == "graduate" and not named and not clause.objects:
        over = Over(None, None, ("STUDIED_AT",), verbs=("study", "attend"))
        yield from (replace(over, subject=subject) for subject in clause.subjects)
    if meant is not None:
        yield from (_latest(subject, meant) for subject in clause.subjects)


def _lapsed(clause: Clause) -> Iterator[Over]:
    """ "Cancelled my membership", "let my subscription lapse", "my lease ran out", "called off the wedding"."""
    if clause.lemma not in _LOSES | {"run", "let"}:
        return
    if clause.lemma == "break" and not clause.particles & {"off"}:
        return
    lapsing = [child for child in clause.verb.children if child.lemma_ in {"lapse", "expire", "end", "go"}]
    things = clause.objects + [each for verb in lapsing for each in verb.children if each.dep_ in {"nsubj", "dobj"}]
    owned = [] if clause.objects and not clause.passive else clause.subjects
    for thing in [*things, *owned]:
        meant = _BY_NOUN.get(thing.lower_) or _BY_NOUN.get(thing.lemma_.lower())
        if meant is None or any(clause.led.get(word) for word in ("in", "at", "with", "of", "to")):
            continue
        owner = next((child for child in thing.children if child.dep_ == "poss"), None)
        name = next(
            (c for c in thing.children if c.dep_ in {"compound", "nmod", "amod"} and c.pos_ in {"NOUN", "PROPN"}), None
        )
        people = [owner] if owner is not None else clause.subjects if thing not in owned else []
        if not people or people[0].lower_ in {"they", "their"}:
            yield _latest(None, meant)
        else:
            yield from (_latest(each, meant, object_=name) for each in people)


def _taken(clause: Clause) -> Iterator[Over]:
    """ "Omar has taken it over", "Tom bought it": whose it was has it no more."""
    if clause.passive or not _is_it(clause) or not clause.subjects or clause.behind("from") is not None:
        return
    if clause.lemma == "take" and clause.particles & {"over"}:
        yield _latest(None, _CHARGE, heir=clause.subjects[0])
    elif clause.lemma in {"buy", "inherit"} and clause.subjects[0].lower_ not in {"i", "we"}:
        yield _latest(None, _OWNED, heir=clause.subjects[0])


_MOVES: Final = listed(
    """move postpone reschedule push bring shift extend delay raise cut increase reduce lower change double set adjust
    correct update defer advance slip rise fall grow climb shrink sink jump go reset revise relocate bump slide drop
    migrate transfer switch put bring hike bump come"""
)


def _moved(clause: Clause) -> Iterator[Over]:
    """ "It was moved to Room 7", "we pushed it to Friday", "it has gone up to 15 euros"."""
    to = clause.behind("to", "until", "till", "onto", "for")
    if clause.lemma not in _MOVES or to is None:
        return
    things = clause.subjects if clause.passive or not clause.objects else clause.objects
    named = [each for each in things if each.pos_ in {"NOUN", "PROPN"} and each.ent_type_ != "PERSON"]
    if (
        clause.lemma in _RELOCATES
        and to.pos_ in {"PROPN", "NOUN"}
        and not is_time(to)
        and clause.behind("from") is None
    ):
        yield from (_latest(each, _SET, instead=to) for each in named)
    if any(each.lower_ in {"it", "this", "that", "they", "them"} for each in things):
        yield _latest(None, _SET, instead=to)


def _perished(clause: Clause) -> Iterator[Over]:
    """ "It got stolen", "she died last night", "it broke down for good": what somebody had."""
    verb = clause.verb
    done = clause.lemma in {"steal", "wreck", "total", "demolish", "destroy", "scrap", "tow"} and clause.passive
    done = done or clause.lemma in {"die", "burn", "sink", "perish"}
    done = done or (clause.lemma == "run" and bool(clause.particles & {"away", "off"}))
    if done and any(each.lower_ in {"it", "she", "he", "they"} for each in clause.subjects):
        yield _latest(None, _OWNED)
    if clause.lemma == "pass" and clause.particles & {"away"} and verb.tag_ == "VBD":
        yield from (_latest(None, _OWNED) for each in clause.subjects if each.pos_ == "PRON")


def _changed_over(clause: Clause) -> Iterator[Over]:
    """ "I've switched to Orange": what was used for the same until now is not said."""
    to = clause.behind("to")
    if clause.lemma not in {"switch", "change", "convert"} or clause.passive or clause.objects or to is None:
        return
    if clause.behind("from") is None and to.pos_ == "PROPN" and not is_time(to):
        yield from (_latest(subject, _USED, instead=to) for subject in clause.subjects)


def _last_day(clause: Clause) -> Iterator[Over]:
    """ "My last day there was Friday", "Friday was my last day"."""
    for day in [*clause.subjects, *clause.objects]:
        owner = next((child for child in day.children if child.dep_ == "poss"), None)
        last = any(child.lower_ in {"last", "final"} for child in day.children)
        named = any(child.dep_ == "prep" for child in day.children)
        if clause.lemma == "be" and owner is not None and last and not named and day.lemma_ in {"day", "shift", "week"}:
            yield _latest(owner, _TIE)


def _latest(
    subject: Token | None,
    meant: _Meant,
    *,
    object_: Token | None = None,
    heir: Token | None = None,
    instead: Token | None = None,
) -> Over:
    return Over(subject, object_, meant[0], instead=instead, heir=heir, verbs=meant[1], latest=True)


def _is_it(clause: Clause) -> bool:
    return any(each.lower_ in _IT for each in clause.objects)


def _is_sum(word: Token) -> bool:
    return word.ent_type_ == "MONEY" or any(
        child.pos_ == "NUM" or child.ent_type_ == "MONEY" for child in word.children
    )
