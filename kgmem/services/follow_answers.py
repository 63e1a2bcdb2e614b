"""Follow answers: evaluate questions again when what they see has changed, and log what enters, leaves or moves.

An evaluation and the events that it means are stored in one transaction, under the version that was read before the
question was evaluated. So a crash in between loses nothing, and of two evaluations at the same time one counts.
"""

import asyncio
import time
from collections import OrderedDict
from functools import partial
from typing import Final

from kgmem.domain.errors import DatabaseUnavailable, EmbedderUnavailable, KgmemError, NotFound
from kgmem.domain.recall.question import Question
from kgmem.domain.slices import slice_over
from kgmem.domain.subscriptions.answer import Evaluation, Moment, Ranked
from kgmem.domain.subscriptions.subscription import SubscriptionAddress
from kgmem.log import EventLog
from kgmem.services.ports import Ports
from kgmem.services.recall.recall import look_up
from kgmem.services.score_texts import scorer_of

log = EventLog(__name__)

_AT_ONCE: Final = 50  # Answers that a job looks at before it looks again which are due.
_RETRY: Final = 10.0  # Seconds until a question that could not be answered is asked again.
_QUIET: Final = 0.25  # Seconds between evaluations of one answer by who reads it.
_AWAY: Final = ("meaning_retriever_off_embedder_unavailable", "meaning_retriever_off_limit_reached")
_MOST_READ: Final = 1_000  # Answers of which a process remembers when it evaluated them for a reader.


async def first(ports: Ports, graph: str, question: Question) -> Evaluation:
    """Return what a question answers now. Raises what recall raises, and EmbedderUnavailable."""
    moment = await ports.followed_answers.moment(graph, question.scope)
    return await _evaluated(ports, graph, question, moment)


async def queue_due(ports: Ports) -> int:
    """Enqueue a job for each graph with answers that may have changed; returns for how many."""
    count = 0
    for graph in await ports.followed_answers.graphs():
        try:
            if await ports.followed_answers.is_due(graph):
                count += await ports.jobs.defer("follow_answers", graph=graph) is not None
        except NotFound:  # Dropped meanwhile.
            continue
    return count


async def follow(ports: Ports, graph: str) -> int:
    """Evaluate the answers of a graph that may have changed; returns how many evaluations were stored."""
    count = 0
    while due := await ports.followed_answers.due(graph, _AT_ONCE):
        for subscription in due:
            count += await _follow_one(ports, graph, subscription, eager=False)
            if await slice_over():
                return count
        if len(due) < _AT_ONCE:
            break
    return count


class AnswerReaders:
    """Brings an answer up to date for who reads it, so that it needs no job; many readers share an evaluation."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports
        self._turns: OrderedDict[tuple[str, int], tuple[asyncio.Lock, list[float]]] = OrderedDict()

    async def bring_up_to_date(self, graph: str, address: SubscriptionAddress) -> None:
        """Evaluate the answer that a subscription follows, if it may have changed; others are left alone."""
        number = await self._ports.followed_answers.number_of(graph, address.scope, address.name)
        if number is None:
            return
        lock, last = self._turns.setdefault((graph, number), (asyncio.Lock(), [0.0]))
        self._turns.move_to_end((graph, number))
        if len(self._turns) > _MOST_READ:
            self._turns.popitem(last=False)
        asked = time.monotonic()
        async with lock:
            if last[0] > asked:  # By another reader, who began later than this one asked.
                return
            await asyncio.sleep(max(last[0] + _QUIET - time.monotonic(), 0))
            began = time.monotonic()
            if await _follow_one(self._ports, graph, number, eager=True):
                last[0] = began


async def _follow_one(ports: Ports, graph: str, subscription: int, *, eager: bool) -> bool:
    """Evaluate an answer that may have changed; returns whether it was. One that fails is evaluated again later."""
    try:
        followed = await ports.followed_answers.followed(graph, subscription, partial(scorer_of, ports), eager=eager)
    except EmbedderUnavailable:
        return False
    if followed is None:
        return False
    try:
        evaluation = await _evaluated(ports, graph, followed.question, followed.moment)
    except DatabaseUnavailable:
        raise
    except KgmemError as error:
        log.warning("answer_not_evaluated", graph=graph, subscription=subscription, error=error)
        evaluation = Evaluation(None, followed.moment._replace(again=_RETRY), str(error))
    return await ports.followed_answers.record(graph, followed, evaluation)


async def _evaluated(ports: Ports, graph: str, question: Question, moment: Moment) -> Evaluation:
    """Return what a question answers. Raises EmbedderUnavailable: an answer without meaning would be another one."""
    answer = await look_up(ports, graph, question)
    if any(each in answer.suppressed for each in _AWAY):
        raise EmbedderUnavailable(
            "The embedding provider of the graph does not answer, or a limit is reached.",
            hint="The answer is evaluated when it answers again.",
        )
    hits = [Ranked(each.id, each.kind, each.scope, each.relevance) for each in answer.hits]
    return Evaluation(hits, moment)
