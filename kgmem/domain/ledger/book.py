"""The book: accounts and open holds in memory, on which requests are decided and records take effect.

The store loads what a batch of requests touches, decides each in turn, and writes the records and what they changed.
Import and verification let stored records take effect on an empty book and compare. No technology is involved.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from kgmem.domain.ledger.amounts import ZERO, exact
from kgmem.domain.ledger.chain import GENESIS, Record
from kgmem.domain.ledger.ledger import AccountLimits, AccountSpec, Balance, HoldState

Address = tuple[str, str]  # Scope and name.
_LIMITS: Final = ("hard_min", "hard_max", "soft_min", "soft_max")


@dataclass(slots=True)
class OpenAccount:
    """An account in a book, as it is after all records so far."""

    id: int
    scope: str
    spec: AccountSpec
    opened_at: int
    posted: Decimal = ZERO
    held: Decimal = ZERO
    incoming: Decimal = ZERO

    def balance(self) -> Balance:
        """Return its balance."""
        return Balance(self.posted, self.held, self.incoming)


@dataclass(slots=True)
class HoldRow:
    """A hold in a book."""

    id: int
    at: int
    scope: str
    source: int  # Account ids.
    destination: int
    amount: Decimal
    expires_at: int | None
    state: HoldState = "open"
    closed_at: int | None = None
    closed_by: int | None = None  # The record that settled or released it.
    settled: Decimal | None = None


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry as it is stored: its record, its place there, its account, the amount, and the balance after it."""

    seq: int
    position: int
    account: int
    amount: Decimal
    balance: Decimal


@dataclass(slots=True)
class Book:
    """Accounts by scope and name and by id, holds, and what records changed since it was made."""

    seq: int = 0
    hash: bytes = GENESIS
    at: int = 0
    accounts: dict[Address, OpenAccount] = field(default_factory=dict)
    by_id: dict[int, OpenAccount] = field(default_factory=dict)
    holds: dict[int, HoldRow] = field(default_factory=dict)
    keys: dict[tuple[str, str], Record] = field(default_factory=dict)
    records: dict[int, Record] = field(default_factory=dict)  # Transactions that requests name.
    reversed_by: dict[int, int] = field(default_factory=dict)
    entries: list[EntryRow] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)  # Accounts.
    changed_holds: set[int] = field(default_factory=set)

    def add_account(self, account: OpenAccount) -> None:
        """Know an account."""
        self.accounts[account.scope, account.spec.name] = account
        self.by_id[account.id] = account

    def lapse(self, now: int) -> None:
        """Expire the open holds whose time is over."""
        with exact():
            self._lapse(now)

    def _lapse(self, now: int) -> None:
        for hold in self.holds.values():
            if hold.state == "open" and hold.expires_at is not None and hold.expires_at <= now:
                self.close_hold(hold, "expired", hold.expires_at, None)

    def close_hold(self, hold: HoldRow, state: HoldState, at: int, by: int | None) -> None:
        """Take a hold off its accounts."""
        source, destination = self.by_id[hold.source], self.by_id[hold.destination]
        source.held -= hold.amount
        destination.incoming -= hold.amount
        hold.state, hold.closed_at, hold.closed_by = state, at, by
        self.touched |= {hold.source, hold.destination}
        self.changed_holds.add(hold.id)

    def take(self, record: Record) -> None:
        """Apply a record. Raises KeyError, ValueError or ArithmeticError where it does not fit the book."""
        with exact():
            self._take(record)
        self.seq, self.hash, self.at = record.seq, record.hash, record.at
        if record.key is not None:
            self.keys[record.scope, record.key] = record

    def _take(self, record: Record) -> None:
        if record.kind == "account":
            self._put_account(record)
        elif record.kind == "transaction":
            self._post(record)
        elif record.kind == "hold":
            self._reserve(record)
        elif record.kind == "release":
            self._close(record, "released", None)
        else:
            raise ValueError(f"a record of the unknown kind {record.kind!r}")

    def _put_account(self, record: Record) -> None:
        spec = spec_of(record.body)
        known = self.accounts.get((record.scope, spec.name))
        if known is None:
            self.add_account(OpenAccount(record.seq, record.scope, spec, record.at))
            self.touched.add(record.seq)
            return
        if (known.spec.kind, known.spec.unit, known.spec.scale) != (spec.kind, spec.unit, spec.scale):
            raise ValueError("it changes the kind, unit or scale of an account")
        known.spec = spec
        self.touched.add(known.id)

    def _post(self, record: Record) -> None:
        hold_id, reverses = record.body["hold"], record.body["reverses"]
        totals: dict[str, Decimal] = {}
        for position, (name, unit, amount, balance) in enumerate(record.body["entries"]):
            account = self.accounts[record.scope, name]
            account.posted += Decimal(amount)
            if account.spec.unit != unit or account.posted != Decimal(balance):
                raise ValueError(
                    f"the balance of {name!r} is {account.posted} {account.spec.unit}, not {balance} {unit}"
                )
            totals[unit] = totals.get(unit, ZERO) + Decimal(amount)
            self.entries.append(EntryRow(record.seq, position, account.id, Decimal(amount), account.posted))
            self.touched.add(account.id)
        if any(totals.values()):
            raise ValueError("its entries do not sum to zero")
        if hold_id is not None:
            self._close(record, "settled", Decimal(record.body["entries"][1][2]))
        if reverses is not None:
            if reverses in self.reversed_by:
                raise ValueError(f"transaction {reverses} is reversed twice")
            self.reversed_by[reverses] = record.seq

    def _reserve(self, record: Record) -> None:
        body = record.body
        source, destination = self.accounts[record.scope, body["from"]], self.accounts[record.scope, body["to"]]
        amount = Decimal(body["amount"])
        if amount <= 0 or source.spec.unit != destination.spec.unit:
            raise ValueError("it reserves no amount of one unit")
        hold = HoldRow(record.seq, record.at, record.scope, source.id, destination.id, amount, body["expires_at"])
        source.held += amount
        destination.incoming += amount
        self.holds[hold.id] = hold
        self.changed_holds.add(hold.id)
        self.touched |= {source.id, destination.id}

    def _close(self, record: Record, state: HoldState, settled: Decimal | None) -> None:
        hold = self.holds[record.body["hold"]]
        if hold.scope != record.scope or hold.state != "open":
            raise ValueError(f"hold {hold.id} is {hold.state}")
        if settled is not None and not 0 < settled <= hold.amount:
            raise ValueError(f"hold {hold.id} is settled with more than it reserves")
        self.close_hold(hold, state, record.at, record.seq)
        hold.settled = settled


def spec_of(body: Mapping[str, Any]) -> AccountSpec:
    """Return what an account is from the body of its record."""
    limits = {name: None if body["limits"][name] is None else Decimal(body["limits"][name]) for name in _LIMITS}
    return AccountSpec(
        body["name"],
        body["kind"],
        body["unit"],
        body["scale"],
        AccountLimits(**limits),
        body["description"],
        body["closed"],
    )
