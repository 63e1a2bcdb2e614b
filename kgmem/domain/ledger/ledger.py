"""The nouns of the budget ledger: accounts, entries, transactions, holds, notices, statements."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal, get_args

from kgmem.domain.errors import InvalidInput
from kgmem.domain.ledger.amounts import MOST_SCALE, exact
from kgmem.domain.time.interval import parse_time

AccountKind = Literal["asset", "liability", "income", "expense", "budget"]
RecordKind = Literal["account", "transaction", "hold", "release"]
HoldState = Literal["open", "settled", "released", "expired"]
LimitName = Literal["hard_min", "hard_max", "soft_min", "soft_max"]
KINDS: Final[tuple[str, ...]] = get_args(AccountKind)
MOST_ENTRIES: Final = 1000
MOST_TAGS: Final = 50
MOST_TEXT: Final = 2000  # Characters of a description.
MOST_METADATA: Final = 16_384  # Bytes as JSON.
LONGEST_HOLD: Final = 10 * 366 * 86_400  # Seconds.
AS_IT_IS: Final = -1  # The scale of an account that is known; 9 for a new one.
_NAME = re.compile(r"[^\s/\x00-\x1f\x7f]{1,200}")


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """How far the balance of an account may go. A hard limit refuses, a soft one is noted.

    The lower ones apply to what is available (posted less what holds reserve), the upper ones to what is posted and
    reserved to come in. None: no limit.
    """

    hard_min: Decimal | None = None
    hard_max: Decimal | None = None
    soft_min: Decimal | None = None
    soft_max: Decimal | None = None


NO_LIMITS: Final = AccountLimits()


@dataclass(frozen=True, slots=True)
class AccountSpec:
    """What an account is. Kind, unit and scale never change; the rest may."""

    name: str
    kind: AccountKind
    unit: str
    scale: int = AS_IT_IS  # Most digits behind the point; as it is: that of the account, and 9 for a new one.
    limits: AccountLimits = NO_LIMITS
    description: str = ""
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Balance:
    """A balance: the sum of the entries, what open holds reserve, what they reserve to come in."""

    posted: Decimal
    held: Decimal
    incoming: Decimal

    @property
    def available(self) -> Decimal:
        """What is posted and not reserved."""
        with exact():
            return self.posted - self.held


@dataclass(frozen=True, slots=True)
class Account:
    """An account with its balance."""

    id: int
    scope: str
    spec: AccountSpec
    balance: Balance
    opened_at: str
    created: bool = False
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Posting:
    """One entry as a caller states it: the amount is added to the balance of the account."""

    account: str
    amount: Decimal | str | int
    unit: str | None = None  # Checked where it is given.


@dataclass(frozen=True, slots=True)
class Movement:
    """A posting whose amount is a number."""

    account: str
    amount: Decimal
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a hold is to reserve: an amount on one account for another, for some seconds or until a time (ISO 8601).

    Without either it stays until it is settled or released.
    """

    source: str
    destination: str
    amount: Decimal | str | int
    seconds: int | None = None
    expires_at: str | None = None


@dataclass(frozen=True, slots=True)
class LedgerNote:
    """What a transaction or a hold is about."""

    description: str = ""
    agent: str | None = None
    session: str | None = None
    tags: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


NO_NOTE: Final = LedgerNote()


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a stored transaction."""

    account: str
    unit: str
    amount: Decimal
    balance: Decimal  # Of the account after it.


@dataclass(frozen=True, slots=True)
class Notice:
    """An account went beyond a soft limit."""

    account: str
    unit: str
    limit: LimitName
    value: Decimal  # Of the limit.
    balance: Decimal  # What is available, or for an upper limit what is posted and to come in.
    crossed: bool  # It was within the limit before.
    record: int = 0
    at: str = ""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A stored transaction; it never changes."""

    id: int
    at: str
    scope: str
    entries: Sequence[Entry]
    note: LedgerNote
    idempotency_key: str | None
    author: str | None
    hold: int | None  # The hold that it settles.
    reverses: int | None
    notices: Sequence[Notice]
    hash: str
    created: bool = True  # False: the idempotency key was known, and this is what was stored then.


