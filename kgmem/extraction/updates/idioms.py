"""Endings that are no single verb: "fed up with", "made redundant", "let Tom go", "my boat sank", "let's do it then".

Each returns pairs of ends with what else is known of the ending; the caller gives them names.
"""

from collections.abc import Iterator
from typing import Final

from spacy.tokens import Token

from kgmem.extraction.updates.clause import PARTNERS, WORK, Clause, Over, is_time
from kgmem.extraction.vocabulary import listed

_WEARY: Final = listed("tired sick bored weary fed over done through disillusioned disenchanted")
_PERISHES: Final = listed("die burn sink collapse vanish disappear perish explode rot shatter crash")
_TAKES_PLACE: Final = listed("take happen occur go start meet")
_LIKED: Final = ("LIKES", "PREFERS")
_RECEIVES: Final = listed("buy acquire purchase inherit")


def idioms(clause: Clause) -> Iterator[Over]:
    """Return what an asserted clause says is over."""
    yield from _weary(clause)
    yield from _put_out(clause)
    yield from _perished(clause)
    yield from _out_of(clause)
    yield from _separated(clause)
    yield from _wed(clause)
    yield from _bought_of(clause)
    yield from _left(clause)
    if clause.lemma == "take" and any(each.lower_ in {"retirement", "leave"} for each in clause.objects):
        yield from (Over(subject, each) for subject in clause.subjects for each in clause.led.get("from", []))
    if clause.lemma == "rid" or (clause.lemma == "part" and not clause.objects):
        things = clause.led.get("of", []) + clause.led.get("with", [])
        yield from (Over(subject, each) for subject in clause.subjects for each in things)


def spoken(clause: Clause) -> Iterator[Over]:
    """Return what a clause says is over by its form, though it asserts nothing: wishes, proposals, what is off."""
    verb = clause.verb
    words = {child.lower_ for child in verb.children}
    if clause.lemma in _TAKES_PLACE and words & {"not", "n't", "no"} and _takes_place(clause):
        for subject in clause.subjects:
            if subject.pos_ == "NOUN":
                yield Over(subject, None, ("SCHEDULED_FOR",))
    pair = any(each.lower_ in {"we", "they"} for each in clause.subjects)
    if clause.lemma == "be" and pair and "together" in words and words & {"longer", "not", "n't", "anymore", "more"}:
        yield Over(None, None, PARTNERS)
    if words & {"would", "'d"} and "rather" in words:
        less = next((each for noun in clause.objects for each in _led(noun, "than")), clause.behind("than"))
        if less is not None:
            yield from (Over(subject, less, ("PREFERS",)) for subject in clause.subjects)
        elif {"now", "nowadays", "lately", "days"} & {word.lower_ for word in verb.subtree}:
            yield from (Over(subject, None, ("PREFERS",)) for subject in clause.subjects)
    if verb.head.lower_ == "let" and "instead" in {word.lower_ for word in verb.subtree}:
        when = next((each for word in ("on", "at", "for") for each in clause.led.get(word, []) if is_time(each)), None)
        if when is not None:
            yield from (Over(thing, None, ("SCHEDULED_FOR",), instead=when, never=True) for thing in clause.objects)


def _takes_place(clause: Clause) -> bool:
    return (clause.lemma != "take" or any(each.lower_ == "place" for each in clause.objects)) and (
        clause.lemma != "go" or bool(clause.particles & {"ahead"})
    )


def _weary(clause: Clause) -> Iterator[Over]:
    """ "Fed up with X", "tired of X", "lost interest in X", "had enough of X", "went off X"."""
    verb = clause.verb
    said = {child.lower_ for child in verb.children if child.dep_ in {"acomp", "prt", "advmod"}} | {verb.lower_}
    things: list[Token] = []
    if said & _WEARY and (clause.lemma in {"be", "get", "grow", "become"} or verb.lower_ in {"fed", "tired", "bored"}):
        things = [each for word in ("with", "of") for each in clause.led.get(word, [])]
        things += [each for child in verb.children for word in ("of", "with") for each in _led(child, word)]
    elif clause.lemma == "lose" and any(each.lower_ in {"interest", "faith"} for each in clause.objects):
        things = clause.led.get("in", []) + [each for noun in clause.objects for each in _led(noun, "in")]
    elif clause.lemma == "have" and any(each.lower_ == "enough" for each in verb.children):
        things = clause.led.get("of", []) + [each for noun in clause.objects for each in _led(noun, "of")]
    elif clause.lemma == "go" and ("off" in clause.particles or "off" in clause.led):
        things = clause.objects + clause.led.get("off", [])
    elif clause.lemma == "fall" and "love" in {each.lower_ for each in clause.led.get("of", [])}:
        things = clause.led.get("with", [])
    yield from (Over(subject, each, _LIKED) for subject in clause.subjects for each in things if each.lower_ != "love")


