"""Temporal instants: dates, times, and both together, with and without a zone; to the nanosecond."""

from dataclasses import dataclass

from kgmem.query.values import calendar
from kgmem.query.values.calendar import checked_days, civil

SECOND = 1_000_000_000
DAY = 86_400 * SECOND


@dataclass(frozen=True, slots=True)
class Date:
    """A day, in days since 1970-01-01."""

    days: int

    def __str__(self) -> str:
        """Return it in ISO 8601."""
        return written_date(self.days)


@dataclass(frozen=True, slots=True)
class LocalTime:
    """A time of day without a zone, in nanoseconds since midnight."""

    nanoseconds: int

    def __str__(self) -> str:
        """Return it in ISO 8601."""
        return written_time(self.nanoseconds)


@dataclass(frozen=True, slots=True)
class Time:
    """A time of day (nanoseconds since midnight, as its clock shows it), and its clock's offset in seconds."""

    nanoseconds: int
    offset: int

    @property
    def instant(self) -> int:
        """Nanoseconds since midnight in Greenwich; of another day where they are negative or too many."""
        return self.nanoseconds - self.offset * SECOND

    def __str__(self) -> str:
        """Return it in ISO 8601."""
        return written_time(self.nanoseconds) + calendar.written(self.offset)


@dataclass(frozen=True, slots=True)
class LocalDateTime:
    """A date and time of day without a zone."""

    days: int
    nanoseconds: int

    def __str__(self) -> str:
        """Return it in ISO 8601."""
        return f"{written_date(self.days)}T{written_time(self.nanoseconds)}"


@dataclass(frozen=True, slots=True)
class DateTime:
    """A date and time of day as a clock shows it, the clock's offset in seconds, and its zone where that has a name."""

    days: int
    nanoseconds: int
    offset: int
    zone: str | None = None

    @property
    def seconds(self) -> int:
        """Whole seconds since 1970-01-01T00:00Z."""
        return self.days * calendar.DAY + self.nanoseconds // SECOND - self.offset

    @property
    def instant(self) -> int:
        """Nanoseconds since 1970-01-01T00:00Z."""
        return self.days * DAY + self.nanoseconds - self.offset * SECOND

    def __str__(self) -> str:
        """Return it in ISO 8601, with its zone in brackets behind."""
        name = f"[{self.zone}]" if self.zone else ""
        return f"{written_date(self.days)}T{written_time(self.nanoseconds)}{calendar.written(self.offset)}{name}"


Instant = Date | LocalTime | Time | LocalDateTime | DateTime
INSTANTS = (Date, LocalTime, Time, LocalDateTime, DateTime)


def zoned(days: int, nanoseconds: int, offset: int | None, zone: str | None) -> DateTime:
    """Return what a clock shows in a zone, or at an offset; of two offsets that it may have, the one given counts."""
    if zone is None:
        return DateTime(checked_days(days), nanoseconds, offset or 0)
    found, skipped = calendar.offset_at(zone, days, nanoseconds, offset)
    more, nanoseconds = divmod(nanoseconds + skipped * SECOND, DAY)
    return DateTime(checked_days(days + more), nanoseconds, found, zone)


def at_instant(instant: int, offset: int | None, zone: str | None) -> DateTime:
    """Return what a clock shows at an instant (nanoseconds since 1970-01-01T00:00Z) in a zone or at an offset."""
    if zone is not None:
        offset = calendar.offset_of_instant(zone, instant // SECOND)
    offset = offset or 0
    days, nanoseconds = divmod(instant + offset * SECOND, DAY)
    return DateTime(checked_days(days), nanoseconds, offset, zone)


def written_date(days: int) -> str:
    """Return a date in ISO 8601; a year of more than four digits has a sign."""
    year, month, day = civil(days)
    sign = "-" if year < 0 else "+" if year > 9999 else ""
    return f"{sign}{abs(year):04}-{month:02}-{day:02}"


def written_time(nanoseconds: int) -> str:
    """Return a time of day in ISO 8601, as short as it can be: 12:00, 12:00:01, 12:00:01.5."""
    seconds, fraction = divmod(nanoseconds, SECOND)
    minutes, second = divmod(seconds, 60)
    text = f"{minutes // 60:02}:{minutes % 60:02}"
    if second or fraction:
        text = f"{text}:{second:02}"
    return f"{text}.{fraction:09}".rstrip("0") if fraction else text
