"""The wire shapes of the ledger; amounts are text, so that no client makes floats of them."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from kgmem.domain.ledger.amounts import parse_amount
from kgmem.domain.ledger.ledger import (
    AS_IT_IS,
    AccountLimits,
    AccountSpec,
    LedgerNote,
    Posting,
    Reservation,
)
from kgmem_api.wire.fields import STRICT

Kind = Literal["asset", "liability", "income", "expense", "budget"]
HoldStateName = Literal["open", "settled", "released", "expired"]
Name = Annotated[str, Field(min_length=1, max_length=200)]


def _no_float(value: Any) -> Any:
    """Refuse floats, which are not exact."""
    if isinstance(value, float):
        raise PydanticCustomError("float_amount", "An amount is no float", {"hint": _AS_TEXT})
    return value


_AS_TEXT: Final = 'Send it as text, such as "12.50": floats are not exact.'
Amount = Annotated[
    str | int,
    BeforeValidator(_no_float),
    Field(description="A decimal number as text, at most 18 digits behind the point; no float."),
]
Exact = Annotated[str, Field(description="A decimal number, exact.")]
ExactOrNone = Annotated[str | None, Field(description="A decimal number, exact.")]
Moment = Annotated[str, Field(description="ISO 8601.")]


class LimitsShape(BaseModel):
    """How far a balance may go. Hard limits refuse, soft ones are noted."""

    model_config = STRICT

    hard_min: Annotated[Amount | None, Field(description="Of what is available; less is refused.")] = None
    hard_max: Annotated[Amount | None, Field(description="Of what is posted and to come in; more is refused.")] = None
    soft_min: Annotated[Amount | None, Field(description="Of what is available; less is noted.")] = None
    soft_max: Annotated[Amount | None, Field(description="Of what is posted and to come in; more is noted.")] = None


class AccountRequest(BaseModel):
    """What an account is to be. Kind, unit and scale never change."""

    model_config = STRICT

    kind: Annotated[Kind, Field(description="What it stands for; only reports differ by it.")]
    unit: Annotated[Name, Field(description="Such as USD, tokens or requests.")]
    scale: Annotated[
        int | None, Field(ge=0, le=18, description="Most digits behind the point. Default: as it is; 9 for a new one.")
    ] = None
    limits: LimitsShape = LimitsShape()
    description: Annotated[str, Field(max_length=2000, description="For people.")] = ""
    closed: Annotated[bool, Field(description="A closed account takes no entries and no holds.")] = False

    def spec(self, name: str) -> AccountSpec:
        """Return the account. Raises InvalidInput."""
        limits = {
            each: None if value is None else parse_amount(value, f"limits.{each}")
            for each, value in self.limits.model_dump().items()
        }
        scale = AS_IT_IS if self.scale is None else self.scale
        return AccountSpec(name, self.kind, self.unit, scale, AccountLimits(**limits), self.description, self.closed)


class BalanceShape(BaseModel):
    """A balance."""

    posted: Annotated[Exact, Field(description="The sum of all entries.")]
    held: Annotated[Exact, Field(description="What open holds reserve on it.")]
    incoming: Annotated[Exact, Field(description="What open holds reserve for it.")]
    available: Annotated[Exact, Field(description="What is posted less what is reserved.")]


class LimitsResult(BaseModel):
    """How far a balance may go; null: no limit."""

    hard_min: ExactOrNone
    hard_max: ExactOrNone
    soft_min: ExactOrNone
    soft_max: ExactOrNone


class AccountShape(BaseModel):
    """An account with its balance."""

    name: str
    scope: str
    kind: Kind
    unit: str
    scale: int
    limits: LimitsResult
    description: str
    closed: bool
    opened_at: Moment
    balance: BalanceShape


class AccountPage(BaseModel):
    """Accounts by name."""

    accounts: list[AccountShape]
    cursor: str | None


class NoteRequest(BaseModel):
    """What a transaction or a hold is about."""

    model_config = STRICT

    description: Annotated[str, Field(max_length=2000, description="For people.")] = ""
    agent: Annotated[Name | None, Field(description="Statements list entries by it.")] = None
    session: Annotated[Name | None, Field(description="Statements list entries by it.")] = None
    tags: Annotated[list[Name], Field(max_length=50, description="Statements list entries by each.")] = []
    metadata: Annotated[dict[str, Any], Field(description="Any JSON, at most 16 KB.")] = {}
    idempotency_key: Annotated[
        str | None,
        Field(max_length=200, description="A request that is sent again with its key returns what was stored."),
    ] = None

    def note(self) -> LedgerNote:
        """Return what it is about."""
        return LedgerNote(self.description, self.agent, self.session, tuple(self.tags), self.metadata)


class EntryRequest(BaseModel):
    """One entry: the amount is added to the balance of the account."""

    model_config = STRICT

    account: Name
    amount: Amount
    unit: Annotated[Name | None, Field(description="Checked: it is the account's.")] = None


class TransactionRequest(NoteRequest):
    """Entries that sum to zero in each unit."""

    entries: Annotated[list[EntryRequest], Field(min_length=1, max_length=1000, description="Two or more.")]

    def postings(self) -> list[Posting]:
        """Return the entries."""
        return [Posting(each.account, each.amount, each.unit) for each in self.entries]


class EntryShape(BaseModel):
    """An entry of a stored transaction."""

    account: str
    unit: str
    amount: Exact
    balance: Annotated[Exact, Field(description="Of the account after it.")]


class NoticeShape(BaseModel):
    """An account went beyond a soft limit."""

    account: str
    unit: str
    limit: Literal["soft_min", "soft_max"]
    value: Annotated[Exact, Field(description="Of the limit.")]
    balance: Annotated[Exact, Field(description="What is available; for soft_max what is posted and to come in.")]
    crossed: Annotated[bool, Field(description="It was within the limit before.")]
    record: Annotated[int, Field(description="The transaction or hold.")]
    at: Moment


class NoticePage(BaseModel):
    """Notices, those of the newest record first."""

    notices: list[NoticeShape]
    cursor: str | None


class TransactionShape(BaseModel):
    """A stored transaction; it never changes."""

    id: int
    at: Moment
    scope: str
    entries: Annotated[list[EntryShape], Field(description="As they were posted.")]
    description: str
    agent: Annotated[str | None, Field(description="Whose it is.")]
    session: Annotated[str | None, Field(description="Where it belongs.")]
    tags: list[str]
    metadata: dict[str, Any]
    idempotency_key: str | None
    author: Annotated[str | None, Field(description="The id of the API key that posted it.")]
    hold: Annotated[int | None, Field(description="The hold that it settles.")]
    reverses: Annotated[int | None, Field(description="The transaction whose opposite it is.")]
    notices: list[NoticeShape]
    hash: Annotated[str, Field(description="SHA-256 over it and all records before it.")]
    created: Annotated[bool, Field(description="False: the idempotency key was known.")]


class TransactionPage(BaseModel):
    """Transactions, the newest first."""

    transactions: list[TransactionShape]
    cursor: str | None


class HoldRequest(NoteRequest):
    """An amount to reserve on one account for another."""

    model_config = ConfigDict(**{**STRICT, "populate_by_name": True})

    source: Annotated[Name, Field(alias="from", description="The account on which it is reserved.")]
    destination: Annotated[Name, Field(alias="to", description="The account that receives it.")]
    amount: Amount
    seconds: Annotated[int | None, Field(ge=1, description="After which it expires by itself.")] = None
    expires_at: Annotated[str | None, Field(max_length=100, description="Or when it does. ISO 8601.")] = None

    def reservation(self) -> Reservation:
        """Return what to reserve."""
        return Reservation(self.source, self.destination, self.amount, self.seconds, self.expires_at)


class HoldShape(BaseModel):
    """An amount that is reserved on one account for another."""

    model_config = ConfigDict(populate_by_name=True)

    id: int
    at: Moment
    scope: str
    source: Annotated[str, Field(alias="from", description="The account on which it is reserved.")]
    destination: Annotated[str, Field(alias="to", description="The account that receives it.")]
    unit: str
    amount: Exact
    expires_at: Annotated[str | None, Field(description="ISO 8601; null: never.")]
    state: HoldStateName
    closed_at: Annotated[str | None, Field(description="ISO 8601.")]
    settled: Annotated[str | None, Field(description="How much of it was posted.")]
    transaction: Annotated[int | None, Field(description="That settled it.")]
    description: str
    agent: Annotated[str | None, Field(description="Whose it is.")]
    session: Annotated[str | None, Field(description="Where it belongs.")]
    tags: list[str]
    metadata: dict[str, Any]
    idempotency_key: str | None
    author: Annotated[str | None, Field(description="The id of the API key that made it.")]
    notices: list[NoticeShape]
    created: Annotated[bool, Field(description="False: the idempotency key was known.")]


class HoldPage(BaseModel):
    """Holds, the newest first."""

    holds: list[HoldShape]
    cursor: str | None


class SettleRequest(BaseModel):
    """How much of a hold to post."""

    model_config = STRICT

    amount: Annotated[Amount | None, Field(description="By default all of it; the rest is released.")] = None
    description: Annotated[str | None, Field(max_length=2000, description="By default the hold's.")] = None
    idempotency_key: Annotated[str | None, Field(max_length=200, description="Makes it safe to send again.")] = None


class ReverseRequest(BaseModel):
    """Why a transaction is reversed."""

    model_config = STRICT

    description: Annotated[str, Field(max_length=2000, description="For people.")] = ""
    idempotency_key: Annotated[str | None, Field(max_length=200, description="Makes it safe to send again.")] = None


class ReleaseRequest(BaseModel):
    """A release of a hold."""

    model_config = STRICT

    idempotency_key: Annotated[str | None, Field(max_length=200, description="Makes it safe to send again.")] = None


class StatementLineShape(BaseModel):
    """An entry in a statement."""

    transaction: int
    at: Moment
    account: str
    unit: str
    amount: Exact
    balance: Annotated[Exact, Field(description="Of the account after it.")]
    description: str
    agent: Annotated[str | None, Field(description="Whose it is.")]
    session: Annotated[str | None, Field(description="Where it belongs.")]
    tags: list[str]


class StatementTotalShape(BaseModel):
    """What the entries of an account add up to, on all pages."""

    account: str
    kind: Kind
    unit: str
    entries: int
    added: Annotated[Exact, Field(description="Sum of the entries above zero.")]
    deducted: Annotated[Exact, Field(description="Sum of the entries below zero, as a positive number.")]


class StatementShape(BaseModel):
    """A page of entries, oldest first."""

    lines: Annotated[list[StatementLineShape], Field(description="Entries that meet all conditions.")]
    totals: Annotated[list[StatementTotalShape], Field(description="By account, of all pages.")]
    opening: Annotated[str | None, Field(description="Balance of the account before the time; null without one.")]
    closing: Annotated[str | None, Field(description="Balance of the account at its end; null without one.")]
    cursor: str | None


class StatementFilter(BaseModel):
    """Which entries a statement lists: those that meet all conditions."""

    model_config = ConfigDict(extra="forbid", strict=False)  # Numbers come as text.

    scope: Annotated[str | None, Field(max_length=400, description="The scope to act in; default: the key's.")] = None
    account: Annotated[Name | None, Field(description="Of this account only.")] = None
    agent: Annotated[Name | None, Field(description="Of this agent only.")] = None
    session: Annotated[Name | None, Field(description="Of this session only.")] = None
    tag: Annotated[Name | None, Field(description="With this tag only.")] = None
    start: Annotated[str | None, Field(max_length=100, description="From this time on. ISO 8601.")] = None
    end: Annotated[str | None, Field(max_length=100, description="Before this time. ISO 8601.")] = None
    cursor: Annotated[str | None, Field(max_length=1000, description="Where the last page ended.")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Most items of a page.")] = 100


class HeadShape(BaseModel):
    """Where the chain of a graph ends."""

    records: Annotated[int, Field(description="How many there are.")]
    hash: Annotated[str, Field(description="Of the last one: SHA-256 over all of them.")]
    at: Annotated[str | None, Field(description="When it was written. ISO 8601.")]


class AnchorRequest(BaseModel):
    """A head that was kept."""

    model_config = STRICT

    records: Annotated[int, Field(ge=0, description="How many records there were.")]
    hash: Annotated[str, Field(min_length=64, max_length=64, description="Of the last one then.")]


class VerifyRequest(BaseModel):
    """Heads that were kept, to compare with."""

    model_config = STRICT

    anchors: Annotated[list[AnchorRequest], Field(max_length=1000, description="Heads of earlier times.")] = []


class BrokenRow(BaseModel):
    """The first row that is not what was written."""

    table: str
    row: str
    problem: str


class VerificationShape(BaseModel):
    """The result of checking a ledger."""

    ok: bool
    records: Annotated[int, Field(description="How many were checked.")]
    entries: Annotated[int, Field(description="How many were checked.")]
    accounts: Annotated[int, Field(description="How many were checked.")]
    holds: Annotated[int, Field(description="How many were checked.")]
    head: HeadShape
    broken: BrokenRow | None
