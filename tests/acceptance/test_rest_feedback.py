"""Feedback on hits over REST."""

import pytest

from tests.rest import GRAPH, Door, done, refused

FEEDBACK = f"{GRAPH}/feedback"
ASKED = "Where is the ferry?"


async def hits(door: Door) -> list[tuple[int, float]]:
    answer = done(await door.client.post(f"{GRAPH}/recall", json={"what": {"text": ASKED}}))
    return [(hit["id"], hit["score"]) for hit in answer["hits"]]


async def test_feedback_is_given_listed_and_withdrawn(door: Door) -> None:
    ferries = [{"key": f"f{n}", "label": "Ferry", "name": f"Ferry {n}"} for n in range(2)]
    done(await door.client.put(f"{GRAPH}/entities", json={"entities": ferries}))
    before = await hits(door)
    item = before[0][0]
    told = {"item": item, "verdict": "wrong", "question": ASKED, "reason": "It is another one."}
    made = done(await door.client.post(FEEDBACK, json=told), 201)
    assert made.items() >= told.items()
    done(await door.client.post(FEEDBACK, json=told))
    assert (await hits(door))[0][0] != item
    assert done(await door.client.get(FEEDBACK, params={"item": item}))["feedback"] == [
        done(await door.client.get(FEEDBACK))["feedback"][0]
    ]
    refused(await door.client.delete(FEEDBACK, params={"item": item}), 404, str(item))
    assert done(await door.client.delete(FEEDBACK, params={"item": item, "question": ASKED})) == {"deleted": 1}
    assert await hits(door) == before
    assert done(await door.client.get(FEEDBACK))["feedback"] == []


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"item": 999_999_999, "verdict": "wrong"}, 404, "999999999"),
        ({"item": -1, "verdict": "wrong"}, 422, "item"),
        ({"item": 1.5, "verdict": "wrong"}, 422, "item"),
        ({"item": 2**63, "verdict": "wrong"}, 422, "item"),
        ({"item": 1, "verdict": "nice"}, 422, "verdict"),
        ({"item": 1, "verdict": "wrong", "question": ""}, 422, "question"),
        ({"item": 1, "verdict": "wrong", "question": "x" * 2001}, 422, "question"),
        ({"item": 1, "verdict": "wrong", "reason": "\0"}, 422, "reason"),
        ({"item": 1, "verdict": "wrong", "score": 1}, 422, "score"),
    ],
)
async def test_bad_feedback_is_refused(door: Door, body: dict[str, object], status: int, named: str) -> None:
    refused(await door.client.post(FEEDBACK, json=body), status, named)
    assert done(await door.client.get(FEEDBACK))["feedback"] == []
