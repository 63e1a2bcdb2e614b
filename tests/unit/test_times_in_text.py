"""Times in questions: what is understood, what is not, and that no text is too odd."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.time.interval import FIRST_YEAR, Interval, iso, parse_time
from kgmem.domain.time.times_in_text import time_in

WORDS = (
    "1969", "12", "july", "1960s", "century", "last", "year", "BC", "before", "between", "and", "from", "to", "not",
    "-", ".", "5th",
)  # fmt: skip
NOW = parse_time("2024-05-15T12:00:00Z").start or 0
DATES = st.dates()
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def days(text: str) -> str | None:
    """The first day that a text means and the first that it means no more."""
    found = time_in(text, NOW)
    if found is None:
        return None
    interval = found.interval
    return " ".join("open" if end is None else iso(end)[:-10] for end in (interval.start, interval.end))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What happened in spring 1969?", "1969-03-01 1969-06-01"),
        ("the winter of 1969", "1969-12-01 1970-03-01"),
        ("Who flew in July 1969 to the moon", "1969-07-01 1969-08-01"),
        ("in Sept. 1939", "1939-09-01 1939-10-01"),
        ("music of the 1960s", "1960-01-01 1970-01-01"),
        ("late 1960s rockets", "1960-01-01 1970-01-01"),
        ("between 1961 and 1965", "1961-01-01 1966-01-01"),
        ("between July 1961 and 3 May 1965, who ruled?", "1961-07-01 1965-05-04"),
        ("from 1961 to 1965", "1961-01-01 1966-01-01"),
        ("from 12 April 1961 until July 1969", "1961-04-12 1969-08-01"),
        ("the war of 1939-1945", "1939-01-01 1946-01-01"),
        ("1939–1945", "1939-01-01 1946-01-01"),
        ("before 1965", "open 1965-01-01"),
        ("who ruled until 1965?", "open 1966-01-01"),
        ("what was known by July 1969", "open 1969-08-01"),
        ("after 1965", "1966-01-01 open"),
        ("since 20 July 1969", "1969-07-20 open"),
        ("from 1990 on", "1990-01-01 open"),
        ("in the 19th century", "1801-01-01 1901-01-01"),
        ("temples of the 5th century BC", "-0499-01-01 -0399-01-01"),
        ("Caesar in 44 BC", "-0043-01-01 -0042-01-01"),
        ("Pompeii, 79 AD", "0079-01-01 0080-01-01"),
        ("on 20 July 1969", "1969-07-20 1969-07-21"),
        ("on the 20th of July, 1969 at the moon", "1969-07-20 1969-07-21"),
        ("July 20, 1969", "1969-07-20 1969-07-21"),
        ("on 1969-07-20", "1969-07-20 1969-07-21"),
        ("in 1969-07", "1969-07-01 1969-08-01"),
        ("in 1969 who landed?", "1969-01-01 1970-01-01"),
        ("who landed in the year 1969", "1969-01-01 1970-01-01"),
        ("moon landing 1969", "1969-01-01 1970-01-01"),
        ("in 1969, on 20 July 1969", "1969-07-20 1969-07-21"),
        ("what did we do last year?", "2023-01-01 2024-01-01"),
        ("this month", "2024-05-01 2024-06-01"),
        ("last week", "2024-05-06 2024-05-13"),
        ("next decade", "2030-01-01 2040-01-01"),
        ("last century", "1901-01-01 2001-01-01"),
        ("yesterday", "2024-05-14 2024-05-15"),
        ("three years ago", "2021-01-01 2022-01-01"),
        ("2 months ago", "2024-03-01 2024-04-01"),
        ("in the last 30 days", "2024-04-15 2024-05-16"),
        ("over the past two years", "2022-05-15 2024-05-16"),
    ],
)
def test_a_time_is_understood(text: str, expected: str) -> None:
    assert days(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "why was the landing given up?",
        "Apollo 11",
        "in 1500 cases",
        "1500 people came",
        "the flight of 1969 km",
        "version 2.1969 of it",
        "a 1200-1500 km range of numbers 12",
        "not in 1969",
        "everything except 1969",
        "in 1961 or in 1969",
        "before Apollo 11",
        "on 31 June 1969",
        "on 1969-02-30",
        "the 0th century",
        "may I ask",
        "march on",
        "in the second year",
        "call 555-1969-22",
        "the 99th century BC",
    ],
)
def test_what_is_no_time_or_not_clearly_one_is_left_alone(text: str) -> None:
    assert days(text) is None


def test_the_words_that_name_the_time_are_told() -> None:
    found = time_in("Who landed on the moon in the summer of 1969, and why?", NOW)
    assert found is not None
    assert found.text == "in the summer of 1969"


@given(DATES)
def test_every_date_is_read_however_it_is_written(date: st.SearchStrategy[object]) -> None:
    day = parse_time(str(date))
    year, month, number = (int(part) for part in str(date).split("-"))
    name = MONTHS[month - 1]
    for text in (f"on {date}", f"on {number} {name} {year:04}", f"{name} {number}, {year:04}"):
        found = time_in(text, NOW)
        assert found is not None
        assert found.interval == day


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    found = time_in(text, NOW)
    assert found is None or found.interval != Interval()


@given(st.lists(st.sampled_from(WORDS)))
def test_no_order_of_words_breaks_it(words: list[str]) -> None:
    found = time_in(" ".join(words), NOW)
    if found is not None and found.interval.start is not None and found.interval.end is not None:
        assert FIRST_YEAR * 366 * 86_400_000_000 < found.interval.start < found.interval.end + 1


@pytest.mark.parametrize("word", ["between ", "from 1969 ", "1969 ", "not in ", "the "])
def test_a_long_text_is_read_at_once(word: str) -> None:
    started = time.thread_time()
    time_in(word * 100_000, NOW)
    assert time.thread_time() - started < 1
