"""Places that a text names, on the earth: the gazetteer's, chosen by the words beside the name."""

import re
from collections.abc import Iterator
from typing import Final

from spacy.tokens import Doc
from spacy.tokens import Span as Words

from kgmem.domain.text.extraction import FoundPlace, Span
from kgmem.extraction.gazetteer import Gazetteer, Spot

_ABBREVIATED: Final = re.compile(r"[A-Z]{2}")
_METROPOLIS: Final = 1_000_000  # People; such a city is meant wherever it is named, unless its country is said.


def places_of(doc: Doc, gazetteer: Gazetteer, *, country: str | None, people: frozenset[str]) -> Iterator[FoundPlace]:
    """Return the places that a text names. What is in `people`, or part of a person's name in the text, is none."""
    persons = {word.lower() for ent in doc.ents if ent.label_ == "PERSON" for word in (*ent.text.split(), ent.text)}
    persons |= {word.lower() for name in people for word in (*name.split(), name)}
    names = [ent for ent in doc.ents if ent.label_ in {"GPE", "LOC"} and ent.text.lower() not in persons]
    mentioned = {code for ent in names if (code := gazetteer.country_codes.get(_plain(ent.text).lower())) is not None}
    for ent in names:
        name = _plain(ent.text)
        region, code = _beside(doc, ent, gazetteer)
        found = gazetteer.best(name, country=code or country, region=region)
        if found is None:
            continue
        spot, confidence = found
        if (
            code is None
            and country is None
            and len(mentioned) == 1
            and spot.population < _METROPOLIS
            and spot.kind == "city"
        ):
            spot, confidence = gazetteer.best(name, country=next(iter(mentioned))) or found
        yield _found(ent, spot, confidence)


def _found(ent: Words, spot: Spot, confidence: float) -> FoundPlace:
    return FoundPlace(
        ent.text, Span(ent.start_char, ent.end_char), spot.name, spot.country, spot.lon, spot.lat, spot.population,
        f"geonames:{spot.id}", confidence, f"geonames:{spot.kind}",
    )  # fmt: skip


def _beside(doc: Doc, ent: Words, gazetteer: Gazetteer) -> tuple[str | None, str | None]:
    """Return the region and country that a text names right behind a place: "Paris, Texas", "Osh in Kyrgyzstan"."""
    end = ent.end
    while (
        end < len(doc)
        and (doc[end].text == "," or doc[end].is_space or doc[end].lower_ in {"in", "the", "of"})
        and end - ent.end < 3
    ):
        end += 1
    if end == ent.end or end >= len(doc) or not doc[end].ent_type_:
        return None, None
    behind = next((other for other in doc.ents if other.start <= end < other.end), None)
    if behind is None or behind.label_ not in {"GPE", "LOC"}:
        return None, None
    name = _plain(behind.text)
    if code := gazetteer.country_codes.get(name.lower()):
        return None, code
    states = [spot for spot in gazetteer.find(name) if spot.kind == "state"]
    if states:
        return states[0].region, "US"
    if _ABBREVIATED.fullmatch(name):
        return name, "US"
    # "Malmesbury, Wiltshire, England": one further on.
    return (None, _beside(doc, behind, gazetteer)[1]) if behind.start > ent.start else (None, None)


def _plain(name: str) -> str:
    return name.strip(" .,'\"").removesuffix("'s").removeprefix("the ").removeprefix("The ").strip()
