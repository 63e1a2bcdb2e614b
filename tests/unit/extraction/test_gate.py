"""The gate over a model's answers: the parse has the last word on what a text denies or leaves open."""

import pytest

from kgmem.domain.text.extraction import Argument, Extraction, FoundCause, FoundFact, Span, TextToRead
from kgmem.extraction.offline import OfflineExtractor


def said(text: str, subject: str, predicate: str, object_: str, words: str | None = None) -> FoundFact:
    """A fact as a model tells it: with its ends where the text first has them."""
    quoted = words or text
    start = text.index(quoted)
    ends = []
    for name in (subject, object_):
        at = text.find(name)
        ends.append(Argument(name, Span(at, at + len(name)) if at >= 0 else Span(start, start + len(quoted))))
    return FoundFact(ends[0], predicate, Span(start, start + len(quoted)), ends[1], 0.8, "openai:small")


async def kept(text: str, *facts: FoundFact) -> list[bool]:
    """Which of a model's facts may be stored."""
    extractor = OfflineExtractor()
    (checked,) = await extractor.check([TextToRead(text, speaker="Ada")], [Extraction(facts=facts)])
    found = {(fact.subject.name, fact.predicate, fact.object.name): fact for fact in checked.facts}
    told = [found.get((fact.subject.name, fact.predicate, fact.object.name)) for fact in facts]
    return [fact is not None and not (fact.denied or fact.hedged) for fact in told]


@pytest.mark.parametrize(
    ("text", "subject", "predicate", "object_"),
    [
        ("I no longer live in Berlin.", "Ada", "lives in", "Berlin"),
        ("Clara stopped working for Acme.", "Clara", "works for", "Acme"),
        ("Clara left Acme in 2019.", "Clara", "works for", "Acme"),
        ("Clara is the former head of Acme.", "Clara", "leads", "Acme"),
        ("Bob will no longer lead Acme.", "Bob", "leads", "Acme"),
        ("Bob will lead Acme.", "Bob", "leads", "Acme"),
        ("Nobody believes that Bob wrote Dunes.", "Bob", "wrote", "Dunes"),
        ("Clara lives in Paris, not in Berlin.", "Clara", "lives in", "Berlin"),
        ("Clara lives in Berlin or Paris.", "Clara", "lives in", "Paris"),
        ("Liechtenstein borders Germany, Switzerland and Austria.", "Germany", "is", "Austria"),
        ("Clara visited Paris, Berlin and Rome.", "Paris", "part of", "Berlin"),
        ("Does Clara work for Acme?", "Clara", "works for", "Acme"),
        ("Clara works for Acme. That is not true.", "Clara", "works for", "Acme"),
    ],
)
async def test_what_a_model_tells_and_the_text_denies_is_not_kept(
    text: str, subject: str, predicate: str, object_: str
) -> None:
    assert await kept(text, said(text, subject, predicate, object_)) == [False]


@pytest.mark.parametrize(
    ("text", "subject", "predicate", "object_"),
    [
        ("I live in Berlin.", "Ada", "lives in", "Berlin"),
        ("Clara lives in Paris, not in Berlin.", "Clara", "lives in", "Paris"),
        ("Clara left Acme and joined Globex.", "Clara", "joined", "Globex"),
        ("Clara left Acme in 2019.", "Clara", "left", "Acme"),
        ("Liechtenstein borders Germany, Switzerland and Austria.", "Liechtenstein", "borders", "Austria"),
        ("Clara never studied law, but she works for Acme.", "Clara", "works for", "Acme"),
    ],
)
async def test_what_a_model_tells_and_the_text_asserts_is_kept(
    text: str, subject: str, predicate: str, object_: str
) -> None:
    assert await kept(text, said(text, subject, predicate, object_)) == [True]


async def test_a_name_is_judged_where_the_quotation_has_it() -> None:
    text = "Clara lives in Paris. Bob no longer lives in Paris."
    facts = (
        said(text, "Clara", "lives in", "Paris", "Clara lives in Paris"),
        said(text, "Bob", "lives in", "Paris", "Bob no longer lives in Paris"),
    )
    assert await kept(text, *facts) == [True, False]


async def test_a_denied_cause_is_told_as_one() -> None:
    text = "Coffee never causes cancer."
    cause = FoundCause(
        Argument("Coffee", Span(0, 6)), Argument("cancer", Span(20, 26)), "CAUSES", Span(13, 19), 0.8, "openai:small"
    )
    (checked,) = await OfflineExtractor().check([TextToRead(text)], [Extraction(causes=[cause])])
    assert [each.denied for each in checked.causes] == [True]


@pytest.mark.long
async def test_checking_in_a_process_of_its_own_gives_the_same() -> None:
    text = "I no longer live in Berlin."
    work = [TextToRead(text, speaker="Ada")], [Extraction(facts=[said(text, "Ada", "lives in", "Berlin")])]
    child = OfflineExtractor(processes=1)
    try:
        assert await child.check(*work) == await OfflineExtractor().check(*work)
    finally:
        await child.aclose()
