"""Publications over REST."""

import pytest

from tests.rest import GRAPH, Door, done, refused

ALL = f"{GRAPH}/publications"
ADA, TEAM = {"scope": "team/ada"}, {"scope": "team"}


async def stated(door: Door) -> int:
    """State the port of the ferry in an agent's scope; return the fact."""
    claim = {"source": "radio", "subject": "ferry", "predicate": "port", "value": "Kiel", **ADA}
    answer = done(await door.client.post(f"{GRAPH}/claims", json={"claims": [claim]}))
    fact: int = answer["facts"][0]
    return fact


async def seen(door: Door) -> list[str]:
    """What the team's own facts say."""
    answer = done(await door.client.get(f"{GRAPH}/facts", params={"predicate": "port", **TEAM}))
    return [fact["value"] for fact in answer["facts"]]


async def test_a_fact_is_published_shown_and_withdrawn(door: Door) -> None:
    fact = await stated(door)
    asked = {"to": "team", "item": fact, "reason": "All need it.", "by": "ada"}

    made = done(await door.client.post(ALL, json=asked | ADA), 201)

    assert (made["kind"], made["state"], made["scope"], made["to"]) == ("fact", "published", "team/ada", "team")
    assert done(await door.client.post(ALL, json=asked | ADA)) == made
    assert await seen(door) == ["Kiel"]
    told = done(await door.client.get(f"{GRAPH}/facts", params=TEAM))["facts"][0]["id"]
    assert done(await door.client.get(f"{GRAPH}/facts/{told}", params=TEAM))["published"] == [made]
    assert done(await door.client.get(f"{ALL}/{made['id']}", params=TEAM)) == made
    assert done(await door.client.get(ALL, params=TEAM | {"state": "published"}))["publications"] == [made]
    refused(await door.client.get(f"{ALL}/{made['id']}", params={"scope": "other"}), 404, str(made["id"]))
    ended = done(await door.client.delete(f"{ALL}/{made['id']}", params=ADA))
    assert ended["ended"]
    assert await seen(door) == []
    refused(await door.client.delete(f"{ALL}/{made['id']}", params=ADA), 404, str(made["id"]))


async def test_a_claim_that_is_withdrawn_is_withdrawn_where_it_was_published(door: Door) -> None:
    fact = await stated(door)
    done(await door.client.post(ALL, json={"to": "team", "item": fact, "reason": "All.", **ADA}), 201)
    claims = done(await door.client.get(f"{GRAPH}/claims", params=ADA))["claims"]
    (own,) = [each["id"] for each in claims if each["scope"] == "team/ada"]

    done(await door.client.delete(f"{GRAPH}/claims", params={"id": own, **ADA}))

    assert await seen(door) == []
    assert done(await door.client.get(ALL, params=ADA))["publications"][0]["state"] == "withdrawn"


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"item": 999_999}, 404, "999999"),
        ({"key": "none"}, 404, "none"),
        ({}, 422, "item"),
        ({"item": 1, "key": "k"}, 422, "item"),
        ({"item": 1, "to": "team/ada"}, 422, "to"),
        ({"item": 1, "to": "team/ada/sub"}, 422, "to"),
        ({"item": 1, "reason": ""}, 422, "reason"),
        ({"item": "1"}, 422, "item"),
    ],
)
async def test_a_wrong_publication_is_refused(door: Door, body: dict[str, object], status: int, named: str) -> None:
    asked = {"to": "team", "reason": "All need it."} | body
    refused(await door.client.post(ALL, json=asked | ADA), status, named)
    assert done(await door.client.get(ALL, params=ADA))["publications"] == []


async def test_a_key_publishes_only_where_it_may_write(door: Door) -> None:
    fact = await stated(door)
    _, secret = await door.memory.keys.create("ada", "writer", scope="team/ada")
    headers = {"Authorization": f"Bearer {secret}"}
    asked = {"to": "team", "item": fact, "reason": "All need it."}

    refused(await door.client.post(ALL, json=asked, headers=headers), 403, "team")

    assert await seen(door) == []
    beside = done(await door.client.post(ALL, json=asked | ADA), 201)
    refused(await door.client.delete(f"{ALL}/{beside['id']}", params=TEAM, headers=headers), 403, "team")


async def test_words_of_the_team_stay_and_what_was_stored_for_a_publication_goes(door: Door) -> None:
    await stated(door)  # Which makes the ferry.
    for key in ("n1", "n2"):
        note = {"key": key, "text": "The ferry is late.", "mentions": ["ferry"], **ADA}
        done(await door.client.post(f"{GRAPH}/episodes", json={"episodes": [note]}))
        done(await door.client.post(ALL, json={"to": "team", "key": key, "reason": "All.", **ADA}), 201)
    own = {"key": "n1", "text": "It left.", **TEAM}
    done(await door.client.post(f"{GRAPH}/episodes", json={"episodes": [own]}))

    for key in ("n1", "n2"):
        note = {"key": key, "text": "The ferry is on time.", "mentions": ["ferry"], **ADA}
        done(await door.client.post(f"{GRAPH}/episodes", json={"episodes": [note]}))

    there = done(await door.client.get(f"{GRAPH}/episodes", params=TEAM))["episodes"]
    assert {each["key"]: each["text"] for each in there} == {"n1": "It left.", "n2": "The ferry is on time."}
    states = {each["key"]: each["state"] for each in done(await door.client.get(ALL, params=TEAM))["publications"]}
    assert states == {"n1": "refused", "n2": "published"}
    done(await door.client.delete(f"{GRAPH}/scope", params=ADA))
    there = done(await door.client.get(f"{GRAPH}/episodes", params=TEAM))["episodes"]
    assert [each["text"] for each in there] == ["It left."]
