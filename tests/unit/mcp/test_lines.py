"""Answers for models: stored text stays data whatever it says, and an answer stays within its budget."""

from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.agents.context import PREFACE
from kgmem.domain.agents.tokens import estimate
from kgmem.mcp.lines import Lines

HEADING = "3 found."
HOSTILE = st.text(
    alphabet=st.sampled_from("ab [](){}|-\n\r\v\f\x1c\x85\u2028\u2029\u202e`#<>:/\\\"'\u00e9"), max_size=300
)


def own_words(text: str) -> list[str]:
    """Return the lines of an answer that are not marked as data."""
    return [line for line in text.split("\n") if not line.startswith(("- [", "| ", "|"))]


@given(st.lists(st.tuples(HOSTILE, HOSTILE), min_size=1, max_size=5))
def test_no_stored_text_or_key_begins_a_line_of_its_own(entries: list[tuple[str, str]]) -> None:
    lines = Lines(10_000, estimate, HEADING)
    for source, text in entries:
        lines.add(source, text)
    assert own_words(lines.text()) == [HEADING, PREFACE]
    assert not any(sign in lines.text() for sign in "\r\v\f\x1c\x85\u2028\u2029\u202e")


@given(HOSTILE)
def test_each_line_of_a_quoted_text_is_marked(text: str) -> None:
    lines = Lines(10_000, estimate, HEADING)
    lines.quote(text)
    assert own_words(lines.text()) == [HEADING, PREFACE]


@given(st.lists(st.text(min_size=1, max_size=2000), max_size=30), st.integers(100, 1000))
def test_an_answer_and_its_value_take_no_more_than_the_budget(texts: list[str], budget: int) -> None:
    lines = Lines(budget, estimate)
    for number, text in enumerate(texts):
        lines.add(f"fact:{number}", text, {"ref": f"fact:{number}", "text": text})
    assert estimate(lines.text()) <= budget
    assert sum(estimate(str(value)) for value in lines.values) <= 2 * budget
    assert len(lines.values) + lines.omitted == len(texts)


def test_the_first_entry_is_cut_when_it_alone_is_too_long() -> None:
    lines = Lines(200, estimate)
    assert lines.add("episode:a", "word " * 5000, {"ref": "episode:a", "text": "word " * 5000})
    assert not lines.add("episode:b", "short")
    (value,) = lines.values
    assert value["text"].endswith("\u2026")
    assert len(value["text"]) < 1000
    assert "1 more did not fit: raise max_tokens" in lines.text()
