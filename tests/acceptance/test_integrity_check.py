"""The integrity check over the REST interface and the command line."""

import asyncio

import pytest

from kgmem.memory import Memory
from tests.acceptance.conftest import FAKES
from tests.cli import Command
from tests.memories import index_schema, query
from tests.postgres import run_on
from tests.rest import GRAPH, Door, done, refused

pytestmark = pytest.mark.skipif(FAKES, reason="dictionaries have no tables to be damaged")
CHECK = f"{GRAPH}/integrity-checks"


async def damage(memory: Memory) -> None:
    """Take a node out of the index of `main`."""
    await query(memory, f"DELETE FROM {await index_schema(memory, 'main')}.item WHERE key = 'ada'")


@pytest.mark.long
async def test_damage_is_reported_and_repaired_for_admins_alone(door: Door) -> None:
    await door.people("Ada", "Grace")
    refused(await door.client.get(CHECK), 404, "was not checked yet")
    assert done(await door.client.post(CHECK))["damages"] == []
    await damage(door.memory)

    found, passages = done(await door.client.post(CHECK, json={"repair": False}))["damages"]
    assert passages["check"] == "passages-gone"
    assert (found["check"], found["state"], found["count"]) == ("nodes-unindexed", "problem", 1)
    assert found["repairable"]
    assert "--repair" in found["hint"]
    figures = (await door.client.get("/metrics")).text
    assert 'kgmem_integrity_damages{state="problem"} 2.0' in figures
    assert "kgmem_integrity_unchecked_seconds" in figures

    repaired = done(await door.client.post(CHECK, json={"repair": True}))
    assert [each["check"] for each in repaired["repaired"]] == ["nodes-unindexed", "passages-gone"]
    assert repaired["damages"] == []
    assert done(await door.client.get(CHECK))["repaired"] == repaired["repaired"]
    graphs = [each["graph"] for each in done(await door.client.get("/v1/integrity-checks"))["reports"]]
    assert graphs == ["main"]

    writer = await door.key("writer", graph="main")
    refused(await door.client.post(CHECK, headers=writer), 403)
    refused(await door.client.get(CHECK, headers=writer), 403)
    bound = await door.key("admin", graph="main")
    assert done(await door.client.post(CHECK, headers=bound))["graph"] == "main"
    refused(await door.client.get("/v1/integrity-checks", headers=bound), 403)


async def test_what_is_asked_wrongly_is_refused(door: Door) -> None:
    refused(await door.client.post("/v1/graphs/nonesuch/integrity-checks"), 404)
    refused(await door.client.post(CHECK, json={"repair": "yes"}), 422)
    refused(await door.client.post(CHECK, json={"fix": True}), 422)
    asked = await door.client.post(f"{GRAPH}/jobs", json={"task": "check_integrity"})
    assert done(asked, 202)["job"]


@pytest.mark.long
def test_doctor_finds_and_repairs_by_the_command_line(kgmem: Command, database_url: str) -> None:
    assert kgmem("graph", "create", "main").code == 0
    lines = b'{"type": "entity", "key": "ada", "label": "Person", "text": "A mathematician."}\n'
    imported = kgmem("import", "-", "--graph", "main", "--format", "jsonl", given=lines)
    assert imported.code == 0, imported.err
    healthy = kgmem("doctor", "--deep", "--graph", "main")
    assert "Graph main: 0 problems, 0 warnings" in healthy.out

    asyncio.run(run_on(database_url, "DELETE FROM kgm_1.item WHERE key = 'ada'"))
    found = kgmem("doctor", "--deep")
    assert found.code == 1
    assert "nodes-unindexed" in found.out
    assert "kgmem doctor --deep --repair" in found.out
    repaired = kgmem("doctor", "--deep", "--repair", "--json").json
    (report,) = [each for each in repaired["reports"] if each["graph"] == "main"]
    assert [each["check"] for each in report["repaired"]] == ["nodes-unindexed", "passages-gone"]
    assert report["damages"] == []
    assert "Graph main: 0 problems" in kgmem("doctor", "--deep").out


@pytest.mark.parametrize("option", [("--repair",), ("--graph", "main")])
def test_options_of_the_deep_check_are_refused_without_it(kgmem: Command, option: tuple[str, ...]) -> None:
    refused_ = kgmem("doctor", *option)
    assert refused_.code == 2
    assert "--deep" in refused_.err
