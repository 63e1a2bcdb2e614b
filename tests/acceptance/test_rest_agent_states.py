"""Agent states over REST: content byte for byte, entity tags, scopes of keys, and the whole way of one state."""

import base64
import gzip
import hashlib

import msgpack
import pytest

from tests.rest import GRAPH, Door, done, refused

PLAN = f"{GRAPH}/agents/planner/state/plan"


async def test_a_state_comes_back_byte_for_byte(door: Door) -> None:
    content = b'{ "a": 1.0,\n "a": 12345678901234567890123, "\xc3\xbc": [] }'
    made = await door.client.put(PLAN, content=content, headers={"Content-Type": "application/json"})
    assert done(made, 201)["version"] == 1
    assert made.headers["etag"] == '"1"'
    read = await door.client.get(PLAN)
    assert (read.content, read.headers["content-type"], read.headers["etag"]) == (content, "application/json", '"1"')
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert read.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert (await door.client.get(PLAN, headers={"If-None-Match": '"1"'})).status_code == 304

    packed = msgpack.packb({"a": b"\x00"})
    sent = await door.client.put(PLAN, content=packed, headers={"Content-Type": "application/x-msgpack"})
    assert done(sent, 201)["media_type"] == "application/msgpack"
    zipped = {"Content-Type": "application/octet-stream", "Content-Encoding": "gzip"}
    done(await door.client.put(PLAN, content=gzip.compress(b"\x00" * 100_000), headers=zipped), 201)
    assert (await door.client.get(PLAN)).content == b"\x00" * 100_000
    assert (await door.client.get(PLAN, params={"version": 2})).content == packed


async def test_a_lost_update_is_refused_with_412(door: Door) -> None:
    fresh = {"If-None-Match": "*"}
    done(await door.client.put(PLAN, json={"n": 1}, headers=fresh), 201)
    refused(await door.client.put(PLAN, json={"n": 2}, headers=fresh), 412, "version 1")
    done(await door.client.put(PLAN, json={"n": 2}, headers={"If-Match": '"1"'}), 201)
    refused(await door.client.put(PLAN, json={"n": 3}, headers={"If-Match": '"1"'}), 412, "version 2")
    assert done(await door.client.get(PLAN)) == {"n": 2}
    done(await door.client.put(PLAN, json={"n": 2}))  # The same content: 200, and no new version.
    refused(await door.client.delete(PLAN, headers={"If-Match": '"1"'}), 412)


async def test_a_difference_has_numbers_of_any_size_and_refuses_what_json_cannot_say(door: Door) -> None:
    for number in (b"123456789012345678901234567890", b"123456789012345678901234567891"):
        headers = {"content-type": "application/json"}
        done(await door.client.put(PLAN, content=b'{"n":' + number + b"}", headers=headers), 201)
    told = await door.client.get(f"{PLAN}/diff", params={"before": 1, "after": 2})
    assert told.json()["patch"] == [{"op": "replace", "path": "/n", "value": 123456789012345678901234567891}]
    packed = {"content-type": "application/msgpack"}
    for count in (1, 2):
        content = msgpack.packb({1: count, "1": 2})
        done(await door.client.put(PLAN, content=content, headers=packed), 201)
    refused(await door.client.get(f"{PLAN}/diff", params={"before": 3, "after": 4}), 422, "types alone")


async def test_a_write_whose_condition_is_no_condition_is_refused(door: Door) -> None:
    done(await door.client.put(PLAN, json={"n": 1}), 201)
    refused(await door.client.put(PLAN, json={"n": 2}, headers={"If-None-Match": '"1"'}), 422, "If-Match")
    assert done(await door.client.get(PLAN)) == {"n": 1}


async def test_the_way_of_a_state(door: Door) -> None:
    client = door.client
    for n in range(1, 4):
        done(await client.put(PLAN, json={"n": n}), 201)
    done(await client.put(f"{PLAN}/checkpoints/begin", json={"version": 1}))
    assert done(await client.get(PLAN, params={"checkpoint": "begin"})) == {"n": 1}
    versions = done(await client.get(f"{PLAN}/versions"))["versions"]
    assert [(each["version"], each["checkpoints"]) for each in versions] == [(3, []), (2, []), (1, ["begin"])]
    assert versions[0]["author"] is not None
    assert done(await client.get(PLAN, params={"at": versions[1]["at"]})) == {"n": 2}
    patch = done(await client.get(f"{PLAN}/diff", params={"before": 1, "after": 3}))["patch"]
    assert patch == [{"op": "replace", "path": "/n", "value": 3}]
    restored = await client.post(f"{PLAN}/restore", json={"checkpoint": "begin"}, headers={"If-Match": '"3"'})
    assert done(restored, 201)["restored_from"] == 1
    done(await client.post(f"{PLAN}/branch", json={"name": "other", "agent": "helper", "version": 2}), 201)
    assert done(await client.get(f"{GRAPH}/agents/helper/state/other")) == {"n": 2}
    listed = done(await client.get(f"{GRAPH}/agents"))["states"]
    assert [(each["agent"], each["name"], each["versions"]) for each in listed] == [
        ("helper", "other", 1),
        ("planner", "plan", 4),
    ]

    rules = {"rules": [{"within_seconds": 86400, "every_seconds": 3600}, {"within_seconds": 60}]}
    kept = done(await client.put(f"{GRAPH}/agents/planner/retention", json=rules))["rules"]
    assert [rule["within_seconds"] for rule in kept] == [60, 86400]
    report = done(await client.post(f"{GRAPH}/agents/planner/prune", params={"dry_run": True}))["states"]
    assert [(each["name"], each["kept"], each["deleted"]) for each in report] == [("plan", 4, [])]
    assert (await client.delete(f"{GRAPH}/agents/planner/retention")).status_code == 204
    assert done(await client.get(f"{GRAPH}/agents/planner/retention")) == {"rules": []}
    assert (await client.delete(f"{PLAN}/checkpoints/begin")).status_code == 204
    assert done(await client.delete(PLAN)) == {"deleted": 4}
    refused(await client.get(PLAN), 404, "plan")


