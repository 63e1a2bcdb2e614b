"""Random histories of a graph: what is done, one step after the other, and what a naive reader remembers of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from kgmem.domain.claims.claim import Source
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.time.interval import iso, now
from kgmem.memory import Memory

WORDS = ("apple", "river", "stone", "cloud", "lamp", "garden", "winter", "copper")
KEYS = ("a", "b", "c", "d")
SCOPES = ("", "team/1")
YEARS = ("1960", "1965", "1969", "1970-07", "1975-01-31")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done to a key of a scope."""

    act: str  # put, delete, trust, link or unlink.
    key: str = "a"
    scope: str = ""
    told: Mapping[str, Any] = field(default_factory=dict)


_texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join)
_told = st.fixed_dictionaries(
    {},
    optional={
        "text": _texts,
        "label": st.sampled_from(["Thing", "Place", "Event"]),
        "valid_from": st.sampled_from(YEARS[:3]),
        "valid_to": st.sampled_from(YEARS[3:]),
        "source": st.sampled_from(["nasa", "press"]),
        "properties": st.fixed_dictionaries({"crew": st.integers(0, 3)}),
    },
)
STEPS = st.one_of(
    st.builds(Step, st.just("put"), st.sampled_from(KEYS), st.sampled_from(SCOPES), _told),
    st.builds(Step, st.just("put"), st.sampled_from(KEYS), st.sampled_from(SCOPES), _told),
    st.builds(Step, st.just("delete"), st.sampled_from(KEYS), st.sampled_from(SCOPES)),
    st.builds(Step, st.just("trust"), told=st.fixed_dictionaries({"trust": st.sampled_from([0.1, 0.5, 0.9])})),
    st.builds(Step, st.just("link"), told=st.fixed_dictionaries({"end": st.sampled_from(KEYS)})),
)


async def do(memory: Memory, graph: str, step: Step) -> None:
    """Do a step; links between what is not there are left out."""
    if step.act == "put":
        given = {"label": None, **step.told}
        await memory.entities.put(graph, [Entity(step.key, scope=step.scope, **given)])
    elif step.act == "delete":
        await memory.entities.delete(graph, [step.key], scope=step.scope)
    elif step.act == "trust":
        await memory.sources.put(graph, [Source("nasa", trust=step.told["trust"])])
    else:
        held = {(each.key, each.scope) for each in (await memory.entities.list(graph)).items}
        if {(step.key, ""), (step.told["end"], "")} <= held:
            await memory.relationships.put(graph, [Relationship("knows", step.key, step.told["end"])])
    await memory.embeddings.run(graph)


@dataclass(slots=True)
class Replay:
    """What was held after each step, as a reader who kept a copy every time has it: instant, then entity by name."""

    states: list[tuple[int, dict[tuple[str, str], Entity]]] = field(default_factory=list)

    async def look(self, memory: Memory, graph: str) -> str:
        """Keep a copy of what is held; gives the moment."""
        held: dict[tuple[str, str], Entity] = {}
        for scope in SCOPES:
            page = await memory.entities.list(graph, scope=scope)
            held |= {(each.scope, each.key): replace(each, embedding=None) for each in page.items}
        moment = now()
        self.states.append((moment, held))
        return iso(moment)

    def known_at(self, moment: int) -> dict[tuple[str, str], Entity]:
        """Return what was held at a moment."""
        before = [held for at, held in self.states if at <= moment]
        return before[-1] if before else {}


def steps(least: int, most: int) -> st.SearchStrategy[Sequence[Step]]:
    """Histories of so many steps."""
    return st.lists(STEPS, min_size=least, max_size=most)
