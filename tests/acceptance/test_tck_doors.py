"""The openCypher TCK as clients play it: over Bolt with Neo4j's driver, and over the Query API."""

from collections.abc import AsyncIterator, Sequence

import neo4j
import pytest

from kgmem.bolt.graphs import MemoryBackend
from kgmem.bolt.server import ServerOptions, serving
from kgmem.memory import Memory
from tests import tck, tck_doors
from tests.rest import Door


@pytest.fixture
async def driver(door: Door) -> AsyncIterator[neo4j.AsyncDriver]:
    """Neo4j's driver, connected to the graph of the door."""
    _, secret = await door.memory.keys.create("bolt", "admin")
    async with (
        serving(MemoryBackend(door.memory), ServerOptions("127.0.0.1", 0)) as address,
        neo4j.AsyncGraphDatabase.driver(f"bolt://{address}", auth=("kgmem", secret)) as found,
    ):
        yield found


def _chosen(every: int) -> list[tck.Scenario]:
    return [each for each in tck.scenarios() if tck_doors.is_playable(each)][::every]


async def _lost(memory: Memory, ask: tck_doors.Ask, chosen: Sequence[tck.Scenario]) -> list[str]:
    verdicts = [(each, await tck_doors.play(memory, ask, each)) for each in chosen]
    return [f"{scenario}\n  {reason}" for scenario, reason in verdicts if reason]


@pytest.mark.long
async def test_a_few_scenarios_pass_over_bolt_and_http(door: Door, driver: neo4j.AsyncDriver) -> None:
    chosen = _chosen(160)
    assert len(chosen) > 15
    assert await _lost(door.memory, tck_doors.over_bolt(driver), chosen) == []
    assert await _lost(door.memory, tck_doors.over_http(door), chosen) == []


@pytest.mark.slow
async def test_a_fifth_of_the_scenarios_passes_over_bolt(door: Door, driver: neo4j.AsyncDriver) -> None:
    assert await _lost(door.memory, tck_doors.over_bolt(driver), _chosen(5)) == []


@pytest.mark.slow
async def test_a_fifth_of_the_scenarios_passes_over_http(door: Door) -> None:
    assert await _lost(door.memory, tck_doors.over_http(door), _chosen(5)) == []


async def test_a_node_that_loses_its_first_label_keeps_its_element_id_for_clients(
    door: Door, driver: neo4j.AsyncDriver
) -> None:
    made = "CREATE (n:First:Second {x: 1}) RETURN n, elementId(n), id(n)"
    changed = "MATCH (n {x: 1}) REMOVE n:First RETURN n, elementId(n), id(n)"
    for ask in (tck_doors.over_bolt(driver), tck_doors.over_http(door)):
        ((before, *ids),) = (await ask(made, {}))[1]
        ((after, *same),) = (await ask(changed, {}))[1]
        assert ids == same
        assert (after.element_id, after.labels) == (before.element_id, ("Second",))
        await ask("MATCH (n) DELETE n", {})
