"""The budget ledger: accounts, transactions, holds, statements, and the proof that nothing was changed."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from kgmem.domain.ledger.ledger import LedgerNote, StatementQuery
from kgmem.formats.ledger import (
    account_wire,
    hold_wire,
    notice_wire,
    statement_wire,
    transaction_wire,
    verification_wire,
)
from kgmem_api.access import Reads, ReadsWhole, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.idempotency import IdempotencyKey, key_of
from kgmem_api.parameters import Cursor, GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.wire.ledger import (
    AccountPage,
    AccountRequest,
    AccountShape,
    HeadShape,
    HoldPage,
    HoldRequest,
    HoldShape,
    HoldStateName,
    Kind,
    NoticePage,
    ReleaseRequest,
    ReverseRequest,
    SettleRequest,
    StatementFilter,
    StatementShape,
    TransactionPage,
    TransactionRequest,
    TransactionShape,
    VerificationShape,
    VerifyRequest,
)

router = APIRouter(tags=["ledger"])
_LEDGER = "/v1/graphs/{graph}/ledger"
AccountName = Annotated[str, Path(min_length=1, max_length=200, description="The account's name.")]
Number = Annotated[int, Path(ge=1, le=2**63 - 1, description="The number that it got.")]
At = Annotated[str | None, Query(max_length=100, description="As of this time. ISO 8601.")]
AccountFilter = Annotated[str | None, Query(max_length=200, description="Of this account only.")]
_POSTED = {**gives(TransactionShape, 201, "Posted."), **gives(TransactionShape, 200, "It was posted before.")}


@router.get(_LEDGER + "/accounts", responses=gives(AccountPage))
async def list_accounts(
    graph: GraphName,
    access: Reads,
    *,
    scope: ScopeQuery = None,
    kind: Annotated[Kind | None, Query(description="Of this kind only.")] = None,
    unit: Annotated[str | None, Query(max_length=200, description="In this unit only.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List the accounts in this scope only, by name, with their balances."""
    page = await access.memory.ledger.accounts(
        graph, scope=access.scope(scope), kind=kind, unit=unit, cursor=cursor, limit=limit
    )
    return reply({"accounts": [account_wire(each) for each in page.items], "cursor": page.cursor})