@dataclass(frozen=True, slots=True)
class Hold:
    """An amount that is reserved on one account for another."""

    id: int
    at: str
    scope: str
    source: str
    destination: str
    unit: str
    amount: Decimal
    expires_at: str | None
    state: HoldState
    closed_at: str | None
    settled: Decimal | None  # How much of it was posted.
    transaction: int | None
    note: LedgerNote
    idempotency_key: str | None
    author: str | None
    notices: Sequence[Notice]
    created: bool = True


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One entry in a statement."""

    transaction: int
    at: str
    account: str
    unit: str
    amount: Decimal
    balance: Decimal
    note: LedgerNote


@dataclass(frozen=True, slots=True)
class StatementTotal:
    """What the entries of a statement add up to, by account."""

    account: str
    kind: AccountKind
    unit: str
    entries: int
    added: Decimal  # Sum of what is above zero.
    deducted: Decimal  # Sum of what is below zero, as a positive number.


@dataclass(frozen=True, slots=True)
class StatementQuery:
    """Which entries a statement lists: those that meet all conditions, from a start to before an end (ISO 8601)."""

    account: str | None = None
    agent: str | None = None
    session: str | None = None
    tag: str | None = None
    start: str | None = None
    end: str | None = None

    def checked(self) -> "StatementQuery":
        """Return itself. Raises InvalidInput for a time that is none, and for a start after the end."""
        start, end = (None if each is None else parse_time(each).start for each in (self.start, self.end))
        if start is not None and end is not None and start > end:
            raise InvalidInput(
                f"start: {self.start} is after the end, {self.end}.", hint="Swap start and end.", field="start"
            )
        return self


@dataclass(frozen=True, slots=True)
class Statement:
    """A page of entries, oldest first; of one account with its balances before and after the time."""

    lines: Sequence[StatementLine]
    totals: Sequence[StatementTotal]
    opening: Decimal | None
    closing: Decimal | None
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain of a graph ends. Who keeps it somewhere else can prove later that nothing before it changed."""

    records: int
    hash: str
    at: str | None


@dataclass(frozen=True, slots=True)
class Broken:
    """The first row that is not what was written."""

    table: str
    row: str
    problem: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of checking a ledger."""

    records: int
    entries: int
    accounts: int
    holds: int
    head: Head
    broken: Broken | None

    @property
    def ok(self) -> bool:
        """Whether nothing is broken."""
        return self.broken is None


@dataclass(frozen=True, slots=True)
class PutAccount:
    """Open an account, or change the limits, description and closing of one."""

    scope: str
    spec: AccountSpec
    author: str | None = None
    key: str | None = None
    only_new: bool = False  # One that exists stays as it is.


@dataclass(frozen=True, slots=True)
class Post:
    """Post a transaction."""

    scope: str
    postings: Sequence[Movement]
    note: LedgerNote = NO_NOTE
    key: str | None = None
    author: str | None = None


@dataclass(frozen=True, slots=True)
class Reverse:
    """Post the opposite of a transaction."""

    scope: str
    transaction: int
    note: LedgerNote = NO_NOTE
    key: str | None = None
    author: str | None = None


@dataclass(frozen=True, slots=True)
class Reserve:
    """Reserve an amount on one account for another."""

    scope: str
    source: str
    destination: str
    amount: Decimal
    seconds: int | None = None  # After which it expires.
    expires_at: int | None = None
    note: LedgerNote = NO_NOTE
    key: str | None = None
    author: str | None = None


@dataclass(frozen=True, slots=True)
class Settle:
    """Post what a hold reserves, in whole (None) or in part; the rest is released."""

    scope: str
    hold: int
    amount: Decimal | None = None
    note: LedgerNote = NO_NOTE
    key: str | None = None
    author: str | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """Release a hold without posting anything."""

    scope: str
    hold: int
    key: str | None = None
    author: str | None = None


Request = PutAccount | Post | Reverse | Reserve | Settle | Release


def is_name(text: str) -> bool:
    """Whether a text can be the name of an account, an agent, a session or a tag."""
    return _NAME.fullmatch(text) is not None


def check_name(field_: str, name: str) -> str:
    """Return a name unchanged. Raises InvalidInput."""
    if not is_name(name):
        raise InvalidInput(
            f"{field_}: {name[:80]!r} is no name.",
            hint="Give 1 to 200 characters without spaces and slashes.",
            field=field_,
        )
    return name


def check_spec(spec: AccountSpec) -> AccountSpec:
    """Return what an account is to be, unchanged. Raises InvalidInput."""
    check_name("account", spec.name)
    check_name("unit", spec.unit)
    if spec.kind not in KINDS:
        raise InvalidInput(f"kind: {spec.kind!r} is unknown.", hint=f"Use one of {', '.join(KINDS)}.", field="kind")
    if spec.scale != AS_IT_IS and not 0 <= spec.scale <= MOST_SCALE:
        raise InvalidInput(f"scale: {spec.scale} is no scale.", hint=f"Give 0 to {MOST_SCALE}.", field="scale")
    if len(spec.description) > MOST_TEXT:
        raise InvalidInput("description is too long.", hint=f"At most {MOST_TEXT} characters.", field="description")
    for lower, upper in (("hard_min", "hard_max"), ("soft_min", "soft_max")):
        least, most = getattr(spec.limits, lower), getattr(spec.limits, upper)
        if least is not None and most is not None and least > most:
            raise InvalidInput(f"limits.{lower} is above {upper}.", hint="Swap them.", field=f"limits.{lower}")
    return spec


def check_note(note: LedgerNote) -> LedgerNote:
    """Return what a transaction is about, unchanged. Raises InvalidInput."""
    if len(note.description) > MOST_TEXT:
        raise InvalidInput("description is too long.", hint=f"At most {MOST_TEXT} characters.", field="description")
    if note.agent is not None:
        check_name("agent", note.agent)
    if note.session is not None:
        check_name("session", note.session)
    if len(note.tags) > MOST_TAGS:
        raise InvalidInput("There are too many tags.", hint=f"Give at most {MOST_TAGS}.", field="tags")
    for tag in note.tags:
        check_name("tags", tag)
    return note
