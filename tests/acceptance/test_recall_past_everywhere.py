"""What is over is told as past, with its dates, over REST, on the command line, and inside of queries."""

import json

from tests.cli import Command
from tests.rest import GRAPH, Door, done

ENTITIES = [{"key": "neil", "label": "Person", "name": "Neil"}, {"key": "eagle", "label": "Craft", "name": "Eagle"}]
FLOWN = {
    "kind": "PILOTED", "from": "neil", "to": "eagle", "key": "flight", "text": "Neil piloted Eagle.",
    "valid_from": "1969-07-16", "valid_to": "1969-07-24",
}  # fmt: skip
ASKED = {"text": "Who piloted Eagle?", "kinds": ["fact"]}
CALL = """CALL kgmem.recall('Who piloted Eagle?', {kinds: ['fact'], states: $states})
YIELD key, state, valid_from, valid_to
RETURN key, state, valid_from, valid_to"""


async def test_rest_and_queries_tell_what_is_over_as_past(door: Door) -> None:
    done(await door.client.put(f"{GRAPH}/entities", json={"entities": ENTITIES}))
    done(await door.client.put(f"{GRAPH}/relationships", json={"relationships": [FLOWN]}))

    (hit,) = done(await door.client.post(f"{GRAPH}/recall", json={"what": ASKED}))["hits"]

    assert (hit["state"], hit["valid_from"], hit["valid_to"]) == ("past", "1969-07-16", "1969-07-24")
    current = done(await door.client.post(f"{GRAPH}/recall", json={"what": ASKED, "states": ["current"]}))
    assert (current["hits"], current["suppressed"]) == ([], {"past": 1})
    asked = {"query": CALL, "parameters": {"states": ["past"]}}
    rows = done(await door.client.post(f"{GRAPH}/cypher", json=asked))["rows"]
    assert rows == [["flight", "past", "1969-07-16", "1969-07-24"]]
    wrong = await door.client.post(f"{GRAPH}/cypher", json={"query": CALL, "parameters": {"states": ["over"]}})
    assert "superseded" in wrong.json()["hint"]


def test_the_command_line_tells_what_is_over_as_past(kgmem: Command) -> None:
    assert kgmem("graph", "create", "main").code == 0
    lines = [{"type": "entity", **each} for each in ENTITIES] + [{"type": "relationship", **FLOWN}]
    given = "\n".join(map(json.dumps, lines)).encode()
    assert kgmem("import", "-", "--graph", "main", "--format", "jsonl", given=given).code == 0

    told = kgmem("recall", "Who piloted Eagle?", "--kind", "fact", "--graph", "main")

    assert "past, 1969-07-16 to 1969-07-24" in told.out
    assert "Nothing found" in kgmem("recall", "Eagle", "--kind", "fact", "--state", "current", "--graph", "main").out
