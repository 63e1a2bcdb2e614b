"""What a text is about: the name in its title, found in the text and taken as one name wherever it stands."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from spacy.tokens import Doc, Span

_PARTS: Final = re.compile(r"\w+|[^\w\s]")
_PERSONAL: Final = frozenset({"he", "she", "his", "her", "him", "who"})
_IMPERSONAL: Final = frozenset({"it", "its", "which"})
_LONGEST_PERSON: Final = 5  # Words of a person's name.


def trim_names(doc: Doc) -> None:
    """Take white space off the ends of names; where a bracket stood, the model takes it for a part of the name."""
    kept = []
    for ent in doc.ents:
        first, end = ent.start, ent.end
        while first < end and doc[first].is_space:
            first += 1
        while end > first and doc[end - 1].is_space:
            end -= 1
        if first < end:
            kept += [Span(doc, start, stop, label=ent.label) for start, stop in _members(doc, first, end)]
    doc.ents = tuple(kept)


def _members(doc: Doc, first: int, end: int) -> Iterator[tuple[int, int]]:
    """Return the names of a list that the model takes for one name: "Foo and Bar" in "Acme, Foo and Bar"."""
    listed = first >= 2 and doc[first - 1].text == "," and doc[first - 2].pos_ == "PROPN"
    inner = any(word.text == "," for word in doc[first:end])
    if not (listed or inner) or not any(word.lower_ in {"and", "or"} for word in doc[first:end]):
        yield first, end
        return
    start = first
    for at in range(first, end + 1):
        if at == end or doc[at].text == "," or doc[at].lower_ in {"and", "or"}:
            if start < at:
                yield start, at
            start = at + 1


def mark_topic(doc: Doc, title: str | None) -> Span | None:
    """Mark a title's name in a text as an entity of its own, and give where it stands first; None where it does not.

    Its label is that which the model gave it, corrected by the pronouns of the text: what is "it" is no person.
    """
    parts = _PARTS.findall(title or "")
    if not parts:
        return None
    pattern = re.compile(r"(?<!\w)" + r"\s*".join(map(re.escape, parts)) + r"(?!\w)", re.IGNORECASE)
    spans = [doc.char_span(found.start(), found.end(), alignment_mode="expand") for found in pattern.finditer(doc.text)]
    found = [span for span in spans if span is not None]
    if not found:
        return None
    label = _label(doc, found[0])
    marked = _apart([Span(doc, span.start, span.end, label=label) for span in found])
    others = [ent for ent in doc.ents if not any(ent.start < span.end and span.start < ent.end for span in marked)]
    doc.ents = tuple(sorted([*marked, *others], key=lambda span: span.start))
    return marked[0]


def _apart(spans: Sequence[Span]) -> list[Span]:
    kept: list[Span] = []
    for span in spans:
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


def _label(doc: Doc, name: Span) -> str:
    within = [
        ent.label_ for ent in doc.ents if ent.start >= name.start and ent.end <= name.end and 2 * len(ent) >= len(name)
    ]
    label = within[0] if within and within[0] not in {"DATE", "CARDINAL", "ORDINAL"} else "WORK_OF_ART"
    people = sum(token.lower_ in _PERSONAL for token in doc)
    things = sum(token.lower_ in _IMPERSONAL for token in doc)
    if label == "PERSON":
        return "WORK_OF_ART" if things > people else label
    named = any(token.lower_ in {"he", "she"} for token in doc)
    return "PERSON" if people > things and named and name.start <= 3 and len(name) <= _LONGEST_PERSON else label