@router.put(
    _LEDGER + "/accounts/{account}",
    responses={**gives(AccountShape, 201, "Opened."), **gives(AccountShape, 200, "Changed, or as it was.")},
)
async def put_account(
    graph: GraphName,
    account: AccountName,
    access: Writes,
    asked: Annotated[AccountRequest, Depends(JSONBody(AccountRequest))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Open an account, or change its limits and description, close it, or open it again."""
    put = await access.memory.ledger.put_account(graph, asked.spec(account), scope=access.scope(scope))
    return reply(account_wire(put), 201 if put.created else 200)


@router.get(_LEDGER + "/accounts/{account}", responses=gives(AccountShape))
async def get_account(
    graph: GraphName, account: AccountName, access: Reads, *, scope: ScopeQuery = None, at: At = None
) -> Response:
    """Return an account with its balance, now or as of a time."""
    return reply(account_wire(await access.memory.ledger.account(graph, account, scope=access.scope(scope), at=at)))


@router.get(_LEDGER + "/transactions", responses=gives(TransactionPage))
async def list_transactions(
    graph: GraphName, access: Reads, *, scope: ScopeQuery = None, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List the transactions in this scope only, the newest first."""
    page = await access.memory.ledger.transactions(graph, scope=access.scope(scope), cursor=cursor, limit=limit)
    return reply({"transactions": [transaction_wire(each) for each in page.items], "cursor": page.cursor})


@router.post(_LEDGER + "/transactions", responses=_POSTED)
async def post_transaction(
    graph: GraphName,
    access: Writes,
    asked: Annotated[TransactionRequest, Depends(JSONBody(TransactionRequest))],
    *,
    scope: ScopeQuery = None,
    header: IdempotencyKey = None,
) -> Response:
    """Post a transaction of two or more entries, which sum to zero in each unit.

    409 with the balance where a hard limit refuses it; `notices` where it passes a soft one.
    """
    key = key_of(header, asked.idempotency_key)
    made = await access.memory.ledger.post(
        graph,
        asked.postings(),
        scope=access.scope(scope),
        note=asked.note(),
        idempotency_key=key,
    )
    return reply(transaction_wire(made), 201 if made.created else 200)


@router.get(_LEDGER + "/transactions/{id}", responses=gives(TransactionShape))
async def get_transaction(graph: GraphName, id: Number, access: Reads, scope: ScopeQuery = None) -> Response:  # noqa: A002
    """Return a transaction."""
    return reply(transaction_wire(await access.memory.ledger.transaction(graph, id, scope=access.scope(scope))))


@router.post(_LEDGER + "/transactions/{id}/reverse", responses=_POSTED)
async def reverse_transaction(
    graph: GraphName,
    id: Number,  # noqa: A002
    access: Writes,
    asked: Annotated[ReverseRequest, Depends(JSONBody(ReverseRequest, optional=True))],
    *,
    scope: ScopeQuery = None,
    header: IdempotencyKey = None,
) -> Response:
    """Post the opposite of a transaction as a new one; a transaction is reversed at most once."""
    key = key_of(header, asked.idempotency_key)
    made = await access.memory.ledger.reverse(
        graph,
        id,
        scope=access.scope(scope),
        note=LedgerNote(asked.description),
        idempotency_key=key,
    )
    return reply(transaction_wire(made), 201 if made.created else 200)


@router.get(_LEDGER + "/holds", responses=gives(HoldPage))
async def list_holds(
    graph: GraphName,
    access: Reads,
    *,
    scope: ScopeQuery = None,
    state: Annotated[HoldStateName | None, Query(description="In this state only.")] = None,
    account: AccountFilter = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List the holds in this scope only, the newest first."""
    page = await access.memory.ledger.holds(
        graph, scope=access.scope(scope), state=state, account=account, cursor=cursor, limit=limit
    )
    return reply({"holds": [hold_wire(each) for each in page.items], "cursor": page.cursor})


@router.post(
    _LEDGER + "/holds",
    responses={**gives(HoldShape, 201, "Reserved."), **gives(HoldShape, 200, "It was reserved before.")},
)
async def post_hold(
    graph: GraphName,
    access: Writes,
    asked: Annotated[HoldRequest, Depends(JSONBody(HoldRequest))],
    *,
    scope: ScopeQuery = None,
    header: IdempotencyKey = None,
) -> Response:
    """Reserve an amount on one account for another until it is settled or released, or for some time.

    409 with the balance where a hard limit refuses it.
    """
    key = key_of(header, asked.idempotency_key)
    made = await access.memory.ledger.hold(
        graph,
        asked.reservation(),
        scope=access.scope(scope),
        note=asked.note(),
        idempotency_key=key,
    )
    return reply(hold_wire(made), 201 if made.created else 200)


@router.get(_LEDGER + "/holds/{id}", responses=gives(HoldShape))
async def get_hold(graph: GraphName, id: Number, access: Reads, scope: ScopeQuery = None) -> Response:  # noqa: A002
    """Return a hold."""
    return reply(hold_wire(await access.memory.ledger.get_hold(graph, id, scope=access.scope(scope))))


@router.post(_LEDGER + "/holds/{id}/settle", responses=_POSTED)
async def settle_hold(
    graph: GraphName,
    id: Number,  # noqa: A002
    access: Writes,
    asked: Annotated[SettleRequest, Depends(JSONBody(SettleRequest, optional=True))],
    *,
    scope: ScopeQuery = None,
    header: IdempotencyKey = None,
) -> Response:
    """Post what a hold reserves, in whole or in part; the rest is released. 409 where it is not open any more."""
    key = key_of(header, asked.idempotency_key)
    scope = access.scope(scope)
    note = None
    if asked.description is not None:
        stored = (await access.memory.ledger.get_hold(graph, id, scope=scope)).note
        note = LedgerNote(asked.description, stored.agent, stored.session, stored.tags, stored.metadata)
    made = await access.memory.ledger.settle(graph, id, asked.amount, scope=scope, note=note, idempotency_key=key)
    return reply(transaction_wire(made), 201 if made.created else 200)


@router.post(_LEDGER + "/holds/{id}/release", responses=gives(HoldShape))
async def release_hold(
    graph: GraphName,
    id: Number,  # noqa: A002
    access: Writes,
    asked: Annotated[ReleaseRequest, Depends(JSONBody(ReleaseRequest, optional=True))],
    *,
    scope: ScopeQuery = None,
    header: IdempotencyKey = None,
) -> Response:
    """Release a hold without posting anything. 409 where it is not open any more."""
    key = key_of(header, asked.idempotency_key)
    made = await access.memory.ledger.release(graph, id, scope=access.scope(scope), idempotency_key=key)
    return reply(hold_wire(made))


@router.get(_LEDGER + "/statements", responses=gives(StatementShape))
async def get_statement(graph: GraphName, access: Reads, asked: Annotated[StatementFilter, Query()]) -> Response:
    """List the entries of an account, agent, session or tag, oldest first, with what they add up to."""
    query = StatementQuery(asked.account, asked.agent, asked.session, asked.tag, asked.start, asked.end)
    found = await access.memory.ledger.statement(
        graph, query, scope=access.scope(asked.scope), cursor=asked.cursor, limit=asked.limit
    )
    return reply(statement_wire(found))


@router.get(_LEDGER + "/notices", responses=gives(NoticePage))
async def list_notices(
    graph: GraphName, access: Reads, *, scope: ScopeQuery = None, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List what passed a soft limit in this scope, the newest first."""
    page = await access.memory.ledger.notices(graph, scope=access.scope(scope), cursor=cursor, limit=limit)
    return reply({"notices": [notice_wire(each) for each in page.items], "cursor": page.cursor})


@router.get(_LEDGER + "/head", responses=gives(HeadShape))
async def get_head(graph: GraphName, access: ReadsWhole) -> Response:
    """Return how many records the ledger of a graph has, and the hash of the last: keep it somewhere else."""
    return reply(asdict(await access.memory.ledger.head(graph)))


@router.post(_LEDGER + "/verify", responses=gives(VerificationShape))
async def verify_ledger(
    graph: GraphName,
    access: ReadsWhole,
    asked: Annotated[VerifyRequest, Depends(JSONBody(VerifyRequest, optional=True))],
) -> Response:
    """Check the sums, the chain and the balances of a graph's ledger; returns the first broken row."""
    anchors = [(each.records, each.hash) for each in asked.anchors]
    return reply(verification_wire(await access.memory.ledger.verify(graph, anchors=anchors)))