async def test_a_key_reaches_the_states_of_its_scope_alone(door: Door) -> None:
    done(await door.client.put(PLAN, json="shared"), 201)
    done(await door.client.put(PLAN, json="other", params={"scope": "user/2"}), 201)
    mine = await door.key("writer", graph="main", scope="user/1")
    refused(await door.client.get(PLAN, headers=mine), 404)
    refused(await door.client.get(PLAN, headers=mine, params={"scope": "user/2"}), 403)
    refused(await door.client.put(PLAN, json=1, headers=mine, params={"scope": "user/2"}), 403)
    done(await door.client.put(PLAN, json="mine", headers=mine), 201)
    assert done(await door.client.get(PLAN, headers=mine)) == "mine"
    assert [each["scope"] for each in done(await door.client.get(f"{GRAPH}/agents", headers=mine))["states"]] == [
        "user/1"
    ]
    reads = await door.key("reader", graph="main", scope="user/1")
    refused(await door.client.put(PLAN, json=2, headers=reads), 403)
    refused(await door.client.post(f"{GRAPH}/agents/planner/prune", headers=reads), 403)
    assert done(await door.client.get(PLAN)) == "shared"


@pytest.mark.parametrize(
    ("path", "content", "headers", "status", "words"),
    [
        (PLAN, b"{", {"Content-Type": "application/json"}, 422, ("no JSON",)),
        (PLAN, b"x", {"Content-Type": "image/png"}, 422, ("image/png", "application/json")),
        (PLAN, b"1", {"If-Match": "soon"}, 422, ("If-Match",)),
        (f"{GRAPH}/agents/planner/state/a%20b", b"1", {}, 422, ("no name of a state",)),
        ("/v1/graphs/nowhere/agents/a/state/b", b"1", {}, 404, ("nowhere",)),
        (PLAN, b" " * (16 * 1024 * 1024 + 1), {}, 413, ("16,777,216", "several names")),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_written(
    door: Door, path: str, content: bytes, headers: dict[str, str], status: int, words: tuple[str, ...]
) -> None:
    refused(await door.client.put(path, content=content, headers=headers), status, *words)
    assert done(await door.client.get(f"{GRAPH}/agents"))["states"] == []


async def test_questions_that_name_no_version_are_refused(door: Door) -> None:
    done(await door.client.put(PLAN, json=1), 201)
    refused(await door.client.post(f"{PLAN}/restore", json={}), 422, "version, checkpoint or at")
    refused(await door.client.post(f"{PLAN}/restore", json={"version": 1, "at": "2024"}), 422, "exclude")
    refused(await door.client.get(PLAN, params={"version": 9}), 404, "9")
    refused(await door.client.get(PLAN, params={"at": "1999"}), 404, "1999")
    refused(await door.client.get(PLAN, params={"at": "soon"}), 422, "soon")
    refused(await door.client.put(f"{GRAPH}/agents/a/retention", json={"rules": []}), 422)


async def test_a_branch_onto_a_name_that_is_taken_says_so(door: Door) -> None:
    for name in ("plan", "other"):
        done(await door.client.put(f"{GRAPH}/agents/planner/state/{name}", json={"n": name}), 201)
    told = refused(await door.client.post(f"{PLAN}/branch", json={"name": "other"}), 409, "'other'")
    assert (told["type"], told["facts"]["field"]) == ("urn:kgmem:error:conflict", "name")
    assert "another name" in told["hint"]
    assert done(await door.client.get(f"{GRAPH}/agents/planner/state/other")) == {"n": "other"}


async def test_a_state_that_is_too_large_is_told_the_limit_and_the_way_out(door: Door) -> None:
    kind = {"Content-Type": "application/octet-stream"}
    for headers in (kind, {**kind, "Content-Encoding": "gzip"}):
        content = b"\x00" * (16 * 1024 * 1024 + 1)
        sent = gzip.compress(content, 1) if len(headers) > 1 else content
        told = refused(await door.client.put(PLAN, content=sent, headers=headers), 413, "16,777,216")
        assert "several names" in told["hint"]
    assert (await door.client.get(PLAN)).status_code == 404
