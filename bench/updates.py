"""What the offline rules make of change: 400 sentences in context and 60 dialogues, with what is so after each turn.

Kinds are jobs, homes, relationships, ownership, plans, meetings, preferences, allergies, roles, corrections, denials,
memberships, advice and causes, dates of mails, and dialogues. A sentence is right when all is so that must be, and
nothing current says what must not be. The baseline reads the same texts by the general rules alone, which end nothing.
The rules were written with one half of the set in view; the other half (`held_out`) was only scored. The rows are
sentences and dialogues of each half.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence

from bench.contract import Figure, compared, within, alone
from bench.rig.database import fresh_database, memory_on
from kgmem.memory import Memory
from tests.update_cases import Case, dialogues, sentences
from tests.update_runs import Outcome, played, stale_first

ROWS = 230
SHORT = 30
_LEAST = 95.0


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Give right over total, of each kind and in all, beside the general rules alone."""
    for part in ("develop", "held_out"):
        cases = [*sentences(part), *dialogues(part)]
        cases = cases[:: max(1, len(cases) // rows)]
        async with fresh_database() as url, memory_on(url) as memory:
            await memory.graphs.create("changes")
            outcomes = await played(memory, "changes", cases)
            stale = await stale_first(memory, "changes", cases)
            plain = await _plain(memory, cases)
        for kind in dict.fromkeys(each.kind for each in cases):
            yield _figure(f"{part}: {kind}", kind, cases, outcomes, plain)
        yield _figure(f"{part}: all", None, cases, outcomes, plain)
        yield within(alone(f"{part}: dialogues with a stale fact first", len(stale), "dialogues", "none may."), 0)


async def _plain(memory: Memory, cases: Sequence[Case]) -> list[Outcome]:
    await memory.graphs.create("plain")
    return await played(memory, "plain", cases, changes=False)
