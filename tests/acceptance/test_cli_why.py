"""What the commands tell of facts: why one is believed, what sources disagree on, and what people decide."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from kgmem.domain.claims.claim import ClaimStatement
from kgmem.tasks import writing_as
from tests.cli import Command
from tests.memories import hashing, opened_memory

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "consensus.md").read_text()
GRAPH = ("--graph", "apollo")


@pytest.mark.long
def test_quickstart_and_why_tell_what_the_page_shows(kgmem: Command) -> None:
    quickstart = kgmem("quickstart")
    assert (quickstart.code, quickstart.err) == (0, quickstart.err)
    assert "sources disagree on" in quickstart.out
    assert re.search(r"contested: \S+ \w+: .*; ", quickstart.out)
    assert re.search(r"verified: \S+ \w+: .*; ", quickstart.out)

    shown = re.findall(r"```console\n\$ kgmem (.*?)\n(.*?)```", PAGE, re.DOTALL)

    assert len(shown) == 2
    for command, printed in shown:
        assert _without_ids(kgmem(*command.split()).out) == _without_ids(printed)


@pytest.mark.long
def test_a_contested_fact_is_listed_explained_decided_on_and_undone(kgmem: Command) -> None:
    kgmem("quickstart")
    listed = json.loads(kgmem("conflicts", *GRAPH, "--json").out)
    fact = next(each for each in listed if each["subject"] == "gagarin-landing")
    told = json.loads(kgmem("why", str(fact["id"]), *GRAPH, "--json").out)[0]
    assert {claim["source"] for claim in told["claims"]["against"]} == {"press-notes", "soviet-announcements"}
    by = ("--by", "ann", "--reason", "He said so himself.")

    dry = kgmem("review", "accept", str(fact["id"]), *GRAPH, *by, "--dry-run")
    assert "(dry run)" in dry.out
    assert "accept" not in kgmem("review", "log", *GRAPH).out

    (ruled,) = json.loads(kgmem("review", "accept", str(fact["id"]), *GRAPH, *by, "--json").out)
    assert (ruled["before"]["state"], ruled["after"]["state"]) == ("contested", "verified")
    assert fact["id"] not in {each["id"] for each in json.loads(kgmem("conflicts", *GRAPH, "--json").out)}

    kgmem("review", "undo", str(ruled["adjudication"]), *GRAPH, "--by", "bob", "--reason", "A slip.")
    assert fact["id"] in {each["id"] for each in json.loads(kgmem("conflicts", *GRAPH, "--json").out)}
    trail = json.loads(kgmem("review", "log", *GRAPH, "--json").out)
    assert [(each["action"], each["by"]) for each in trail][:2] == [("undo", "bob"), ("accept", "ann")]


def test_a_fact_that_is_not_there_is_told_as_that(kgmem: Command) -> None:
    assert kgmem("graph", "create", "main").code == 0
    missing = kgmem("why", "nobody", "BORN_IN", "--graph", "main")
    assert missing.code != 0
    assert "Not found: no fact of nobody BORN_IN" in missing.err


def test_why_names_the_key_by_which_a_source_came_and_shows_no_secret(kgmem: Command, database_url: str) -> None:
    kgmem("graph", "create", "main")
    key = json.loads(kgmem("key", "create", "ingest", "--role", "writer", "--json").out)

    async def state() -> None:
        async with opened_memory(database_url, embedder=hashing()) as memory:
            with writing_as(key["id"]):
                await memory.claims.put("main", [ClaimStatement("press", "bridge", "height", value=90)])

    asyncio.run(state())
    told = kgmem("why", "bridge", "height", "--graph", "main").out
    assert re.search(r"press came by the key ingest from 2\d{3}-", told)
    assert key["key"] not in told


def _without_ids(text: str) -> str:
    """Return the text with its facts unnumbered: they are numbered in the order in which they were first weighed."""
    return re.sub(r"fact \d+", "fact N", text)
