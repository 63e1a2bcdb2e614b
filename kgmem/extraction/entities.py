"""The things that a text names, each once, with a label of kgmem's schema, its other names and where it is named."""

from collections.abc import Iterable, Mapping
from typing import Final

from spacy.tokens import Doc

from kgmem.domain.text.extraction import FoundEntity, FoundFact, FoundPlace, Span
from kgmem.extraction.vocabulary import listed

_LABELS: Final[Mapping[str, str]] = {
    "PERSON": "Person", "ORG": "Organization", "GPE": "Place", "LOC": "Place", "FAC": "Place", "EVENT": "Event",
    "WORK_OF_ART": "Object", "PRODUCT": "Object", "LAW": "Document", "LANGUAGE": "Concept", "NORP": "Concept",
}  # fmt: skip
# What a text says a thing is settles its label better than the model's guess.
_SAID: Final[Mapping[str, str]] = {
    **dict.fromkeys(listed(
    """actor actress singer writer author politician player footballer artist musician composer director
        poet scientist physicist engineer lawyer journalist painter king queen general bishop man
        woman professor philosopher businessman wife husband son daughter"""
), "Person"),
    **dict.fromkeys(listed(
    """company band team club university school college agency party group organization organisation bank
        newspaper manufacturer label corporation league association institute society"""
), "Organization"),
    **dict.fromkeys(listed(
    """city town village county district province country state river lake island mountain municipality
        region commune building bridge airport station park waterfall capital suburb settlement"""
), "Place"),
    **dict.fromkeys(listed("war battle festival election tournament championship event ceremony conference"), "Event"),
    **dict.fromkeys(listed("book novel journal magazine article report paper poem"), "Document"),
    **dict.fromkeys(listed("film movie album song single game ship aircraft series show play opera"), "Object"),
}  # fmt: skip
_CONFIDENCE: Final = 0.75
_LEFT_OFF: Final = ("the ", "The ", "a ", "A ")


def entities_of(
    doc: Doc,
    facts: Iterable[FoundFact],
    places: Iterable[FoundPlace],
    *,
    names: Mapping[str, str],
    named: Iterable[tuple[str, Span]],
) -> list[FoundEntity]:
    """Return the entities of a text.

    `names` gives the full name of a short one; `named` are people whom no name stands for: who speaks to whom.
    """
    spans: dict[str, list[Span]] = {}
    labels: dict[str, str] = {}
    aliases: dict[str, list[str]] = {}
    for ent in doc.ents:
        if ent.label_ not in _LABELS:
            continue
        text = plain_name(ent.text)
        name = names.get(text, text)
        if not any(letter.isalnum() for letter in name):
            continue
        spans.setdefault(name, []).append(Span(ent.start_char, ent.end_char))
        labels.setdefault(name, _LABELS[ent.label_])
        if text != name and text not in aliases.setdefault(name, []):
            aliases[name].append(text)
    for text, span in named:
        spans.setdefault(names.get(text, text), []).append(span)
        labels[names.get(text, text)] = "Person"
    for place in places:
        labels[plain_name(place.text)] = "Place"
    for fact in facts:
        _learn(fact, labels, aliases)
    return [
        FoundEntity(
            name,
            labels.get(name, "Thing"),
            tuple(_once(found)),
            tuple(aliases.get(name, ())),
            _CONFIDENCE,
            "rules:names",
        )
        for name, found in spans.items()
    ]


def plain_name(text: str) -> str:
    """Return a name without an article before it, a genitive behind it, and quotation marks around it."""
    name = " ".join(text.split()).strip("\"' ,;")
    for article in _LEFT_OFF:
        name = name.removeprefix(article)
    return name.removesuffix("'s").removesuffix("\u2019s").strip() or text


def _learn(fact: FoundFact, labels: dict[str, str], aliases: dict[str, list[str]]) -> None:
    subject = fact.subject.name
    if fact.denied or subject not in labels:
        return
    if fact.predicate in {"is", "was"}:
        said = _SAID.get(fact.object.name.split(" of ")[0].split()[-1].lower())
        if said is not None and fact.found_by != "rules:possessive":
            labels[subject] = said
    words = fact.predicate.split()
    if words[-2:] in (["known", "as"], ["called", "as"]) or (words and words[-1] == "nicknamed"):
        known = aliases.setdefault(subject, [])
        if fact.object.name not in known and fact.object.name != subject:
            known.append(fact.object.name)


def _once(found: Iterable[Span]) -> list[Span]:
    return sorted(set(found), key=lambda span: span.start)
