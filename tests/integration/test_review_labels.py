"""Decisions on the review list teach: what else is told of the same kind is right more often than before."""

import pytest

from bench.entity_resolution import reviewed
from bench.rig.resolution_sets import catalogues
from kgmem.memory import Memory
from tests.data import data

pytestmark = pytest.mark.server


@pytest.mark.slow
async def test_decided_pairs_make_the_other_answers_better(memory: Memory, graph: str) -> None:
    labelled = catalogues(data("er_magellan"), "Structured/Beer")

    before, after = await reviewed(memory, f"{graph}_reviewed", labelled)

    assert after > before, (before, after)
