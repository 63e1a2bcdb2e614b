"""Verbs after names that the small parser takes for nouns."""

import pytest

from kgmem.domain.text.extraction import TextToRead
from kgmem.extraction.rules import read_texts


def facts(text: str) -> set[tuple[str, str, str]]:
    (read,) = read_texts([TextToRead(text)])
    return {(fact.subject.name, fact.predicate, fact.object.name) for fact in read.facts}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Femke lives in Pune.", {("Femke", "lives in", "Pune")}),
        ("Adaeze works at Vercel.", {("Adaeze", "works at", "Vercel")}),
        ("Priya studies law.", {("Priya", "studies", "law")}),
        ("Kofi married Lena.", {("Kofi", "married", "Lena")}),
        ("Femke and Sven live in Pune.", {("Femke", "live in", "Pune"), ("Sven", "live in", "Pune")}),
        (
            "Rohan, Priya and Wei work at Vercel.",
            {("Rohan", "work at", "Vercel"), ("Priya", "work at", "Vercel"), ("Wei", "work at", "Vercel")},
        ),
    ],
)
def test_a_verb_after_a_name_is_read(text: str, expected: set[tuple[str, str, str]]) -> None:
    assert facts(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Cancer studies in Europe.",
        "Computer studies and law.",
        "Siemens works council.",
        "Harvard studies show that sleep helps.",
        "Newly married Lena left.",
        "Delft, Leiden and Pune work together.",
    ],
)
def test_nouns_after_a_name_stay_nouns(text: str) -> None:
    assert facts(text) == set()
