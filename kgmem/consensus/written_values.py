"""Numbers, quantities, dates and names in texts: what says the same in another form gets the same key.

Only what is certain is read. "1,200" is a number and "1,2" is none, since it is 1.2 to some; "007" and "1.10" stay
texts, since they may be codes and versions; "03/04/2020" stays a text, since it names two days.
"""

import re
from datetime import date

_METRES = {
    **dict.fromkeys(("m", "metre", "metres", "meter", "meters"), 1.0),
    **dict.fromkeys(("mm", "millimetres", "millimeters"), 1e-3),
    **dict.fromkeys(("cm", "centimetres", "centimeters"), 1e-2),
    **dict.fromkeys(("km", "kilometre", "kilometres", "kilometer", "kilometers"), 1e3),
    **dict.fromkeys(("ft", "foot", "feet"), 0.3048),
    **dict.fromkeys(("mi", "mile", "miles"), 1609.344),
}
_GRAMS = {
    **dict.fromkeys(("g", "gram", "grams"), 1.0),
    **dict.fromkeys(("mg", "milligrams"), 1e-3),
    **dict.fromkeys(("kg", "kilogram", "kilograms"), 1e3),
    **dict.fromkeys(("t", "tonne", "tonnes"), 1e6),
    **dict.fromkeys(("lb", "lbs"), 453.59237),
}
_SECONDS = {
    **dict.fromkeys(("s", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "milliseconds"), 1e-3),
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
}
# Each unit as a multiple of the one that its quantity is compared in.
UNITS: dict[str, tuple[str, float]] = {
    **{unit: ("m", size) for unit, size in _METRES.items()},
    **{unit: ("g", size) for unit, size in _GRAMS.items()},
    **{unit: ("s", size) for unit, size in _SECONDS.items()},
    **{unit: ("m2", size) for unit, size in {"m2": 1.0, "m²": 1.0, "ha": 1e4, "km2": 1e6, "km²": 1e6}.items()},
    "%": ("1", 0.01),
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{3,4})"
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:the )?{_DAY}\.?(?: of)? {_MONTH},? {_YEAR}",
        rf"{_MONTH} {_DAY},? {_YEAR}",
        rf"{_MONTH} {_YEAR}",
        r"(?P<year>\d{4})-(?P<number>\d{2})(?:-(?P<day>\d{2}))?",
    )
)
_GROUPED = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?"
_AMOUNT = re.compile(
    rf"(?P<sign>[+\-\u2212]?)(?P<digits>{_GROUPED}|\d+(?:\.\d+)?)(?:\s*(?P<unit>[a-zA-Z%][a-zA-Z]*[2²]?))?"
)
_CODE = re.compile(r"0\d|\d*\.\d*0$")  # Leading zeros, or a decimal that ends in one.
_MOST_DIGITS = 15  # What a double holds.
_INVERTED = re.compile(r"([^\W\d_][\w.'\u2019\- ]*), ([^\W\d_][\w.'\u2019\- ]*)")


def number_key(number: float) -> str:
    """Return the key by which equal numbers are equal, to twelve digits."""
    return repr(float(f"{number:.12g}") + 0.0)


def written_key(text: str) -> str | None:
    """Return the key of a text that is a number, a quantity with a known unit, or a date; None for any other.

    A number has the key that it has as a JSON number. A month, and a day, are not the same.
    """
    plain = " ".join(text.split())
    return _amount_key(plain) or _date_key(plain)


def iso_date(text: str) -> str | None:
    """Return a date that is written out ("1 August 1291", "Aug 1, 1291", "August 1291") as ISO 8601; else None."""
    plain = " ".join(text.split())
    for pattern in _DATES:
        found = pattern.fullmatch(plain)
        if found is None:
            continue
        parts = found.groupdict()
        month = int(parts["number"]) if parts.get("number") else _MONTHS.index(parts["month"][:3].lower()) + 1
        try:
            told = date(int(parts["year"]), month, int(parts.get("day") or 1))
        except ValueError:
            return None
        return told.isoformat() if parts.get("day") else told.isoformat()[:7]
    return None


def uninverted(text: str) -> str | None:
    """Return "PEREZ, José" as "José PEREZ"; None for a text that is not of two parts with a comma between them."""
    found = _INVERTED.fullmatch(" ".join(text.split()))
    return f"{found[2]} {found[1]}" if found else None


def _amount_key(text: str) -> str | None:
    found = _AMOUNT.fullmatch(text)
    if found is None:
        return None
    digits = found["digits"].replace(",", "")
    unit = found["unit"]
    grouped = "," in found["digits"]
    if len(digits.replace(".", "")) > _MOST_DIGITS or (unit is not None and unit not in UNITS):
        return None
    number = float(digits) * (-1 if found["sign"] in {"-", "\u2212"} else 1)
    if unit is not None:
        base, size = UNITS[unit]
        return f"{number_key(number * size)} {base}"
    # What may be a code or a version is the same only where it is written the same.
    if not grouped and (_CODE.match(digits) or found["sign"] == "+"):
        return f"= {text}"
    return number_key(number)


def _date_key(text: str) -> str | None:
    told = iso_date(text)
    return None if told is None else f"date {told}"
