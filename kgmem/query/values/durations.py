"""Durations: months, days, seconds and nanoseconds, that are added each by itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from kgmem.query.errors import ValueProblem, wrong_type
from kgmem.query.values.calendar import DAY
from kgmem.query.values.instants import SECOND

MONTH = 2_629_746  # Seconds in a month, on the average of 400 years.
_MOST = 2**63 - 1
_UNITS = {  # What each is in months, days, nanoseconds.
    "years": (12, 0, 0),
    "quarters": (3, 0, 0),
    "months": (1, 0, 0),
    "weeks": (0, 7, 0),
    "days": (0, 1, 0),
    "hours": (0, 0, 3600 * SECOND),
    "minutes": (0, 0, 60 * SECOND),
    "seconds": (0, 0, SECOND),
    "milliseconds": (0, 0, 1_000_000),
    "microseconds": (0, 0, 1000),
    "nanoseconds": (0, 0, 1),
}
_NUMBER = r"([+-]?\d{1,19}(?:[.,]\d{1,18})?)"
_BY_UNITS = re.compile(
    rf"([+-])?P(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?",
    re.ASCII | re.IGNORECASE,
)
_ORDER = ("years", "months", "weeks", "days", "hours", "minutes", "seconds")
_BY_DATE = re.compile(
    r"P(\d{4})-?(\d{2})-?(\d{2})(?:T(\d{2}):?(\d{2})(?::?(\d{2}(?:[.,]\d{1,9})?))?)?", re.ASCII | re.IGNORECASE
)
_BY_DATE_ORDER = ("years", "months", "days", "hours", "minutes", "seconds")


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time. `nanoseconds` are 0 to 999,999,999: of -0.1 s, `seconds` are -1."""

    months: int
    days: int
    seconds: int
    nanoseconds: int

    @property
    def clock(self) -> int:
        """Seconds and nanoseconds, as nanoseconds."""
        return self.seconds * SECOND + self.nanoseconds

    @property
    def average(self) -> int:
        """Its length in nanoseconds, where a month is as long as it is on the average; durations are sorted by it."""
        return (self.months * MONTH + self.days * DAY) * SECOND + self.clock

    def __str__(self) -> str:
        """Return it in ISO 8601; every part has a sign of its own."""
        date = _part(_towards_zero(self.months, 12), "Y") + _part(_rest(self.months, 12), "M") + _part(self.days, "D")
        minutes = _towards_zero(self.clock, 60 * SECOND)
        time = _part(_towards_zero(minutes, 60), "H") + _part(_rest(minutes, 60), "M")
        time += _seconds(_rest(self.clock, 60 * SECOND))
        return f"P{date}{'T' if time else ''}{time}" if date or time else "PT0S"


def _part(amount: int, unit: str) -> str:
    return f"{amount}{unit}" if amount else ""


def _seconds(nanoseconds: int) -> str:
    if not nanoseconds:
        return ""
    whole, fraction = divmod(abs(nanoseconds), SECOND)
    text = f"{whole}.{fraction:09}".rstrip("0").rstrip(".")
    return f"{'-' if nanoseconds < 0 else ''}{text}S"


def _towards_zero(amount: int, by: int) -> int:
    return -(-amount // by) if amount < 0 else amount // by


def _rest(amount: int, by: int) -> int:
    return amount - _towards_zero(amount, by) * by


def of_clock(months: int, days: int, nanoseconds: int) -> Duration:
    """A duration of months, days and nanoseconds. Raises ValueProblem where it is longer than 64 bits can tell."""
    seconds, rest = divmod(nanoseconds, SECOND)
    if any(abs(part) > _MOST for part in (months, days, seconds)):
        raise ValueProblem("The duration is too long.", type="ArithmeticError", detail="NumberOutOfRange")
    return Duration(months, days, seconds, rest)


def of_fractions(months: Fraction, days: Fraction, nanoseconds: Fraction) -> Duration:
    """A duration of fractions: what is less than a month goes into days, what is less than a day into seconds."""
    whole_months = int(months)
    from_months = (months - whole_months) * MONTH  # Seconds.
    month_days = int(from_months / DAY)
    whole_days = int(days)
    rest = (from_months - month_days * DAY) * SECOND + (days - whole_days) * DAY * SECOND
    return of_clock(whole_months, whole_days + month_days, int(rest + nanoseconds))


def of_parts(parts: Mapping[str, Any]) -> Duration:
    """Return the duration that a map's entries make up: years, ..., nanoseconds. Raises ValueProblem."""
    totals = [Fraction(0)] * 3
    for name, amount in parts.items():
        unit = _UNITS.get(name)
        if unit is None:
            raise ValueProblem(f"A duration has no {name}.", hint=f"It has {', '.join(_UNITS)}.")
        if amount is None:
            continue
        totals = [total + each * exact(amount) for total, each in zip(totals, unit, strict=True)]
    return of_fractions(*totals)


def exact(number: Any) -> Fraction:
    """Return a number as a fraction; a float is what it is written as (0.1 is one tenth). Raises ValueProblem."""
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise wrong_type("a number", number)
    try:
        return Fraction(number) if isinstance(number, int) else Fraction(repr(number))
    except ValueError:
        raise ValueProblem(f"Invalid length of time: {number}.") from None


def parse_duration(text: str) -> Duration:
    """Return the duration that a text names: P1Y2M10DT2H30M1.5S, P2W, P2012-02-02T14:37:21. Raises ValueProblem."""
    found = _BY_UNITS.fullmatch(text)
    order: tuple[str, ...] = _ORDER
    sign = 1
    if found is not None:
        sign = -1 if found[1] == "-" else 1
        amounts = found.groups()[1:]
    else:
        found = _BY_DATE.fullmatch(text)
        order = _BY_DATE_ORDER
        amounts = found.groups() if found is not None else ()
    if not any(amounts) or text[-1] in "Tt":
        hint = "Write durations as P1Y2M10DT2H30M1.5S."
        raise ValueProblem(f"Invalid duration {text[:60]!r}.", hint=hint)
    totals = [Fraction(0)] * 3
    for name, amount in zip(order, amounts, strict=True):
        if amount:
            value = sign * Fraction(amount.replace(",", "."))
            totals = [total + each * value for total, each in zip(totals, _UNITS[name], strict=True)]
    return of_fractions(*totals)


def added(left: Duration, right: Duration, sign: int = 1) -> Duration:
    """Return the sum of two durations, or with sign -1 the difference."""
    return of_clock(left.months + sign * right.months, left.days + sign * right.days, left.clock + sign * right.clock)


def scaled(duration: Duration, by: Fraction) -> Duration:
    """Return a duration so many times; part by part."""
    return of_fractions(duration.months * by, duration.days * by, duration.clock * by)
