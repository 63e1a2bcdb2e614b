"""What the offline rules find in sentences, and what they leave alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgmem.domain.graph.episode import Episode
from kgmem.domain.text.extraction import Extraction, FoundCause, TextToRead
from kgmem.domain.text.extraction_result import brought, spoken_of
from kgmem.domain.time.interval import iso
from kgmem.extraction.offline import OfflineExtractor
from kgmem.extraction.rules import read_texts
from kgmem.formats.toml_schema import load_schema
from kgmem.resources import resource


def read(text: str, **known: str) -> Extraction:
    return read_texts([TextToRead(text, **known)])[0]


def facts(found: Extraction) -> set[tuple[str, str, str]]:
    return {(each.subject.name, each.predicate, each.object.name) for each in found.facts if not each.denied}


def labels(found: Extraction) -> dict[str, str]:
    return {each.name: each.label for each in found.entities}


def test_verb_with_object_and_time_is_a_dated_fact() -> None:
    found = read("Marie Curie won the Nobel Prize in 1903.")
    won = next(each for each in found.facts if each.predicate == "won")
    assert (won.subject.name, won.object.name) == ("Marie Curie", "Nobel Prize")
    assert won.time is not None
    assert iso(won.time.interval.start or 0)[:4] == "1903"


def test_brackets_behind_a_person_tell_birth_and_death() -> None:
    found = facts(read("Ada Lovelace (10 December 1815 - 27 November 1852) was a mathematician."))
    assert ("Ada Lovelace", "born in", "10 December 1815") in found
    assert ("Ada Lovelace", "died in", "27 November 1852") in found


def test_speaker_and_listener_stand_for_i_and_you() -> None:
    found = read("I met your brother Tom in Hamburg.", speaker="Anna", listener="Ben")
    assert ("Anna", "met", "Tom") in {(s, p, o.removeprefix("brother ")) for s, p, o in facts(found)}
    assert labels(found)["Anna"] == "Person"
    assert labels(found)["Hamburg"] == "Place"


def test_pronoun_stands_for_the_subject_before_it() -> None:
    found = facts(read("Clara works at Siemens. She lives in Munich."))
    assert ("Clara", "lives in", "Munich") in found


def test_pronoun_that_nobody_can_mean_makes_no_fact() -> None:
    assert not facts(read("She lives in Munich."))


def test_relative_words_follow_the_time_of_the_text() -> None:
    found = read("I moved to Berlin last year.", speaker="Anna", occurred_at="2024-05-01")
    moved = next(each for each in found.facts if each.object.name == "Berlin")
    assert moved.time is not None
    assert iso(moved.time.interval.start or 0)[:4] == "2023"


def test_denied_statement_is_marked_as_denied() -> None:
    denied = [each for each in read("Anna did not move to Berlin.").facts if each.object.name == "Berlin"]
    assert denied
    assert all(each.denied for each in denied)


@pytest.mark.parametrize(
    "text", ["Anna may move to Berlin.", "Anna wants to buy Acme.", "If Anna leaves Acme, Ben wins."]
)
def test_what_may_be_is_less_sure_than_what_is(text: str) -> None:
    assert all(each.hedged for each in read(text, title="").facts)


def test_question_states_nothing() -> None:
    assert not read("Did Anna move to Berlin?").facts


def test_reported_fact_names_who_says_so() -> None:
    found = read("Maria says that Acme bought Widgets.")
    bought = next(each for each in found.facts if each.predicate == "bought")
    assert bought.reported_by == "Maria"


def test_place_has_its_point_and_country() -> None:
    place = next(each for each in read("He lives in Hamburg, and works there.").places)
    assert (place.name, place.country) == ("Hamburg", "DE")
    assert (round(place.lon, 1), round(place.lat)) == (10.0, 54)


def test_what_stands_behind_a_place_says_which_one() -> None:
    assert {each.country for each in read("She was born in Paris, Texas.").places if each.text == "Paris"} == {"US"}
    assert {each.country for each in read("She was born in Paris.").places if each.text == "Paris"} == {"FR"}


def test_person_is_no_place() -> None:
    assert not read("Paris Hilton met Jack London.").places


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Heavy rain caused the flood.", "CAUSES"),
        ("The flood was caused by heavy rain.", "CAUSES"),
        ("The drought led to famine.", "CAUSES"),
        ("The match was cancelled because it rained.", "CAUSES"),
        ("The road was closed due to snow.", "CAUSES"),
        ("The drought contributed to the famine.", "CONTRIBUTES_TO"),
        ("The vaccine prevents measles.", "PREVENTS"),
        ("The loan enabled the purchase.", "ENABLES"),
    ],
)
def test_wording_of_causes_is_understood(text: str, kind: str) -> None:
    assert [(each.kind, each.denied) for each in read(text).causes] == [(kind, False)]


@pytest.mark.parametrize(
    "text",
    [
        "Smoking does not cause headaches.",
        "The vaccine never caused autism.",
        "The flood did not lead to any deaths.",
        "The storm caused no damage.",
        "The strike went on despite the ban.",
        "The match went on although it rained.",
        "There is no evidence that coffee causes cancer.",
        "It is false that coffee causes cancer.",
        "Nothing caused the accident.",
        "The fire was not caused by lightning.",
    ],
)
def test_denied_cause_is_never_told_as_a_cause(text: str) -> None:
    assert all(each.denied for each in read(text).causes)


def test_cause_and_effect_are_on_their_sides() -> None:
    cause: FoundCause = read("The road was closed because snow had fallen.").causes[0]
    assert "snow" in cause.cause.name
    assert "road" in cause.effect.name


def test_dates_of_a_decade_are_never_today() -> None:
    found = read("The band was popular in the 1990s.", occurred_at="2024-05-01")
    assert [(each.text, iso(each.interval.start or 0)[:4]) for each in found.times] == [("the 1990s", "1990")]


def test_same_text_gives_the_same_each_time() -> None:
    text = "Marie Curie worked in Paris with her husband Pierre Curie because she liked it."
    assert read(text) == read(text)


@pytest.mark.long
@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["Anna", "Acme (EU)", "moved", "to", "\u201cBerlin\u201d", "because", "not", ",", ".", "\n\n", "1990s",
             "(b. 3 May 1920)",
             "``", "\U0001f600", "who", "I"]
        ),
        max_size=25,
    )
)  # fmt: skip
def test_spans_lie_in_the_text_whatever_it_is(words: list[str]) -> None:
    text = " ".join(words)
    found = read(text, speaker="Ben", title="Anna")
    spans = [span for each in found.entities for span in each.spans]
    spans += [each.span for each in (*found.times, *found.places, *found.causes)]
    for each in found.facts:
        spans += [each.subject.span, each.object.span, each.predicate_span]
    assert all(0 <= span.start <= span.end <= len(text) for span in spans)
    assert all(0 <= each.confidence <= 1 for each in (*found.facts, *found.causes))


@pytest.mark.long
@pytest.mark.parametrize("processes", [0, 2])
async def test_extractor_gives_one_result_a_text_in_their_order(processes: int) -> None:
    extractor = OfflineExtractor(processes)
    one, none, two = await extractor.extract(
        [TextToRead("Anna met Ben."), TextToRead(""), TextToRead("Tom left Acme.")]
    )
    await extractor.aclose()
    assert ("Anna", "met", "Ben") in facts(one)
    assert not none.facts
    assert ("Tom", "left", "Acme") in facts(two)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("The server crashed because the disk was full.", "The server crashed because the disk was full"),
        ("Because the disk was full, the server crashed.", "the server crashed because the disk was full"),
        ("The disk was full, so the server crashed.", "The disk was full, so the server crashed"),
        ("Due to a storm, the flight was cancelled.", "the flight was cancelled due to a storm"),
        ("The outage was caused by a bug.", "a bug causes The outage"),
        ("The fire resulted from a short circuit.", "a short circuit causes The fire"),
    ],
)
def test_the_sentence_of_a_cause_points_as_its_relationship_does(text: str, sentence: str) -> None:
    found = read(text)
    names = {mention.name: mention.name for mention in spoken_of(found)}
    what = brought(Episode(text, "e"), found, names, load_schema(resource("graph_schema")))
    causes = [each for each, _ in what.relationships if each.kind == "CAUSES"]

    assert [each.text for each in causes] == [sentence]
    cause, effect = causes[0].start.lower(), causes[0].end.lower()
    assert {cause, effect} == {each.lower() for each in (found.causes[0].cause.name, found.causes[0].effect.name)}
