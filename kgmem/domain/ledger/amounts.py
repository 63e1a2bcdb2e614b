"""Amounts: exact decimals as text, never floats."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Clamped, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow, localcontext
from typing import Final

from kgmem.domain.errors import InvalidInput

MOST_SCALE: Final = 18  # Digits behind the point that an account may keep.
USUAL_SCALE: Final = 9
MOST_WHOLE_DIGITS: Final = 20  # Before the point.
ZERO: Final = Decimal(0)
_LONGEST: Final = 60
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_EXACT: Final = Context(prec=200, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow, Clamped])


@contextmanager
def exact() -> Iterator[None]:
    """Compute with Decimals without rounding: what cannot be exact raises an ArithmeticError."""
    with localcontext(_EXACT):
        yield


def parse_amount(value: str | int | Decimal, field: str) -> Decimal:
    """Return an amount from text, a whole number or a Decimal. Raises InvalidInput, which names the field."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise _refused(field, f"is a {type(value).__name__}", "Send it as text: floats are not exact.")
    # Decimal takes digits of all scripts and underscores, too, which people and programs read differently.
    text = str(value).strip()
    amount = Decimal(text) if len(text) <= _LONGEST and _NUMBER.fullmatch(text) else Decimal("NaN")
    if not amount.is_finite():
        raise _refused(field, f"{text[:_LONGEST]!r} is no amount", "Send a decimal number as text, such as 12.50.")
    if amount and not (-_LONGEST < amount.adjusted() < MOST_WHOLE_DIGITS and _places(amount) <= MOST_SCALE):
        raise _refused(
            field,
            f"{text!r} has too many digits",
            f"At most {MOST_WHOLE_DIGITS} digits before the point and {MOST_SCALE} behind it.",
        )
    return Decimal(text_of(amount))


def check_scale(amount: Decimal, scale: int, account: str, field: str) -> None:
    """Raise InvalidInput where an amount has more digits behind the point than its account keeps."""
    if _places(amount) > scale:
        raise _refused(
            field,
            f"{text_of(amount)} has more than {scale} digits behind the point, which is the scale of {account!r}",
            f"Round it to {scale} digits yourself, or use an account with a larger scale.",
        )


def text_of(amount: Decimal) -> str:
    """Return an amount as text without exponent and without zeros at the end."""
    if not amount:
        return "0"
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def optional_text(amount: Decimal | None) -> str | None:
    """Return an amount as text; None for None."""
    return None if amount is None else text_of(amount)


def sums(amounts: Mapping[str, list[Decimal]]) -> Mapping[str, Decimal]:
    """Return the sums by unit that are not zero."""
    return {unit: total for unit, each in amounts.items() if (total := sum(each, ZERO))}


def _places(amount: Decimal) -> int:
    return len(text_of(amount).partition(".")[2])


def _refused(field: str, problem: str, hint: str) -> InvalidInput:
    return InvalidInput(f"{field}: {problem}.", hint=hint, field=field)
