"""The budget ledger: accounts, transactions, holds, statements, and the proof that none of it was changed."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any, Final, cast

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.ledger.amounts import parse_amount
from kgmem.domain.ledger.chain import Record, SealedText, canonical
from kgmem.domain.ledger.ledger import (
    LONGEST_HOLD,
    MOST_METADATA,
    NO_NOTE,
    Account,
    AccountKind,
    AccountSpec,
    Head,
    Hold,
    HoldState,
    LedgerNote,
    Movement,
    Notice,
    Post,
    Posting,
    PutAccount,
    Release,
    Request,
    Reservation,
    Reserve,
    Reverse,
    Settle,
    Statement,
    StatementQuery,
    Transaction,
    Verification,
    check_name,
    check_note,
    check_spec,
)
from kgmem.domain.ledger.views import transaction_of
from kgmem.domain.time.interval import parse_time
from kgmem.services.ports import Ports
from kgmem.services.upkeep.sweeps import defer_where
from kgmem.tasks import caller

Amount = str | int | Decimal
ALL_ENTRIES: Final = StatementQuery()
_LONGEST_KEY: Final = 200
_PAGE: Final = 1000
# Readers of JSON in many languages take no others; a record that nobody can read would stay for ever.
_LEAST_INTEGER: Final = -(2**63)
_LARGEST_INTEGER: Final = 2**63 - 1


class Ledger:
    """Accounts and what moves between them, double entry and append-only, in one scope of a graph.

    An amount is text, a whole number or a Decimal, never a float. What an entry adds to an account another entry of
    the transaction takes from one in the same unit. A request with an idempotency key that is sent again returns what
    the first one stored; with other content it raises Conflict.
    """

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def put_account(self, graph: str, spec: AccountSpec, *, scope: str = SHARED) -> Account:
        """Open an account, or change its limits, description, and whether it is closed.

        Raises InvalidInput, and Conflict for another kind, unit or scale than it has.
        """
        request = PutAccount(check_scope(scope), check_spec(spec), _author())
        outcome = await self._ports.ledger.submit(graph, request)
        return cast(Account, outcome.account)

    async def account(self, graph: str, name: str, *, scope: str = SHARED, at: str | None = None) -> Account:
        """Return an account with its balance, now or as of a time (ISO 8601). Raises NotFound."""
        time = None if at is None else parse_time(at).start
        return await self._ports.ledger.account(graph, check_scope(scope), check_name("account", name), time)

    async def accounts(
        self,
        graph: str,
        *,
        scope: str = SHARED,
        kind: AccountKind | None = None,
        unit: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[Account]:
        """Return a page of the accounts in this scope only, by name."""
        return await self._ports.ledger.accounts(
            graph, check_scope(scope), kind=kind, unit=unit, cursor=cursor, limit=limit
        )

    async def post(
        self,
        graph: str,
        entries: Sequence[Posting] | Mapping[str, Amount],
        *,
        scope: str = SHARED,
        note: LedgerNote = NO_NOTE,
        idempotency_key: str | None = None,
    ) -> Transaction:
        """Post a transaction: amounts by account, or postings. The amounts of each unit sum to zero.

        Raises InvalidInput, Conflict, and LimitReached where a hard limit refuses it; then nothing has changed.
        """
        if isinstance(entries, Mapping):
            postings = [
                Movement(name, parse_amount(amount, f"entries[{n}].amount"))
                for n, (name, amount) in enumerate(entries.items())
            ]
        else:
            postings = [
                Movement(each.account, parse_amount(each.amount, f"entries[{n}].amount"), each.unit)
                for n, each in enumerate(entries)
            ]
        for n, each in enumerate(postings):
            check_name(f"entries[{n}].account", each.account)
        request = Post(check_scope(scope), tuple(postings), _checked(note), _key(idempotency_key), _author())
        return await self._transaction(graph, request)

    async def transaction(self, graph: str, id_: int, *, scope: str = SHARED) -> Transaction:
        """Return a transaction by its number. Raises NotFound."""
        return await self._ports.ledger.transaction(graph, check_scope(scope), id_)

    async def transactions(
        self, graph: str, *, scope: str = SHARED, cursor: str | None = None, limit: int = 100
    ) -> Page[Transaction]:
        """Return a page of the transactions in this scope only, the newest first."""
        return await self._ports.ledger.transactions(graph, check_scope(scope), cursor, limit)

    async def reverse(
        self,
        graph: str,
        id_: int,
        *,
        scope: str = SHARED,
        note: LedgerNote = NO_NOTE,
        idempotency_key: str | None = None,
    ) -> Transaction:
        """Post the opposite of a transaction as a new one. Raises NotFound, and Conflict for a second time."""
        request = Reverse(check_scope(scope), id_, _checked(note), _key(idempotency_key), _author())
        return await self._transaction(graph, request)

    async def hold(
        self,
        graph: str,
        reservation: Reservation,
        *,
        scope: str = SHARED,
        note: LedgerNote = NO_NOTE,
        idempotency_key: str | None = None,
    ) -> Hold:
        """Reserve an amount on one account for another; it is not available from then on.

        Raises InvalidInput, Conflict, LimitReached.
        """
        seconds, until = reservation.seconds, reservation.expires_at
        if seconds is not None and until is not None:
            raise InvalidInput(
                "seconds and expires_at exclude each other.", hint="Give one of them, or none.", field="seconds"
            )
        if seconds is not None and not 1 <= seconds <= LONGEST_HOLD:
            raise InvalidInput(f"seconds: {seconds} is no time.", hint=f"Give 1 to {LONGEST_HOLD}.", field="seconds")
        request = Reserve(
            check_scope(scope), check_name("from", reservation.source), check_name("to", reservation.destination),
            parse_amount(reservation.amount, "amount"), seconds,
            None if until is None else parse_time(until).start, _checked(note), _key(idempotency_key), _author(),
        )  # fmt: skip
        outcome = await self._ports.ledger.submit(graph, request)
        record = cast(Record, outcome.record)
        found = await self._ports.ledger.hold(graph, scope, record.seq)
        return replace(found, created=outcome.created)

    async def get_hold(self, graph: str, id_: int, *, scope: str = SHARED) -> Hold:
        """Return a hold by its number. Raises NotFound."""
        return await self._ports.ledger.hold(graph, check_scope(scope), id_)

    async def holds(
        self,
        graph: str,
        *,
        scope: str = SHARED,
        state: HoldState | None = None,
        account: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[Hold]:
        """Return a page of the holds in this scope only, the newest first."""
        return await self._ports.ledger.holds(
            graph, check_scope(scope), state=state, account=account, cursor=cursor, limit=limit
        )

    async def settle(
        self,
        graph: str,
        hold: int,
        amount: Amount | None = None,
        *,
        scope: str = SHARED,
        note: LedgerNote | None = None,
        idempotency_key: str | None = None,
    ) -> Transaction:
        """Post what a hold reserves, in whole or in part; the rest is released. By default it has the hold's note.

        Raises NotFound, InvalidInput, and Conflict where the hold is not open any more.
        """
        part = None if amount is None else parse_amount(amount, "amount")
        if note is None:
            note = (await self.get_hold(graph, hold, scope=scope)).note
        request = Settle(check_scope(scope), hold, part, _checked(note), _key(idempotency_key), _author())
        return await self._transaction(graph, request)

    async def release(self, graph: str, hold: int, *, scope: str = SHARED, idempotency_key: str | None = None) -> Hold:
        """Release a hold without posting anything. Raises NotFound, and Conflict where it is not open any more."""
        request = Release(check_scope(scope), hold, _key(idempotency_key), _author())
        await self._ports.ledger.submit(graph, request)
        return await self._ports.ledger.hold(graph, scope, hold)

    async def statement(
        self,
        graph: str,
        query: StatementQuery = ALL_ENTRIES,
        *,
        scope: str = SHARED,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Statement:
        """Return a page of the entries in this scope that meet all conditions, oldest first, and what they add up to.

        A statement of an account has its balances before and after. Raises InvalidInput, and NotFound for an unknown
        account.
        """
        return await self._ports.ledger.statement(graph, check_scope(scope), query.checked(), cursor, limit)

    async def notices(
        self, graph: str, *, scope: str = SHARED, cursor: str | None = None, limit: int = 100
    ) -> Page[Notice]:
        """Return a page of what passed a soft limit in this scope, the newest first."""
        return await self._ports.ledger.notices(graph, check_scope(scope), cursor, limit)

    async def head(self, graph: str) -> Head:
        """Return how many records the ledger of a graph has, and the hash of the last: keep it somewhere else."""
        return await self._ports.ledger.head(graph)

    async def verify(self, graph: str, *, anchors: Sequence[tuple[int, str]] = ()) -> Verification:
        """Check the sums, the chain and the balances of all scopes of a graph; returns the first broken row.

        `anchors` are numbers of records and their hashes, from heads that were kept: they show also that the end of
        the ledger was cut off by somebody who changed the head with it.
        """
        for seq, hash_ in anchors:
            if seq < 0 or len(hash_) != 64 or not set(hash_.lower()) <= set("0123456789abcdef"):
                raise InvalidInput(
                    f"anchors: {seq}:{hash_[:80]} is no head.", hint="Give what head printed.", field="anchors"
                )
        return await self._ports.ledger.verify(graph, anchors)

    async def export(self, graph: str) -> AsyncIterator[str]:
        """Yield the records of all scopes as lines of JSON, `{"content": ..., "hash": ...}`, in their order.

        Records that are posted meanwhile come, too.
        """
        after = 0
        while page := await self._ports.ledger.sealed(graph, after, _PAGE):
            after += len(page)
            for each in page:
                yield canonical(asdict(each))

    async def restore(self, graph: str, lines: Iterable[str]) -> int:
        """Append the records of an export that a graph's ledger does not have; returns how many.

        All or none: raises InvalidInput at the first record that is not what was written, and Conflict where the graph
        has other records.
        """
        sealed = []
        for number, line in enumerate(lines, start=1):
            try:
                fields = json.loads(line)
                sealed.append(SealedText(str(fields["content"]), str(fields["hash"])))
            except (ValueError, KeyError, TypeError) as error:
                raise InvalidInput(
                    f"Line {number} is no record of a ledger.",
                    hint="Import what kgmem ledger export wrote.",
                    line=number,
                ) from error
        return await self._ports.ledger.restore(graph, sealed)

    async def _transaction(self, graph: str, request: Request) -> Transaction:
        outcome = await self._ports.ledger.submit(graph, request)
        return transaction_of(cast(Record, outcome.record), created=outcome.created)


async def defer_expiry(ports: Ports) -> int:
    """Enqueue the closing of holds whose time is over, for every graph that has some; returns for how many."""
    return await defer_where(ports, "expire_holds", lambda graph: ports.ledger.has_lapsed(graph.name))


def _author() -> str | None:
    by = caller()
    return by.key if by else None


def _key(key: str | None) -> str | None:
    return None if key is None else check_key(key)


def check_key(key: str) -> str:
    """Return an idempotency key unchanged. Raises InvalidInput."""
    if not 1 <= len(key) <= _LONGEST_KEY or not key.isprintable():
        raise InvalidInput(
            f"idempotency_key: {key[:80]!r} is no key.",
            hint=f"Give 1 to {_LONGEST_KEY} printable characters, such as a UUID.",
            field="idempotency_key",
        )
    return key


def _checked(note: LedgerNote) -> LedgerNote:
    check_note(note)
    try:
        size = len(canonical(_known_metadata(note.metadata)).encode())
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"metadata is no JSON: {error}.", hint="Give text, numbers, lists and objects.", field="metadata"
        ) from error
    if size > MOST_METADATA:
        raise InvalidInput(
            f"metadata has {size:,} bytes.", hint=f"At most {MOST_METADATA:,} as JSON.", field="metadata"
        )
    return note


def _known_metadata(metadata: Any) -> Mapping[str, Any]:
    if not isinstance(metadata, Mapping) or not all(isinstance(name, str) for name in metadata):
        raise TypeError("it is no object with names of text")
    waiting: list[Any] = [metadata]
    while waiting:
        value = waiting.pop()
        if isinstance(value, int) and not _LEAST_INTEGER <= value <= _LARGEST_INTEGER:
            raise ValueError("an integer does not fit into 64 bits")
        waiting += value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return metadata
