"""Execute a run step by step; each step may be done again, so a run that was broken off anywhere goes on.

Questions are put to recall before anything changes. Then distilled texts are written and linked, originals become
cold, and the same questions are repeated without the originals. What they find no more is quoted as well. A group that
still keeps too little is dropped: its originals come back. The score of a run is that of what remains.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from kgmem.domain.agents.message import NOT_EXTRACTED
from kgmem.domain.agents.tokens import estimate
from kgmem.domain.distillation.groups import moment
from kgmem.domain.distillation.material import Original, Sentence, digest_of
from kgmem.domain.distillation.ports import Written
from kgmem.domain.distillation.probes import DEPTH, Probe, Score, Unit, answered, compared, lost_facts, probes_of
from kgmem.domain.distillation.run import DistilGroup, DistilRun, GroupState, OpenGroup
from kgmem.domain.distillation.selection import Selection, quoted_in, select, written
from kgmem.domain.distillation.wording import Line, checked, material_of, quoted
from kgmem.domain.errors import Conflict, DatabaseUnavailable, NotFound
from kgmem.domain.flows.trace import count, step
from kgmem.domain.graph.episode import SHORT_PASSAGES, Episode
from kgmem.domain.ledger.model_calls import Payer, paid_by
from kgmem.domain.recall.question import Question, What
from kgmem.domain.slices import slice_over
from kgmem.log import EventLog
from kgmem.services.distillation.moves import restore, to_cold
from kgmem.services.distillation.plan import Plan, extract_first, plan
from kgmem.services.ports import Ports
from kgmem.services.recall.recall import look_up
from kgmem.services.texts.forget import forget
from kgmem.services.texts.remember import put_episodes
from kgmem.services.upkeep.embed import embed_waiting
from kgmem.tasks import told_to_stop, uncounted

MOST_MENTIONS = 200
_DAY = re.compile(r"\d{4}(?:-\d\d){0,2}")
_REPAIRS = 2  # Times that a text gets the sentences which questions missed.
_DROPS = 3  # Times that groups which keep too little are dropped, and the others verified again.
_MORE = 40  # Hits beyond the first ten, in the place of originals among them.
Progress = Callable[[int, int], None]

log = EventLog(__name__)


@asynccontextmanager
async def holding(ports: Ports, graph: str, run: int) -> AsyncIterator[None]:
    """Execute a run alone, and show that it goes on, while the block lasts. Raises Conflict."""
    holder = secrets.randbits(62)
    if not await ports.distillation.take(graph, run, holder):
        raise Conflict(f"Run {run} is being executed.", hint="Wait for it: its state shows when it has ended.")

    async def show() -> None:
        while not told_to_stop():
            await asyncio.sleep(ports.distillation.lease / 3)
            try:
                await ports.distillation.take(graph, run, holder)
            except DatabaseUnavailable as error:
                log.debug("distillation_lease_not_renewed", graph=graph, run=run, error=error)

    showing = asyncio.create_task(show())
    try:
        yield
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)
        try:
            await ports.distillation.release(graph, run, holder)
        except DatabaseUnavailable as error:  # The lease ends by itself.
            log.debug("distillation_lease_not_released", graph=graph, run=run, error=error)


async def execute(ports: Ports, graph: str, id_: int, *, progress: Progress | None = None) -> DistilRun:
    """Bring a run to its end, or until the slice is over; returns it as it is then. Raises NotFound, Conflict."""
    store = ports.distillation
    run = await store.get(graph, id_, None)
    if run.state != "running":
        return run
    async with holding(ports, graph, id_):
        with ports.flows.run("distil", graph, scope=run.scope, about=f"distillation/{id_}"):
            with step("plan"):
                if not await _plan(ports, graph, id_):
                    return run
            run = await store.get(graph, id_, None)
            if await _Execution(ports, graph, run, progress).run():
                await store.drop_probes(graph, id_)
    done = await store.get(graph, id_, None)
    if done.state != "running":
        log.info(
            "distillation_finished", graph=graph, run=id_, state=done.state, trigger=done.trigger,
            episodes=done.episodes, score=round(done.score, 4), ratio=round(done.ratio, 2),
        )  # fmt: skip
    return done


async def _plan(ports: Ports, graph: str, run: int) -> bool:
    """Plan a run that was only requested; False where the slice ended before that."""
    request = await ports.distillation.request_of(graph, run)
    if request is None:
        return True
    if not await extract_first(ports, graph, request, None):
        return False
    for _ in range(_REPAIRS):
        planned = await plan(ports, graph, request)
        try:
            await ports.distillation.fill(graph, run, planned.noted(request), planned.skipped)
        except Conflict:  # Another run has taken some of the texts, which the next plan leaves to it.
            continue
        return True
    planned = Plan((), {"distilled by another run": len(planned.groups)})
    await ports.distillation.fill(graph, run, (), planned.skipped)
    return True


class _Execution:
    """One run on its way."""

    def __init__(self, ports: Ports, graph: str, run: DistilRun, progress: Progress | None) -> None:
        self._ports = ports
        self._store = ports.distillation
        self._graph = graph
        self._run = run
        self._progress = progress
        self._steps = 3 * max(len(run.groups), 1)
        self._done = 0

    async def run(self) -> bool:
        """Do what is left; returns whether all of it is done."""
        await embed_waiting(self._ports, self._graph)  # What was extracted is found by its meaning, too.
        with step("measure"):
            if not await self._each("planned", self._measure):
                return False
        with step("write"):
            if not await self._each("measured", self._write):
                return False
        if not await self._verify_all():
            return False
        for _ in range(_DROPS):
            if not await self._drop_weak():
                break
            if not await self._verify_all():
                return False
        await self._finish()
        return True

    async def _verify_all(self) -> bool:
        """Move and verify what is not verified, and write again what lost something; False: the slice is over."""
        for _ in range(_REPAIRS + 1):
            with step("move"):
                if not await self._each("stored", self._move):
                    return False
            await embed_waiting(self._ports, self._graph)
            with step("verify"):
                if not await self._each("moved", self._verify):
                    return False
            if not await self._store.open_groups(self._graph, self._run.id, ["stored", "moved"], 1):
                break
        return True

    async def _drop_weak(self) -> bool:
        """Leave the texts of groups that keep too little as they were; the others are to be verified again.

        What originals that came back say may take the place of a distilled text among the hits.
        """
        run = await self._store.get(self._graph, self._run.id, None)
        weak = [each.number for each in _weak(run)]
        if weak:
            await self._store.verify_again(self._graph, run.id, weak)
            await roll_back(self._ports, self._graph, run, weak, "dropped")
        return bool(weak)

    async def _each(self, state: GroupState, work: Callable[[OpenGroup], Awaitable[None]]) -> bool:
        """Do some work for each group that is in a state; False where the slice is over before that."""
        for group in await self._store.open_groups(self._graph, self._run.id, [state]):
            await work(group)
            count(groups=1)
            self._done = min(self._done + 1, self._steps)
            if self._progress:
                self._progress(self._done, self._steps)
            if await slice_over():
                return False
        return True

    async def _measure(self, group: OpenGroup) -> None:
        originals = await self._store.originals(self._graph, list(group.members))
        held = await self._ports.holds.held_items(self._graph, list(group.members))
        if held or {each.id: each.version for each in originals} != group.members:
            await self._store.set_group(self._graph, group.run, group.number, "kept")
            return
        probes = await asyncio.to_thread(probes_of, originals)
        before = [(each, await self._ask(each, frozenset())) for each in probes]
        await self._store.put_probes(self._graph, group.run, group.number, before)

    async def _ask(self, probe: Probe, without: frozenset[int]) -> list[bool]:
        """Return what recall finds of what a question asks for; hits of texts `without` do not count."""
        k = DEPTH + (_MORE if without else 0)
        question = Question(What(text=probe.question), scope=self._run.scope, k=k)
        with uncounted():  # Or else the originals would be hot again.
            answer = await look_up(self._ports, self._graph, question)
        return answered(probe, [hit for hit in answer.hits if hit.id not in without])

    async def _write(self, group: OpenGroup) -> None:
        originals = await self._store.originals(self._graph, list(group.members))
        if len(originals) < len(group.members):
            await self._store.set_group(self._graph, group.run, group.number, "kept")
            return
        await write_group(self._ports, self._graph, self._run, group, originals)

    async def _move(self, group: OpenGroup) -> None:
        await to_cold(self._ports, self._graph, group)
        await self._store.set_group(self._graph, group.run, group.number, "moved")

    async def _verify(self, group: OpenGroup) -> None:
        score, lost = Score(), list[tuple[str, Unit]]()
        without = frozenset(await self._moved())
        for each in await self._store.probes(self._graph, group.run, group.number):
            part, missed = compared(each.probe, each.before, await self._ask(each.probe, without))
            score += part
            lost += [(each.probe.question, unit) for unit in missed]
        if lost and group.attempts <= _REPAIRS and await self._repaired(group, lost):
            return
        await self._store.set_score(self._graph, group.run, group.number, score, lost)
        await self._store.set_group(self._graph, group.run, group.number, "done")

    async def _repaired(self, group: OpenGroup, lost: Sequence[tuple[str, Unit]]) -> bool:
        """Write a text again with the sentences that say what was not found; False where that changes nothing."""
        originals = await self._store.originals(self._graph, list(group.members))
        texts = await self._store.originals(self._graph, [group.item] if group.item is not None else [])
        if len(originals) < len(group.members) or not texts:
            return False
        by_question: dict[str, list[Unit]] = {}
        for question, unit in lost:
            by_question.setdefault(question, []).append(unit)
        wanted = await asyncio.to_thread(lost_facts, originals, by_question)
        quotes = await asyncio.to_thread(quoted_in, texts[0].text, originals)
        if set(wanted) <= set(quotes):
            return False
        also = list(dict.fromkeys([*quotes, *wanted]))
        await write_group(self._ports, self._graph, self._run, group, originals, also=also)
        return True

    async def _moved(self) -> list[int]:
        """Return the originals of this run for which a text stands."""
        groups = await self._store.open_groups(self._graph, self._run.id, ["stored", "moved", "done"])
        return [id_ for group in groups for id_ in group.members]

    async def _finish(self) -> None:
        run = await self._store.get(self._graph, self._run.id, None)
        done = [each for each in run.groups if each.state == "done"]
        dropped = [each for each in run.groups if each.state == "dropped"]
        waits = any(each.state == "waiting" for each in run.groups)
        score = _score(done)
        if score.share < run.threshold or (dropped and not done and not waits):
            score = _score(done or dropped)
            lost = (
                f"{score.had - score.kept} of {score.had} answers were not found again: {score.share:.3f} is below "
                f"{run.threshold:g}. The groups list them."
            )
            await roll_back(self._ports, self._graph, run, [each.number for each in done], "rolled_back")
            if not done:
                await self._store.set_groups(self._graph, run.id, "dropped", "rolled_back")
            await self._store.set_run(self._graph, run.id, "rolled_back", problem=lost)
            return
        await self._count_bytes(run)
        problem = _of_dropped(dropped) if dropped else None
        await self._store.set_run(self._graph, run.id, "waiting" if waits else "done", problem=problem)

    async def _count_bytes(self, run: DistilRun) -> None:
        groups = await self._store.open_groups(self._graph, run.id, ["done"])
        texts = await self._store.originals(self._graph, [id_ for group in groups for id_ in group.members])
        made = await self._store.originals(self._graph, [group.item for group in groups if group.item is not None])
        before, after = (sum(len(each.text.encode()) for each in some) for some in (texts, made))
        await self._store.set_bytes(self._graph, run.id, before, after)


def _score(groups: Sequence[DistilGroup]) -> Score:
    return sum((Score(each.had, each.kept) for each in groups), Score())


def _weak(run: DistilRun) -> list[DistilGroup]:
    """Return the groups that keep less than a run has to."""
    return [each for each in run.groups if each.state == "done" and _score([each]).share < run.threshold]


def _of_dropped(groups: Sequence[DistilGroup]) -> str:
    score, texts = _score(groups), sum(len(each.episodes) for each in groups)
    return (
        f"{len(groups)} groups of {texts} texts kept too little ({score.kept} of {score.had} answers) and stay as they "
        "were; they list what."
    )


async def write_group(
    ports: Ports,
    graph: str,
    run: DistilRun,
    group: OpenGroup,
    originals: Sequence[Original],
    *,
    also: Sequence[Sentence] = (),
    words: bool = True,
) -> None:
    """Store the distilled text of a group, link it to its originals, and note that it is stored."""
    selection = await asyncio.to_thread(select, originals, run.share, also)
    lines, maker, why = await _worded(ports, graph, run.scope, (originals, selection), words=words and not also)
    text = written(originals, lines)
    mentions = list(dict.fromkeys(key for each in originals for key in each.mentions))[:MOST_MENTIONS]
    episode = Episode(
        text, key=group.key, occurred_at=_time(originals), mentions=await _there(ports, graph, run.scope, mentions),
        properties={"distilled": True, "maker": maker, NOT_EXTRACTED: True, SHORT_PASSAGES: True}, scope=run.scope,
        derived_from=[f"episode:{each.key}" for each in originals],
    )  # fmt: skip
    stored = await put_episodes(ports, graph, [episode])
    made = Written(
        stored.ids[0], estimate(text), maker, why, digest_of(originals),
        {each.id: each.version for each in originals},
    )  # fmt: skip
    if not await ports.distillation.link(graph, group, run.scope, made):  # An original went meanwhile.
        await forget(ports, graph, [group.key], run.scope)
        await ports.distillation.set_group(graph, group.run, group.number, "kept")


def _time(originals: Sequence[Original]) -> str:
    """Return the day, month or year that all texts have in common, or else the time of the last one."""
    for size in (10, 7, 4):
        common = {each.time[:size] for each in originals}
        if len(common) == 1 and _DAY.fullmatch(found := common.pop()) and len(found) == size:
            return found
    return max(originals, key=lambda each: moment(each.time)).time


async def _there(ports: Ports, graph: str, scope: str, keys: Sequence[str]) -> list[str]:
    """Return those of these entities that are still there."""
    found = []
    for key in keys:
        try:
            await ports.store.get_entity(graph, key, scope)
        except NotFound:
            continue
        found.append(key)
    return found


async def _worded(
    ports: Ports, graph: str, scope: str, of: tuple[Sequence[Original], Selection], *, words: bool
) -> tuple[list[Line], str, str | None]:
    """Return the lines of a distilled text, who worded them, and why it was not the model."""
    originals, selection = of
    chosen = selection.sentences
    plain = quoted(chosen)
    if ports.wording is None or not ports.distil_settings.wording or not words or not chosen:
        return plain, "rules", None
    sessions = {each.session for each in originals}
    with paid_by(Payer(graph, scope, sessions.pop() if len(sessions) == 1 else None)):
        made = await ports.wording.word(material_of(originals, chosen), every=True)
    if made.problem is not None:
        return plain, "rules", made.problem
    lines, count = checked(originals, chosen, made.sentences)
    if not count:
        return plain, "rules", f"{ports.wording.name} said nothing that the texts support."
    return lines, ports.wording.name, None


async def roll_back(ports: Ports, graph: str, run: DistilRun, numbers: Sequence[int], state: GroupState) -> list[str]:
    """Restore the originals of groups and delete their distilled texts; returns keys of originals that are gone."""
    wanted = frozenset(numbers)
    missing: list[str] = []
    states: list[GroupState] = ["planned", "waiting", "measured", "stored", "moved", "done"]
    for group in await ports.distillation.open_groups(graph, run.id, states):
        if group.number in wanted:
            missing += await restore(ports, graph, group)
            await forget(ports, graph, [group.key], run.scope)
            await ports.distillation.set_group(graph, group.run, group.number, state)
    return missing
