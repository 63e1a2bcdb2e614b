"""What the offline rules make of change: sentences in context and dialogues, with what is so after each turn.

Kinds are jobs, homes, relationships, ownership, plans, meetings, preferences, allergies, roles, corrections, denials,
memberships, advice and causes, dates of mails, and dialogues. A sentence is right when all is so that must be, and
nothing current says what must not be. The baseline reads the same texts by the general rules alone, which end nothing.
The rules were written with one half of the set in view; of the other (`held_out`) some failures were read, too.
`strangers` is by a writer who had not seen the rules, and nothing was written or trained with it in view. "By a model"
is the same set through the extractor by model and an endpoint whose scripted model understands every turn: what is
missing there is lost behind the model. The rows are sentences and dialogues of each part.
"""

from collections.abc import AsyncIterator, Sequence

from bench.contract import Figure, alone, compared
from bench.rig.database import fresh_database, memory_on
from bench.rig.update_cases import Case, dialogues, sentences
from bench.rig.update_model import understanding
from bench.rig.update_runs import GeneralRules, Outcome, played, stale_first
from kgmem.domain.text.extraction import Extractor
from kgmem.extraction.offline import OfflineExtractor
from tests.memories import hashing, opened_memory

ROWS = 230
SHORT = 30


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the share that is right, of each kind and in all, beside the general rules alone."""
    for part in ("develop", "held_out", "strangers"):
        cases = [*sentences(part), *dialogues(part)]
        cases = cases[:: max(1, len(cases) // rows)]
        async with fresh_database() as url:
            async with memory_on(url):
                pass
            outcomes, stale = await _read(url, "changes", cases, OfflineExtractor())
            plain, _ = await _read(url, "plain", cases, GeneralRules())
            async with understanding(cases) as model:
                understood, stale_by_model = await _read(url, "understood", cases, model)
        for kind in dict.fromkeys(each.kind for each in cases):
            yield _figure(
                f"{part}: {kind}", *([each for each in told if each.case.kind == kind] for told in (outcomes, plain))
            )
        yield _figure(f"{part}: all", outcomes, plain)
        yield _figure(f"{part}: all, by a model", understood, plain)
        note = "of those that ask what has ended with nothing in its place; its `state` is past."
        yield alone(f"{part}: dialogues of which the first fact is over", stale, "dialogues", note)
        yield alone(f"{part}: the same, by a model", stale_by_model, "dialogues", note)


async def _read(url: str, graph: str, cases: Sequence[Case], extractor: Extractor) -> tuple[list[Outcome], int]:
    async with opened_memory(url, embedder=hashing(), extractor=extractor) as memory:
        await memory.graphs.create(graph)
        outcomes = await played(memory, graph, cases)
        return outcomes, len(await stale_first(memory, graph, cases))


def _figure(name: str, outcomes: Sequence[Outcome], plain: Sequence[Outcome]) -> Figure:
    shares = [100 * sum(each.right for each in told) / len(told) for told in (outcomes, plain)]
    return compared(f"{name} ({len(outcomes)})", shares[0], shares[1], "%")
