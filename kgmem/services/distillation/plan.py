"""Plan: which texts become one, and which sentences stand for them. Writes nothing but what extraction finds."""

import asyncio
import importlib
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kgmem.domain.agents.tokens import estimate
from kgmem.domain.distillation.groups import Communities, grouped
from kgmem.domain.distillation.material import Original, digest_of
from kgmem.domain.distillation.run import WORTH_IT, DistilGroup, DistilRequest, DistilRun, DistilSentence, NewGroup
from kgmem.domain.distillation.selection import Selection, select, written
from kgmem.domain.distillation.wording import quoted
from kgmem.domain.slices import broken_off
from kgmem.services.ports import Ports
from kgmem.services.texts.extract import read_waiting

_PAUSE = 0.1  # Seconds between looks at what a worker extracts.


@dataclass(frozen=True, slots=True)
class PlannedGroup:
    """A group of texts, and the sentences that would stand for it."""

    new: NewGroup
    selection: Selection
    text: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Groups, and why the other texts stay as they are: how many."""

    groups: Sequence[PlannedGroup]
    skipped: Mapping[str, int]
    left: Sequence[PlannedGroup] = ()  # What would save too little.

    def noted(self, request: DistilRequest) -> list[NewGroup]:
        """Return the groups to store: of what a job plans also those that are left, so that it leaves them for good."""
        left = [replace(each.new, left=True) for each in self.left] if request.is_automatic else []
        return [*(each.new for each in self.groups), *left]


async def extract_first(ports: Ports, graph: str, request: DistilRequest, only: Sequence[int] | None) -> bool:
    """Extract from the texts of a request that were never extracted; False where the slice ended before that."""
    if ports.extractor is None or not request.extract:
        return True
    found = await ports.distillation.candidates(graph, request, only)
    ids = [each.id for each in found if not each.extracted]
    if not ids:
        return True
    await ports.distillation.queue_extraction(graph, ids)
    await read_waiting(ports, graph, only=ids)
    while not broken_off() and await ports.extractions.pending(graph, ids):  # A worker has begun some of them.
        await asyncio.sleep(_PAUSE)
        await read_waiting(ports, graph, only=ids)
    return not broken_off()


async def plan(ports: Ports, graph: str, request: DistilRequest, only: Sequence[int] | None = None) -> Plan:
    """Return what would become of the texts of a request; `only` some of them, by their ids."""
    found = await ports.distillation.candidates(graph, request, only)
    held = await ports.holds.held_items(graph, [each.id for each in found])
    originals = await ports.distillation.originals(graph, [each.id for each in found if each.id not in held])
    groups, left, skipped = await asyncio.to_thread(_planned, originals, request.share, await _communities())
    if held:
        skipped["on hold"] = len(held)
    if request.episodes is not None:
        known = {each.key for each in found}
        if missing := len([key for key in dict.fromkeys(request.episodes) if key not in known]):
            skipped["not there, or distilled already"] = missing
    return Plan(groups, skipped, left)


async def _communities() -> Communities:
    """Return what finds communities of linked texts; networkx is imported at first use."""
    module = await asyncio.to_thread(importlib.import_module, "kgmem.services.upkeep.community_levels")

    def finest(links: Sequence[tuple[int, int, float]]) -> list[list[int]]:
        levels = module.communities_of(links)
        return [[place for place, _ in each] for each in levels[0]] if levels else []

    return finest


def _planned(
    originals: Sequence[Original], share: float, communities: Communities
) -> tuple[list[PlannedGroup], list[PlannedGroup], dict[str, int]]:
    groups: list[PlannedGroup] = []
    left: list[PlannedGroup] = []
    skipped: Counter[str] = Counter()
    for each in grouped(originals, communities):
        critical, plain = [one for one in each if one.is_critical], [one for one in each if not one.is_critical]
        for part in filter(None, (critical, plain)):  # What is critical waits for somebody, the others need not.
            planned = planned_group(part, share)
            if planned.new.tokens_after > WORTH_IT * planned.new.tokens_before:
                skipped["too little to save"] += len(part)
                left.append(planned)
            else:
                groups.append(planned)
    return groups, left, dict(skipped)


def planned_group(originals: Sequence[Original], share: float) -> PlannedGroup:
    """Return the plan of one group, with a new key for its text."""
    selection = select(originals, share)
    text = written(originals, quoted(selection.sentences))
    new = NewGroup(
        originals,
        f"distilled-{secrets.token_hex(10)}",
        sum(each.tokens for each in originals),
        estimate(text),
        len({fact.identity for each in originals for fact in each.facts}),
        any(each.is_critical for each in originals),
        digest_of(originals),
    )
    return PlannedGroup(new, selection, text)


def shown(request: DistilRequest, threshold: float, plan: Plan) -> DistilRun:
    """Return a plan as a run that nobody has stored."""
    groups = [_shown(number, each) for number, each in enumerate(plan.groups, start=1)]
    return DistilRun(
        0, request.scope, "planned", request.reason, request.share, threshold,
        sum(len(each.episodes) for each in groups), groups,
        tokens_before=sum(each.tokens_before for each in groups),
        tokens_after=sum(each.tokens_after for each in groups),
        bytes_before=sum(one.size for each in plan.groups for one in each.new.originals),
        bytes_after=sum(len(each.text.encode()) for each in plan.groups), skipped=plan.skipped, dry_run=True,
    )  # fmt: skip


def _shown(number: int, planned: PlannedGroup) -> DistilGroup:
    new = planned.new
    sentences = [
        DistilSentence(each.text, [new.originals[each.original].key], len(facts))
        for each, facts in zip(planned.selection.sentences, planned.selection.facts, strict=True)
    ]
    return DistilGroup(
        number, "waiting" if new.critical else "planned", [each.key for each in new.originals], None,
        new.tokens_before, new.tokens_after, new.facts, new.critical, text=planned.text, sentences=sentences,
    )  # fmt: skip
