"""Decisions on requests: a request becomes the body of a record, or is refused and changes nothing."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any, Final

from kgmem.domain.errors import Conflict, InvalidInput, LimitReached, NotFound
from kgmem.domain.ledger.amounts import USUAL_SCALE, ZERO, check_scale, exact, optional_text, sums, text_of
from kgmem.domain.ledger.book import Book, HoldRow, OpenAccount
from kgmem.domain.ledger.chain import Record, digest, make_record
from kgmem.domain.ledger.ledger import (
    AS_IT_IS,
    MOST_ENTRIES,
    AccountSpec,
    LedgerNote,
    LimitName,
    Movement,
    Post,
    PutAccount,
    RecordKind,
    Release,
    Request,
    Reserve,
    Reverse,
    Settle,
)
from kgmem.domain.time.interval import iso

Body = dict[str, Any]
_KINDS: Final[Mapping[type[Request], RecordKind]] = {
    PutAccount: "account", Post: "transaction", Reverse: "transaction", Settle: "transaction", Reserve: "hold",
    Release: "release",
}  # fmt: skip


def decide(book: Book, request: Request, at: int) -> tuple[Record | None, bool]:
    """Return the record of a request, which has then taken effect on the book, and whether it is new.

    It is not where the idempotency key is known and states the same. There is no record (None) where an account is as
    it should be already. Raises InvalidInput, NotFound, Conflict, LimitReached; then nothing has changed.
    """
    with exact():
        return _decided(book, request, at)


def _decided(book: Book, request: Request, at: int) -> tuple[Record | None, bool]:
    stated = digest(_stated(request)) if request.key is not None else None
    if request.key is not None and (known := book.keys.get((request.scope, request.key))) is not None:
        if known.stated == stated:
            return known, False
        raise Conflict(
            f"idempotency_key: {request.key[:80]!r} was used for something else (record {known.seq}).",
            hint="Use a new key for a new request; a repeated request must state the same.",
            field="idempotency_key",
        )
    existing = book.accounts.get((request.scope, request.spec.name)) if isinstance(request, PutAccount) else None
    if existing is not None and isinstance(request, PutAccount) and request.only_new:
        return None, False
    if isinstance(request, PutAccount) and request.spec.scale == AS_IT_IS:
        scale = USUAL_SCALE if existing is None else existing.spec.scale
        request = replace(request, spec=replace(request.spec, scale=scale))
    body = _body(book, request, at)
    if existing is not None and isinstance(request, PutAccount) and existing.spec == request.spec:
        return None, False
    frame = {
        "scope": request.scope, "kind": _KINDS[type(request)], "key": request.key, "author": request.author,
        "stated": stated,
    }  # fmt: skip
    record = make_record(book.hash, book.seq + 1, at, frame, body)
    book.take(record)
    return record, True


def _body(book: Book, request: Request, at: int) -> Body:
    match request:
        case PutAccount():
            return _account(book, request)
        case Post():
            return _post(book, request)
        case Reverse():
            return _reverse(book, request)
        case Reserve():
            return _reserve(book, request, at)
        case Settle():
            return _settle(book, request)
        case Release():
            return _release(book, request)


def _stated(request: Request) -> Body:
    """Return what a request states, in one form for one meaning; who sent it does not matter."""
    return {"request": type(request).__name__, **{
        name: _plain(value) for name, value in asdict(request).items() if name not in {"author", "key"}
    }}  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return text_of(value)
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _account(book: Book, request: PutAccount) -> Body:
    spec = request.spec
    known = book.accounts.get((request.scope, spec.name))
    if known is not None:
        for name in ("kind", "unit", "scale"):
            if getattr(known.spec, name) != getattr(spec, name):
                raise Conflict(
                    f"{name}: the account {spec.name!r} has {getattr(known.spec, name)!r}, which never changes.",
                    hint=f"Leave {name} as it is, or open another account.",
                    field=name,
                )
        if spec.closed and (known.held or known.incoming):
            raise Conflict(
                f"closed: holds are open on {spec.name!r}.", hint="Settle or release them first.", field="closed"
            )
    for name in ("hard_min", "hard_max", "soft_min", "soft_max"):
        value = getattr(spec.limits, name)
        if value is not None:
            check_scale(value, spec.scale, spec.name, f"limits.{name}")
    return spec_body(spec)


def spec_body(spec: AccountSpec) -> Body:
    """Return what an account is as the body of a record."""
    limits = {name: optional_text(value) for name, value in asdict(spec.limits).items()}
    return {
        "name": spec.name, "kind": spec.kind, "unit": spec.unit, "scale": spec.scale, "limits": limits,
        "description": spec.description, "closed": spec.closed,
    }  # fmt: skip


def _post(book: Book, request: Post) -> Body:
    if not 2 <= len(request.postings) <= MOST_ENTRIES:
        raise InvalidInput(
            f"entries: {len(request.postings)} entries were given.",
            hint=f"A transaction has 2 to {MOST_ENTRIES}.",
            field="entries",
        )
    return _transaction(book, request.scope, request.postings, request.note)


def _transaction(
    book: Book,
    scope: str,
    postings: Sequence[Movement],
    note: LedgerNote,
    *,
    hold: HoldRow | None = None,
    reverses: int | None = None,
) -> Body:
    accounts = [_usable(book, scope, each.account, f"entries[{n}].account") for n, each in enumerate(postings)]
    by_unit: dict[str, list[Decimal]] = defaultdict(list)
    changes: dict[int, Decimal] = defaultdict(lambda: ZERO)
    for n, (posting, account) in enumerate(zip(postings, accounts, strict=True)):
        where = f"entries[{n}]"
        if posting.unit is not None and posting.unit != account.spec.unit:
            raise InvalidInput(
                f"{where}.unit: the account {posting.account!r} is in {account.spec.unit!r}, not {posting.unit!r}.",
                hint="Use an account in that unit, and convert by a transaction with entries in both units.",
                field=f"{where}.unit",
            )
        if not posting.amount:
            raise InvalidInput(f"{where}.amount is zero.", hint="Omit the entry.", field=f"{where}.amount")
        check_scale(posting.amount, account.spec.scale, posting.account, f"{where}.amount")
        by_unit[account.spec.unit].append(posting.amount)
        changes[account.id] += posting.amount
    for unit, total in sums(by_unit).items():
        raise InvalidInput(
            f"entries: those in {unit!r} sum to {text_of(total)}, not to zero.",
            hint="What one account receives another has to give: add an entry with the opposite amount.",
            field="entries",
            unit=unit,
            sum=text_of(total),
        )
    reserved = hold.amount if hold else ZERO
    notices: list[Body] = []
    for id_, change in changes.items():
        account = book.by_id[id_]
        freed = reserved if hold and id_ == hold.source else ZERO
        arrived = reserved if hold and id_ == hold.destination else ZERO
        notices += _limited(account, change + freed, change - arrived)
    running: dict[int, Decimal] = {}
    entries = []
    for posting, account in zip(postings, accounts, strict=True):
        running[account.id] = running.get(account.id, account.posted) + posting.amount
        entries.append([account.spec.name, account.spec.unit, text_of(posting.amount), text_of(running[account.id])])
    return {
        "entries": entries, "hold": hold.id if hold else None, "reverses": reverses, "notices": notices,
        **note_body(note),
    }  # fmt: skip


def note_body(note: LedgerNote) -> Body:
    """Return what a transaction is about as members of the body of a record."""
    return {
        "description": note.description, "agent": note.agent, "session": note.session, "tags": list(note.tags),
        "metadata": dict(note.metadata),
    }  # fmt: skip


def _reverse(book: Book, request: Reverse) -> Body:
    record = book.records.get(request.transaction)
    if record is None or record.scope != request.scope or record.kind != "transaction":
        raise NotFound(
            f"There is no transaction {request.transaction} in this scope.", hint="List statements for its number."
        )
    if request.transaction in book.reversed_by:
        raise Conflict(
            f"Transaction {request.transaction} is reversed already, by {book.reversed_by[request.transaction]}.",
            hint="Reverse the reversal, if it was a mistake.",
        )
    postings = [Movement(name, Decimal(amount).copy_negate()) for name, _, amount, _ in record.body["entries"]]
    return _transaction(book, request.scope, postings, request.note, reverses=request.transaction)


def _reserve(book: Book, request: Reserve, at: int) -> Body:
    source = _usable(book, request.scope, request.source, "from")
    destination = _usable(book, request.scope, request.destination, "to")
    if source.id == destination.id:
        raise InvalidInput("to: a hold is for another account.", hint="Name two accounts.", field="to")
    if source.spec.unit != destination.spec.unit:
        raise InvalidInput(
            f"to: {request.destination!r} is in {destination.spec.unit!r}, and {request.source!r} in "
            f"{source.spec.unit!r}.",
            hint="Both accounts of a hold are in one unit.",
            field="to",
        )
    _positive(request.amount, "amount")
    for account in (source, destination):
        check_scale(request.amount, account.spec.scale, account.spec.name, "amount")
    expires_at = at + request.seconds * 1_000_000 if request.seconds is not None else request.expires_at
    if expires_at is not None and expires_at <= at:
        raise InvalidInput("expires_at is over already.", hint="Give a time in the future.", field="expires_at")
    notices = _limited(source, -request.amount, ZERO) + _limited(destination, ZERO, request.amount)
    return {
        "from": request.source, "to": request.destination, "unit": source.spec.unit,
        "amount": text_of(request.amount), "expires_at": expires_at, "notices": notices, **note_body(request.note),
    }  # fmt: skip


def _settle(book: Book, request: Settle) -> Body:
    hold = _open_hold(book, request.scope, request.hold)
    amount = hold.amount if request.amount is None else request.amount
    _positive(amount, "amount")
    if amount > hold.amount:
        raise InvalidInput(
            f"amount: hold {hold.id} reserves {text_of(hold.amount)}, less than {text_of(amount)}.",
            hint="Settle at most what it reserves, and post the rest as a transaction.",
            field="amount",
        )
    names = [book.by_id[id_].spec.name for id_ in (hold.source, hold.destination)]
    postings = [Movement(names[0], -amount), Movement(names[1], amount)]
    return _transaction(book, request.scope, postings, request.note, hold=hold)


def _release(book: Book, request: Release) -> Body:
    return {"hold": _open_hold(book, request.scope, request.hold).id}


def _open_hold(book: Book, scope: str, id_: int) -> HoldRow:
    hold = book.holds.get(id_)
    if hold is None or hold.scope != scope:
        raise NotFound(f"There is no hold {id_} in this scope.", hint="List the holds.")
    if hold.state != "open":
        since = f" since {iso(hold.closed_at)}" if hold.closed_at is not None else ""
        raise Conflict(
            f"Hold {id_} is {hold.state}{since}.",
            hint="A hold is settled or released once; reserve the amount again where it is still needed.",
            field="hold",
            state=hold.state,
        )
    return hold


def _usable(book: Book, scope: str, name: str, field: str) -> OpenAccount:
    account = book.accounts.get((scope, name))
    if account is None:
        raise InvalidInput(
            f"{field}: there is no account {name[:80]!r} in this scope.",
            hint="Open it by PUT /v1/graphs/{graph}/ledger/accounts/{account}, or correct its name.",
            field=field,
        )
    if account.spec.closed:
        raise Conflict(
            f"{field}: the account {name!r} is closed.",
            hint="Use another account, or open it again with closed false.",
            field=field,
        )
    return account


def _positive(amount: Decimal, field: str) -> None:
    if amount <= 0:
        raise InvalidInput(f"{field}: {text_of(amount)} is not above zero.", hint="Give more than 0.", field=field)


def _limited(account: OpenAccount, available: Decimal, expected: Decimal) -> list[Body]:
    """Return the notices of an account whose available and expected balances change so. Raises LimitReached.

    A change toward the inside of a limit is always fine, also where the balance is beyond it.
    """
    notices: list[Body] = []
    before = (account.posted - account.held, account.posted + account.incoming)
    after = (before[0] + available, before[1] + expected)
    limits = account.spec.limits
    for lower in (True, False):
        was, now = (before[0], after[0]) if lower else (before[1], after[1])
        if now == was or (now < was) != lower:
            continue
        hard, soft = (limits.hard_min, limits.soft_min) if lower else (limits.hard_max, limits.soft_max)
        if hard is not None and _beyond(now, hard, lower=lower):
            raise _refused(account, "hard_min" if lower else "hard_max", hard, now)
        if soft is not None and _beyond(now, soft, lower=lower):
            notices.append({
                "account": account.spec.name, "unit": account.spec.unit, "limit": "soft_min" if lower else "soft_max",
                "value": text_of(soft), "balance": text_of(now), "crossed": not _beyond(was, soft, lower=lower),
            })  # fmt: skip
    return notices


def _beyond(balance: Decimal, limit: Decimal, *, lower: bool) -> bool:
    return balance < limit if lower else balance > limit


def _refused(account: OpenAccount, name: LimitName, limit: Decimal, after: Decimal) -> LimitReached:
    balance = account.balance()
    unit = account.spec.unit
    if name == "hard_min":
        current = f"{text_of(balance.available)} {unit} are available"
    else:
        current = f"{text_of(balance.posted + balance.incoming)} {unit} are posted or reserved"
    return LimitReached(
        f"{account.spec.name!r} would be at {text_of(after)} {unit}, beyond its limit {name} of {text_of(limit)}: "
        f"{current}.",
        hint="Post less, release holds, add to the account, or change its limit.",
        account=account.spec.name, unit=unit, limit=name, value=text_of(limit), posted=text_of(balance.posted),
        held=text_of(balance.held), incoming=text_of(balance.incoming), available=text_of(balance.available),
    )  # fmt: skip
