"""Calls of model endpoints that kgmem makes itself: who pays, what they use, and the port that books them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import ROUND_UP, Decimal
from typing import Final, Literal, Protocol

from kgmem.domain.graph.scope import SHARED
from kgmem.domain.ledger.amounts import USUAL_SCALE, ZERO, exact

Purpose = Literal["extraction", "summary", "embedding", "reranking"]
_MILLION: Final = Decimal(1_000_000)
_QUANTUM: Final = Decimal(1).scaleb(-USUAL_SCALE)


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose ledger a call is booked in: a scope of a graph; the session and the agent that it is for, where known.

    Without an agent it is the session's.
    """

    graph: str
    scope: str = SHARED
    session: str | None = None
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class Payers:
    """Who pays for texts: by text where that is known, else the usual payer."""

    usual: Payer | None
    by_text: Mapping[str, Payer | None] = field(default_factory=dict)

    def of(self, text: str) -> Payer | None:
        """Return who pays for a text."""
        return self.by_text.get(text, self.usual)


NOBODY: Final = Payers(None)
_PAYERS: ContextVar[Payers] = ContextVar("kgmem payers", default=NOBODY)


def current_payers() -> Payers:
    """Return who pays for the calls of this task."""
    return _PAYERS.get()


@contextmanager
def paid_by(usual: Payer | None, by_text: Mapping[str, Payer | None] | None = None) -> Iterator[None]:
    """Set who pays for calls within the block, also in tasks that it starts."""
    token = _PAYERS.set(Payers(usual, by_text or {}))
    try:
        yield
    finally:
        _PAYERS.reset(token)


def payer_here(graph: str, scope: str) -> Payer:
    """Return a scope as the payer, for the session and agent of this task where they are of that scope."""
    usual = current_payers().usual
    return usual if usual is not None and (usual.graph, usual.scope) == (graph, scope) else Payer(graph, scope)


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens of a call, sent and answered; estimated where the endpoint does not count them."""

    sent: int
    answered: int = 0
    estimated: bool = False

    @property
    def tokens(self) -> int:
        """Both together."""
        return self.sent + self.answered


@dataclass(frozen=True, slots=True)
class Prices:
    """USD for a million tokens."""

    sent: Decimal = ZERO
    answered: Decimal = ZERO

    def of(self, usage: Usage) -> Decimal:
        """Return the price of a call in USD, rounded up to nine digits."""
        with exact():
            price = (usage.sent * self.sent + usage.answered * self.answered) / _MILLION
        return price.quantize(_QUANTUM, ROUND_UP)


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A call that is about to be made: what for, of which model, at which prices."""

    purpose: Purpose
    model: str
    prices: Prices = field(default_factory=Prices)


@dataclass(slots=True)
class OpenCall:
    """A call in progress. Its `usage` is booked at the end; where it has none, the call failed and costs nothing."""

    usage: Usage | None = None


class CallMeter(Protocol):
    """Books calls of models."""

    def metered(self, call: ModelCall, reserve: Mapping[Payer, Usage]) -> AbstractAsyncContextManager[OpenCall]:
        """Reserve what a call may use, for each payer; book what it has used when the block ends.

        Raises LimitReached, with the `scope` that may not pay, before the block.
        """


class NoMeter:
    """Books nothing."""

    def metered(self, call: ModelCall, reserve: Mapping[Payer, Usage]) -> AbstractAsyncContextManager[OpenCall]:  # noqa: ARG002
        """Return a call that nobody books."""
        return nullcontext(OpenCall())


NO_METER: Final = NoMeter()


@dataclass(frozen=True, slots=True)
class Booking:
    """What books the calls of one model, and its prices."""

    meter: CallMeter = NO_METER
    prices: Prices = field(default_factory=Prices)


NO_BOOKING: Final = Booking()


def shares(total: int, weights: Sequence[int]) -> list[int]:
    """Return a total in whole parts by weights; the parts sum to the total."""
    whole = sum(weights) or len(weights)
    known = weights if sum(weights) else [1] * len(weights)
    parts, before, taken = list[int](), 0, 0
    for weight in known:
        before += weight
        parts.append(total * before // whole - taken)
        taken += parts[-1]
    return parts
