"""What phrases mean as times: a table of them, and that nothing is made up."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.time.dates import date_meant
from kgmem.domain.time.interval import iso, parse_time

SAID = parse_time("2024-03-15T12:00:00Z").start  # A Friday.
TABLE = (
    ("the 1990s", "1990-01-01", "2000-01-01"),
    ("early 1990s", "1990-01-01", "1994-01-01"),
    ("the mid-1990s", "1994-01-01", "1997-01-01"),
    ("the late 1960s", "1967-01-01", "1970-01-01"),
    ("the fifties", "1950-01-01", "1960-01-01"),
    ("'60s", "1960-01-01", "1970-01-01"),
    ("the 1990s and 2000s", "1990-01-01", "2010-01-01"),
    ("the 19th century", "1801-01-01", "1901-01-01"),
    ("the early nineteenth century", "1801-01-01", "1834-01-01"),
    ("the second half of the 19th century", "1851-01-01", "1901-01-01"),
    ("the 17th and 18th centuries", "1601-01-01", "1801-01-01"),
    ("the 5th century BC", "-0499-01-01", "-0399-01-01"),
    ("44 BC", "-0043-01-01", "-0042-01-01"),
    ("79 AD", "0079-01-01", "0080-01-01"),
    ("1066", "1066-01-01", "1067-01-01"),
    ("the year 1984", "1984-01-01", "1985-01-01"),
    ("circa 1850", "1850-01-01", "1851-01-01"),
    ("July 1969", "1969-07-01", "1969-08-01"),
    ("Sept. 1939", "1939-09-01", "1939-10-01"),
    ("5 May 1968", "1968-05-05", "1968-05-06"),
    ("May 5, 1968", "1968-05-05", "1968-05-06"),
    ("the 20th of July, 1969", "1969-07-20", "1969-07-21"),
    ("May 24, 1894", "1894-05-24", "1894-05-25"),
    ("2019-04-05", "2019-04-05", "2019-04-06"),
    ("2019-04", "2019-04-01", "2019-05-01"),
    ("2019/4/5", "2019-04-05", "2019-04-06"),
    ("May 5-9, 1880", "1880-05-05", "1880-05-10"),
    ("5-9 January 1880", "1880-01-05", "1880-01-10"),
    ("May to July 1999", "1999-05-01", "1999-08-01"),
    ("from 3 May to 5 June 1940", "1940-05-03", "1940-06-06"),
    ("1 February 2008 to 30 June 2009", "2008-02-01", "2009-07-01"),
    ("between 1961 and 1965", "1961-01-01", "1966-01-01"),
    ("from 1961 to 1965", "1961-01-01", "1966-01-01"),
    ("1914-18", "1914-01-01", "1919-01-01"),
    ("1939\u20131945", "1939-01-01", "1946-01-01"),
    ("1990 to present", "1990-01-01", "open"),
    ("since 1990", "1990-01-01", "open"),
    ("from 1990 onwards", "1990-01-01", "open"),
    ("after July 1969", "1969-08-01", "open"),
    ("until 1965", "open", "1966-01-01"),
    ("by 1970", "open", "1971-01-01"),
    ("before 1823", "open", "1823-01-01"),
    ("pre-1823", "open", "1823-01-01"),
    ("the end of 2016", "2016-09-01", "2017-01-01"),
    ("the first half of 1944", "1944-01-01", "1944-07-01"),
    ("Q3 2022", "2022-07-01", "2022-10-01"),
    ("the third quarter of 2022", "2022-07-01", "2022-10-01"),
    ("spring 1969", "1969-03-01", "1969-06-01"),
    ("the winter of 1969", "1969-12-01", "1970-03-01"),
    ("last year", "2023-01-01", "2024-01-01"),
    ("last summer", "2023-06-01", "2023-09-01"),
    ("next month", "2024-04-01", "2024-05-01"),
    ("yesterday", "2024-03-14", "2024-03-15"),
    ("the day before yesterday", "2024-03-13", "2024-03-14"),
    ("last Friday", "2024-03-08", "2024-03-09"),
    ("Tuesday", "2024-03-12", "2024-03-13"),
    ("next Monday", "2024-03-18", "2024-03-19"),
    ("last weekend", "2024-03-09", "2024-03-11"),
    ("in two days", "2024-03-17", "2024-03-18"),
    ("a year ago", "2023-01-01", "2024-01-01"),
    ("the past three years", "2021-01-01", "2024-03-16"),
    ("last March", "2023-03-01", "2023-04-01"),
    ("3 December", "2023-12-03", "2023-12-04"),
)  # fmt: skip


def meant(phrase: str, said: int | None = SAID) -> tuple[str, str] | None:
    found = date_meant(phrase, said)
    if found is None:
        return None
    ends = (found.interval.start, found.interval.end)
    one, two = ("open" if end is None else iso(end).split("T")[0] for end in ends)
    return one, two


@pytest.mark.parametrize(("phrase", "start", "end"), TABLE)
def test_phrase_means_its_interval(phrase: str, start: str, end: str) -> None:
    assert meant(phrase) == (start, end)


def test_table_has_sixty_phrases() -> None:
    assert len({phrase for phrase, _, _ in TABLE}) >= 60


@pytest.mark.parametrize(
    "phrase",
    ["monthly", "six days", "the day", "daily", "30 years", "12 years old", "31 February 2010", "ten years later", ""],
)
def test_what_names_no_certain_time_gives_nothing(phrase: str) -> None:
    assert meant(phrase) is None


@pytest.mark.parametrize("phrase", ["last year", "Friday", "March", "yesterday", "two weeks ago", "next summer"])
def test_what_is_relative_needs_the_time_it_was_said(phrase: str) -> None:
    assert meant(phrase, None) is None
    assert meant(phrase) is not None


@given(st.text(alphabet="0123456789abcdefghijklmnopqrstuvwxyz' -,", max_size=100))
def test_no_phrase_is_too_odd(phrase: str) -> None:
    found = date_meant(phrase, SAID)
    if found is not None and found.interval.start is not None and found.interval.end is not None:
        assert found.interval.start < found.interval.end


@given(st.dates(min_value=date(1000, 1, 1)))
def test_every_day_is_read_in_either_order(day: date) -> None:
    expected = parse_time(f"{day:%Y-%m-%d}")
    for form in (f"{day:%d %B %Y}", f"{day:%B %d, %Y}", f"{day:%Y-%m-%d}"):
        found = date_meant(form)
        assert found is not None
        assert (found.interval, found.granularity) == (expected, "day")
