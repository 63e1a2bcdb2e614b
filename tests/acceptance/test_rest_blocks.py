"""Memory blocks over REST: entity tags, edits, conflicts and bad input."""

from tests.rest import GRAPH, Door, done, refused

HUMAN = f"{GRAPH}/blocks/human"


async def test_the_way_of_a_block(door: Door) -> None:
    client = door.client
    made = await client.put(
        HUMAN, json={"text": "Clara", "limit": 30, "agents": ["planner"]}, headers={"If-None-Match": "*"}
    )
    assert done(made, 201)["version"] == 1
    assert made.headers["etag"] == '"1"'
    refused(await client.put(HUMAN, json={"text": "x"}, headers={"If-None-Match": "*"}), 412, "version 1")
    assert done(await client.put(HUMAN, json={"text": "Clara", "limit": 30, "agents": ["planner"]}))["created"] is False
    done(await client.post(f"{HUMAN}/append", json={"text": "likes tea"}, headers={"If-Match": '"1"'}), 201)
    refused(await client.post(f"{HUMAN}/append", json={"text": "x"}, headers={"If-Match": '"1"'}), 412, "version 2")
    refused(await client.post(f"{HUMAN}/append", json={"text": "x" * 30}), 413, "text")
    edit = {"edits": [{"old": "tea", "new": "coffee"}]}
    done(await client.patch(HUMAN, json=edit, headers={"If-Match": '"2"'}), 201)
    refused(await client.patch(HUMAN, json=edit), 409, "edits[0].old")
    refused(await client.patch(HUMAN, json={"edits": []}), 422, "edits")
    refused(await client.put(HUMAN, json={"text": "x", "limit": 0}), 422, "limit")
    refused(await client.put(HUMAN, json={"txet": "x"}), 422, "txet")
    assert done(await client.get(HUMAN))["text"] == "Clara\nlikes coffee"
    assert done(await client.get(HUMAN, params={"version": 1}))["text"] == "Clara"
    assert [each["version"] for each in done(await client.get(f"{HUMAN}/versions"))["blocks"]] == [3, 2, 1]
    assert [each["name"] for each in done(await client.get(f"{GRAPH}/blocks"))["blocks"]] == ["human"]
    refused(await client.get(HUMAN, params={"scope": "user/42"}), 404, "human")
    assert done(await client.delete(HUMAN)) == {"deleted": 3}
    refused(await client.get(HUMAN), 404, "human")
