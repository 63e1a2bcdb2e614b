"""The port of the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kgmem.domain.graph.entity import Page
from kgmem.domain.ledger.chain import Record, SealedText
from kgmem.domain.ledger.ledger import (
    Account,
    AccountKind,
    Head,
    Hold,
    HoldState,
    Notice,
    Request,
    Statement,
    StatementQuery,
    Transaction,
    Verification,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a request: its record (None: nothing had to change), whether it is new, and the account put."""

    record: Record | None
    created: bool
    account: Account | None = None


class LedgerStore(Protocol):
    """Stores the ledgers of graphs; a request is one record, sealed in the transaction that writes it."""

    async def submit(self, graph: str, request: Request) -> Outcome:
        """Decide and store a request. Raises InvalidInput, NotFound, Conflict, LimitReached."""

    async def account(self, graph: str, scope: str, name: str, at: int | None) -> Account:
        """Return an account with its balance, now or as of a time. Raises NotFound."""

    async def accounts(
        self, graph: str, scope: str, *, kind: AccountKind | None, unit: str | None, cursor: str | None, limit: int
    ) -> Page[Account]:
        """Return accounts of this scope only, by name."""

    async def transaction(self, graph: str, scope: str, id_: int) -> Transaction:
        """Return a transaction. Raises NotFound."""

    async def find_transaction(
        self, graph: str, scopes: Sequence[str], *, number: int | None = None, key: str | None = None
    ) -> Record | None:
        """Return the record of a transaction by its number or idempotency key; of several, that of the last scope."""

    async def transactions(self, graph: str, scope: str, cursor: str | None, limit: int) -> Page[Transaction]:
        """Return transactions, the newest first."""

    async def hold(self, graph: str, scope: str, id_: int) -> Hold:
        """Return a hold. Raises NotFound."""

    async def holds(
        self, graph: str, scope: str, *, state: HoldState | None, account: str | None, cursor: str | None, limit: int
    ) -> Page[Hold]:
        """Return holds, the newest first."""

    async def statement(
        self, graph: str, scope: str, query: StatementQuery, cursor: str | None, limit: int
    ) -> Statement:
        """Return a page of entries, the oldest first. Raises NotFound for an unknown account."""

    async def notices(self, graph: str, scope: str, cursor: str | None, limit: int) -> Page[Notice]:
        """Return notices of soft limits, those of the newest record first."""

    async def head(self, graph: str) -> Head:
        """Return where the chain ends."""

    async def verify(self, graph: str, anchors: Sequence[tuple[int, str]]) -> Verification:
        """Check sums, chain and balances, and that records have the hashes that somebody kept."""

    async def sealed(self, graph: str, after: int, limit: int) -> Sequence[SealedText]:
        """Return records as they were sealed, in their order, after a number."""

    async def restore(self, graph: str, sealed: Sequence[SealedText]) -> int:
        """Append the records of a file that are not there yet, all or none. Raises InvalidInput, Conflict."""

    async def expire(self, graph: str) -> int:
        """Close the holds whose time is over; returns how many."""

    async def has_lapsed(self, graph: str) -> bool:
        """Return whether there are holds to close."""