def _put_out(clause: Clause) -> Iterator[Over]:
    """ "Was made redundant by X", "X let Tom go", "his contract was not renewed"."""
    verb = clause.verb
    redundant = next((child for child in verb.children if child.lower_ == "redundant"), None)
    if clause.lemma == "make" and redundant is not None and clause.passive:
        by = clause.behind("by", "at") or next(iter(_led(redundant, "by")), None)
        yield from (Over(subject, by, () if by is not None else WORK) for subject in clause.subjects)
    if clause.lemma == "let" and not clause.passive:
        gone = next((child for child in verb.children if child.lower_ == "go"), None)
        people = [child for child in gone.children if child.dep_ == "nsubj"] if gone is not None else []
        yield from (Over(person, employer) for person in people for employer in clause.subjects)


def _perished(clause: Clause) -> Iterator[Over]:
    """ "My cottage burned down", "our dog died": what somebody had."""
    if clause.lemma not in _PERISHES:
        return
    for subject in clause.subjects:
        owner = next((child for child in subject.children if child.dep_ == "poss"), None)
        if owner is not None and subject.pos_ == "NOUN":
            yield Over(owner, subject)


def _out_of(clause: Clause) -> Iterator[Over]:
    """ "I'm out of the band", "she is out as chair"."""
    out = any(child.lower_ == "out" for child in clause.verb.children)
    if clause.lemma == "be" and out and clause.subjects:
        things = clause.led.get("of", []) + clause.led.get("as", [])
        for each in things:
            if each.lower_ in {"job", "work"}:
                yield from (Over(subject, None, WORK) for subject in clause.subjects)
            elif each.pos_ in {"NOUN", "PROPN"}:
                yield from (Over(subject, each) for subject in clause.subjects)


def _separated(clause: Clause) -> Iterator[Over]:
    """ "Broke it off with X", "called it quits", "walked out on X", "they split up"."""
    words = {each.lower_ for each in clause.objects} | clause.particles
    ended = (clause.lemma == "break" and "off" in words and "it" in words) or (
        clause.lemma == "end" and bool(words & {"things", "it", "relationship", "affair"})
    )
    if ended or (clause.lemma == "walk" and "on" in clause.led):
        for subject in clause.subjects:
            yield from (Over(subject, each, PARTNERS) for each in clause.led.get("with", []) + clause.led.get("on", []))
    pair = [each for each in clause.subjects if each.lower_ in {"they", "both", "we"}]
    apart = (clause.lemma == "break" and "up" in words) or clause.lemma in {"split", "separate", "divorce"}
    apart = apart or (clause.lemma == "part" and bool(words & {"ways"} or not clause.objects))
    said = {child.lower_ for child in clause.verb.children if child.dep_ in {"acomp", "advmod", "prt", "attr"}}
    apart = apart or (clause.lemma == "be" and bool(said & {"through", "finished", "over", "done", "history"}))
    apart = apart or any(child.lower_ in {"divorced", "separated"} for child in clause.verb.children)
    if pair and apart and not any(each.lower_ != "ways" for each in clause.objects if each.lower_ not in said):
        yield Over(None, None, (*PARTNERS, "FRIEND_OF"))


def _wed(clause: Clause) -> Iterator[Over]:
    """ "We got married", "they got engaged": what was said last of the two is more than that from now on."""
    words = {clause.verb.lower_} | {child.lower_ for child in clause.verb.children}
    named = {child.lower_ for part in (clause.verb, *clause.verb.children) for child in part.children} & {"to", "with"}
    knot = clause.lemma == "tie" and any(each.lower_ == "knot" for each in clause.objects)
    words |= {"married"} if knot else set()
    if (clause.lemma not in {"get", "be", "marry", "become"} or clause.objects or named) and not knot:
        return
    for each in clause.subjects:
        subject = each if each.lower_ == "we" else None
        if each.lower_ not in {"we", "they"}:
            continue
        if "married" in words:
            yield Over(subject, None, ("ENGAGED_TO", "PARTNER_OF"), becomes="MARRIED_TO")
        elif "engaged" in words:
            yield Over(subject, None, ("PARTNER_OF",), becomes="ENGAGED_TO")


def _bought_of(clause: Clause) -> Iterator[Over]:
    """ "Tom bought Maria's car": Maria has it no more."""
    if clause.lemma not in _RECEIVES or clause.passive or clause.behind("from") is not None:
        return
    for thing in clause.objects[:1]:
        owner = next((child for child in thing.children if child.dep_ == "poss" and child.pos_ == "PROPN"), None)
        if owner is not None and clause.subjects:
            yield Over(owner, thing, heir=clause.subjects[0])


def _left(clause: Clause) -> Iterator[Over]:
    """ "No, I left.": what is left is what the question names, where the answer says nothing else."""
    if clause.lemma != "leave":
        return
    rest = [
        word
        for word in clause.verb.sent
        if not (word.is_punct or word.is_space or word.dep_ in {"intj", "aux", "nsubj"} or word.ent_type_ == "DATE")
    ]
    answers = any(word.dep_ == "intj" and word.lower_ in {"no", "nope", "nah"} for word in clause.verb.children)
    if answers and len(rest) == 1:
        yield from (Over(subject, None, (*WORK, "STUDIED_AT")) for subject in clause.subjects)


def _led(word: Token, preposition: str) -> list[Token]:
    return [
        part
        for child in word.children
        if child.lower_ == preposition
        for part in child.children
        if part.dep_ in {"pobj", "pcomp"}
    ]
