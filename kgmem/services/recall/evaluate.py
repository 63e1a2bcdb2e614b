"""Evaluate: ask questions with known answers of a sample in a graph of its own, and judge what recall answers."""

import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from kgmem.domain.errors import InvalidInput, KgmemError
from kgmem.domain.graph.graph import Graph
from kgmem.domain.graph.scope import SHARED
from kgmem.domain.recall.evaluation import LOADED, EvaluationCase, Step, Verdict, faults_of
from kgmem.domain.recall.question import Question
from kgmem.formats.kgmem.sample import Sample
from kgmem.services.ports import Ports
from kgmem.services.recall import recall
from kgmem.services.texts import remember
from kgmem.services.upkeep import embed

_MEANINGLESS = "hash"  # The provider whose vectors follow the words alone.

OnVerdict = Callable[[Verdict], None]


async def evaluate(
    ports: Ports,
    sample: Sample,
    history: Sequence[Step],
    planted: Sequence[EvaluationCase],
    *,
    progress: OnVerdict | None = None,
) -> list[Verdict]:
    """Return a verdict for each question, asked of a temporary graph that holds the sample and what changed in it.

    Raises InvalidInput when a question names a moment that the history does not have.
    """
    names = {LOADED, *(step.name for step in history if step.episodes)}
    if unknown := {each.moment for each in planted if each.moment} - names:
        raise InvalidInput(
            f"The history has no moment {min(unknown)!r}.",
            hint=f"Moments are {', '.join(sorted(names))}; a step defines one when it ends with an episode.",
        )
    verdicts = []
    async with _temporary(ports, sample) as graph:
        moments = await _live_through(ports, graph, sample, history)
        for each in planted:
            verdicts.append(await _judge(ports, graph, each, moments))
            if progress:
                progress(verdicts[-1])
    return verdicts


@asynccontextmanager
async def _temporary(ports: Ports, sample: Sample) -> AsyncIterator[str]:
    """Make a graph under a name that nobody else uses, and drop it afterwards, whatever happens."""
    space = ports.embedder.space if ports.embedder else None
    name = f"kgmem_eval_{secrets.token_hex(6)}"
    await ports.graphs.create(Graph(name, schema=sample.schema, space=space))
    try:
        yield name
    finally:
        await ports.graphs.drop(name)


async def _live_through(ports: Ports, graph: str, sample: Sample, history: Sequence[Step]) -> Mapping[str, str]:
    """Load the sample, then let each step come about; returns when each was known, by the database's clock."""
    await ports.store.put_sources(graph, sample.sources)
    moments = {}
    for step in (Step(LOADED, sample.entities, sample.relationships, sample.episodes), *history):
        await _come_about(ports, graph, step)
        await embed.embed_waiting(ports, graph)  # So that what the next step replaces has had its vector.
        if moment := await _known_from(ports, graph, step):
            moments[step.name] = moment
    return moments


async def _come_about(ports: Ports, graph: str, step: Step) -> None:
    if step.deleted_entities:
        await ports.store.delete_entities(graph, step.deleted_entities, SHARED, None)
    if step.deleted_episodes:
        await ports.store.delete_episodes(graph, step.deleted_episodes, SHARED)
    if step.entities:
        await remember.put_entities(ports, graph, step.entities)
    if step.relationships:
        await remember.put_relationships(ports, graph, step.relationships)
    if step.episodes:
        await remember.put_episodes(ports, graph, step.episodes)


async def _known_from(ports: Ports, graph: str, step: Step) -> str | None:
    """Return when the last episode of a step is known, which is written after all else."""
    if not step.episodes or (key := step.episodes[-1].key) is None:
        return None
    return (await ports.store.get_episode(graph, key, SHARED)).known_from


async def _judge(ports: Ports, graph: str, planted: EvaluationCase, moments: Mapping[str, str]) -> Verdict:
    if why := _cannot_ask(ports, planted):
        return Verdict(planted.asks, planted.tests, (), why, 0.0)
    question = _asked_then(planted.question, moments[planted.moment]) if planted.moment else planted.question
    started = time.perf_counter()
    try:
        faults = faults_of(await recall.recall(ports, graph, question), planted.right)
    except KgmemError as error:
        faults = [error.message]
    return Verdict(planted.asks, planted.tests, faults, None, (time.perf_counter() - started) * 1000)


def _cannot_ask(ports: Ports, planted: EvaluationCase) -> str | None:
    """Return why a question cannot be asked: its answer needs vectors that follow the meaning."""
    if "meaning" not in planted.tests:
        return None
    if ports.embedder is None:
        return "there is no embedder"
    if ports.embedder.space.provider == _MEANINGLESS:
        return "the hash embedder knows no meaning"
    return None


def _asked_then(question: Question, moment: str) -> Question:
    return replace(question, when=replace(question.when, known_at=moment))
