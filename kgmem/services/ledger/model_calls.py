"""Book calls of models in the ledger of the graph: reserve before the call, settle after it."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, cast

from kgmem.domain.agents.session import SessionAddress, SessionStore
from kgmem.domain.errors import Conflict, DatabaseUnavailable, InvalidInput, KgmemError, LimitReached, NotFound
from kgmem.domain.ledger.amounts import USUAL_SCALE, ZERO
from kgmem.domain.ledger.chain import Record
from kgmem.domain.ledger.ledger import (
    AccountKind,
    AccountSpec,
    LedgerNote,
    Movement,
    Post,
    PutAccount,
    Release,
    Request,
    Reserve,
    Settle,
    is_name,
)
from kgmem.domain.ledger.model_calls import ModelCall, OpenCall, Payer, Usage, shares
from kgmem.domain.ledger.ports import LedgerStore, Outcome
from kgmem.log import EventLog
from kgmem.tasks import caller

TAG: Final = "model-call"
UNITS: Final = ("requests", "tokens", "USD")
HOLD_SECONDS: Final = 86_400  # That a hold counts whose call was cut off, by kill -9 for example.
_TRIES: Final = 3
_PAUSE: Final = 0.2  # Seconds.
_UNNAMED: Final = re.compile(r"[\s/\x00-\x1f\x7f]")

log = EventLog(__name__)


def budget_account(unit: str) -> str:
    """Return the account that calls are paid from; its limits are those of the calls."""
    return f"models.budget.{unit}"


def expense_account(purpose: str, unit: str) -> str:
    """Return the account that calls for a purpose are booked on."""
    return f"models.{purpose}.{unit}"


@dataclass(frozen=True, slots=True)
class _Held:
    """One hold of a call: whose, its unit, its number, the amount, and what the booking is about."""

    payer: Payer
    unit: str
    id: int
    amount: Decimal
    note: LedgerNote
    key: str


class LedgerMeter:
    """Books the calls of kgmem's own in each payer's scope, in requests, tokens, and USD where prices are set."""

    def __init__(self, ledger: LedgerStore, sessions: SessionStore | None = None) -> None:
        """Take the ledgers of all graphs, and the sessions, which know their agents."""
        self._ledger = ledger
        self._sessions = sessions

    @asynccontextmanager
    async def metered(self, call: ModelCall, reserve: Mapping[Payer, Usage]) -> AsyncIterator[OpenCall]:
        """Reserve what a call may use, for each payer; book what it has used when the block ends.

        Raises LimitReached, with the `scope` that may not pay, before the block; then nothing is reserved.
        """
        reserve = await self._with_agents(reserve)
        holds = await self._hold(call, reserve)
        opened = OpenCall()
        try:
            yield opened
        finally:
            # The caller may be cancelled meanwhile; the booking is finished all the same.
            await asyncio.shield(self._close(call, reserve, holds, opened.usage))

    async def _with_agents(self, reserve: Mapping[Payer, Usage]) -> Mapping[Payer, Usage]:
        complete: dict[Payer, Usage] = {}
        for payer, usage in reserve.items():
            known = await self._with_agent(payer)
            sent = usage.sent + (complete[known].sent if known in complete else 0)
            answered = usage.answered + (complete[known].answered if known in complete else 0)
            complete[known] = Usage(sent, answered, estimated=usage.estimated)
        return complete

    async def _with_agent(self, payer: Payer) -> Payer:
        """Return a payer with the agent of its session, where it names no agent itself."""
        if payer.agent is not None or payer.session is None or self._sessions is None:
            return payer
        try:
            session = await self._sessions.get(payer.graph, SessionAddress(payer.session, payer.scope))
        except (NotFound, DatabaseUnavailable):  # A text may name a session that nobody opened.
            return payer
        return replace(payer, agent=session.agent)

    async def _hold(self, call: ModelCall, reserve: Mapping[Payer, Usage]) -> list[_Held]:
        key = f"model-call-{uuid.uuid4()}"
        # A call is one request of a scope, however many of its sessions share it: of the one that sends most.
        most = sorted(reserve, key=lambda each: reserve[each].sent)
        leads = {(payer.graph, payer.scope): payer for payer in most}
        wanted = [
            (payer, (unit, amount, f"{key}-{n}-{unit}"))
            for n, (payer, usage) in enumerate(reserve.items())
            for unit, amount in _amounts(call, usage).items()
            if amount and (unit != "requests" or leads[payer.graph, payer.scope] is payer)
        ]
        made = await asyncio.gather(
            *(self._reserve(call, payer, what, key) for payer, what in wanted), return_exceptions=True
        )
        errors = [each for each in made if isinstance(each, BaseException)]
        holds = [each for each in made if isinstance(each, _Held)]
        if errors:
            await self._finish([self._release(each) for each in holds])
            raise errors[0]
        return holds

    async def _reserve(self, call: ModelCall, payer: Payer, what: tuple[str, Decimal, str], key: str) -> _Held:
        unit, amount, request_key = what
        note = _note(call, payer, key)
        by = caller()
        request = Reserve(
            payer.scope, budget_account(unit), expense_account(call.purpose, unit), amount, HOLD_SECONDS, None, note,
            request_key, by.key if by else None,
        )  # fmt: skip
        try:
            outcome = await self._submit_opening(call, payer, unit, request)
        except Conflict as error:
            raise _refusal(call, payer, error) from error
        return _Held(payer, unit, cast(Record, outcome.record).seq, amount, note, request.key or "")

    async def _submit_opening(self, call: ModelCall, payer: Payer, unit: str, request: Reserve) -> Outcome:
        """Send a request for a hold; where its accounts are missing, open them and send it again."""
        try:
            return await self._submit(payer.graph, request)
        except InvalidInput as error:
            if error.facts.get("field") not in {"from", "to"}:
                raise
        await self._open(payer, call, unit)
        return await self._submit(payer.graph, request)

    async def _open(self, payer: Payer, call: ModelCall, unit: str) -> None:
        """Open the accounts of a unit that a scope does not have."""
        scale = USUAL_SCALE if unit == "USD" else 0
        accounts: list[tuple[str, AccountKind, str]] = [
            (budget_account(unit), "budget", "What kgmem's own calls of models are paid from."),
            (expense_account(call.purpose, unit), "expense", f"Calls of models for {call.purpose}."),
        ]
        for name, kind, text in accounts:
            spec = AccountSpec(name, kind, unit, scale, description=text)
            await self._submit(payer.graph, PutAccount(payer.scope, spec, only_new=True))

    async def _close(
        self, call: ModelCall, reserve: Mapping[Payer, Usage], holds: Sequence[_Held], usage: Usage | None
    ) -> None:
        if usage is None:
            await self._finish([self._release(each) for each in holds])
            return
        weights = [each.sent for each in reserve.values()]
        sent, answered = shares(usage.sent, weights), shares(usage.answered, weights)
        by_payer = {payer: Usage(sent[n], answered[n], estimated=usage.estimated) for n, payer in enumerate(reserve)}
        await self._finish([self._settle(call, each, by_payer[each.payer]) for each in holds])

    async def _finish(self, requests: Sequence[Coroutine[None, None, None]]) -> None:
        """Run what closes holds. What fails is logged: the hold stays until it expires, and shows the call."""
        for error in await asyncio.gather(*requests, return_exceptions=True):
            if isinstance(error, Exception):
                log.warning("model_call_not_booked", error=error)
            elif isinstance(error, BaseException):
                raise error

    async def _release(self, held: _Held) -> None:
        await self._submit(held.payer.graph, Release(held.payer.scope, held.id, f"{held.key}-release"))

    async def _settle(self, call: ModelCall, held: _Held, usage: Usage) -> None:
        amount = _amounts(call, usage)[held.unit]
        if not amount:
            await self._release(held)
            return
        used = {"input_tokens": usage.sent, "output_tokens": usage.answered, "estimated": usage.estimated}
        tags = [*held.note.tags, *(["estimated"] if usage.estimated else [])]
        note = replace(held.note, tags=tags, metadata={**held.note.metadata, **used})
        scope, within = held.payer.scope, min(amount, held.amount)
        await self._submit(held.payer.graph, Settle(scope, held.id, within, note, f"{held.key}-settle"))
        if amount > within:
            names = budget_account(held.unit), expense_account(call.purpose, held.unit)
            rest = [Movement(names[0], within - amount), Movement(names[1], amount - within)]
            await self._submit(held.payer.graph, Post(scope, rest, note, f"{held.key}-rest"))

    async def _submit(self, graph: str, request: Request) -> Outcome:
        """Send a request, which has a key or may be repeated, again where the database was unavailable."""
        for _ in range(_TRIES - 1):
            try:
                return await self._ledger.submit(graph, request)
            except DatabaseUnavailable:
                await asyncio.sleep(_PAUSE)
        return await self._ledger.submit(graph, request)


def _amounts(call: ModelCall, usage: Usage) -> dict[str, Decimal]:
    return {"requests": Decimal(1), "tokens": Decimal(usage.tokens), "USD": call.prices.of(usage) or ZERO}


def _note(call: ModelCall, payer: Payer, key: str) -> LedgerNote:
    """Return what a booking is about; a session or agent that is no name of the ledger is in the metadata only."""
    about = {"session": payer.session, "agent": payer.agent}
    names = {what: name if name and is_name(name) else None for what, name in about.items()}
    tags = (TAG, call.purpose, _UNNAMED.sub("_", f"model:{call.model}")[:200])
    more = {what: name[:1000] for what, name in about.items() if name and not names[what]}
    metadata = {"model": call.model[:1000], "call": key, **more}
    return LedgerNote(f"A call of {call.model[:200]}: {call.purpose}.", **names, tags=tags, metadata=metadata)


def _refusal(call: ModelCall, payer: Payer, error: KgmemError) -> LimitReached:
    facts = {name: value for name, value in error.facts.items() if name not in {"field", "scope"}}
    return LimitReached(
        f"{call.model} is not called for {call.purpose}: {error.message}",
        hint="What is stored is kept and waits. Change the limit of the account or add to it.",
        scope=payer.scope,
        **facts,
    )
