"""Hostile input to ledger, sessions, blocks and decisions over REST: a 4xx with the field, and nothing changed."""

from typing import Any

import pytest

from tests.rest import GRAPH, Door, done, refused

LEDGER = f"{GRAPH}/ledger"
BIG = 10**60
PAIR = [{"account": "a", "amount": "1"}, {"account": "b", "amount": "-1"}]


async def opened(door: Door, scope: str = "") -> None:
    for name in ("a", "b"):
        body = {"kind": "budget", "unit": "USD"}
        done(await door.client.put(f"{LEDGER}/accounts/{name}", params={"scope": scope}, json=body), 201)


async def records(door: Door) -> int:
    found: int = done(await door.client.get(f"{LEDGER}/head"))["records"]
    return found


@pytest.mark.parametrize(
    "amount",
    [
        '"NaN"', '"sNaN"', '"Infinity"', '"1e400"', '"1e-400"', "1e400", "NaN", "1.5", "true", '"1_000"', '"\\u0661"',
        '"1,5"', '"0x1"',
    ],
)  # fmt: skip
async def test_what_is_no_exact_decimal_is_refused(door: Door, amount: str) -> None:
    await opened(door)
    before = await records(door)
    body = f'{{"entries": [{{"account": "a", "amount": {amount}}}, {{"account": "b", "amount": "-1"}}]}}'
    headers = {"Content-Type": "application/json"}
    refused(await door.client.post(f"{LEDGER}/transactions", content=body, headers=headers), 422, "amount")
    assert await records(door) == before


async def test_metadata_that_no_answer_could_show_is_refused_before_it_is_stored(door: Door) -> None:
    await opened(door)
    before = await records(door)
    for metadata in ({"k": BIG}, {"k": [{"l": -BIG}]}, {"k": 2**63}):
        body: dict[str, Any] = {"entries": PAIR, "metadata": metadata}
        refused(await door.client.post(f"{LEDGER}/transactions", json=body), 422, "metadata", "64 bits")
        hold = {"from": "a", "to": "b", "amount": "1", "metadata": metadata}
        refused(await door.client.post(f"{LEDGER}/holds", json=hold), 422, "metadata", "64 bits")
    assert await records(door) == before
    done(await door.client.post(f"{LEDGER}/transactions", json={"entries": PAIR, "metadata": {"k": 2**63 - 1}}), 201)
    (listed,) = done(await door.client.get(f"{LEDGER}/transactions"))["transactions"]
    assert listed["metadata"] == {"k": 2**63 - 1}


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5.6", "9" * 30, "\u0661", ""])
async def test_what_is_no_cursor_is_refused_instead_of_the_first_page(door: Door, cursor: str) -> None:
    await opened(door)
    for path in ("transactions", "holds", "statements", "notices"):
        refused(await door.client.get(f"{LEDGER}/{path}", params={"cursor": cursor}), 422, "cursor")


async def test_a_key_with_another_body_is_a_conflict_on_each_kind_of_request(door: Door) -> None:
    await opened(door)
    client = door.client
    body = {"entries": PAIR, "idempotency_key": "k"}
    made = done(await client.post(f"{LEDGER}/transactions", json=body), 201)
    before = await records(door)
    for more in ({"description": "x"}, {"tags": ["x"]}, {"metadata": {"k": 1}}, {"entries": PAIR[::-1]}):
        refused(await client.post(f"{LEDGER}/transactions", json={**body, **more}), 409, "idempotency_key")
    hold = {"from": "a", "to": "b", "amount": "1", "idempotency_key": "k"}
    refused(await client.post(f"{LEDGER}/holds", json=hold), 409, "idempotency_key")
    reverse = {"idempotency_key": "k"}
    refused(await client.post(f"{LEDGER}/transactions/{made['id']}/reverse", json=reverse), 409, "idempotency_key")
    assert await records(door) == before
    # The keys of another scope are others.
    await opened(door, "u/1")
    done(await client.post(f"{LEDGER}/transactions", params={"scope": "u/1"}, json=body), 201)


async def test_keys_of_another_scope_see_and_change_nothing(door: Door) -> None:
    client, mine = door.client, {"scope": "u/1"}
    await opened(door, "u/1")
    made = done(await client.post(f"{LEDGER}/transactions", params=mine, json={"entries": PAIR}), 201)["id"]
    wanted = {"from": "a", "to": "b", "amount": "1"}
    hold = done(await client.post(f"{LEDGER}/holds", params=mine, json=wanted), 201)["id"]
    done(await client.put(f"{GRAPH}/sessions/talk", params=mine, json={"agent": "x"}), 201)
    secret = {"messages": [{"role": "user", "content": "secret"}]}
    done(await client.post(f"{GRAPH}/sessions/talk/messages", params=mine, json=secret))
    done(await client.put(f"{GRAPH}/blocks/note", params=mine, json={"text": "secret"}), 201)
    decision = {"key": "plan", "decision": "secret", "agent": "x"}
    done(await client.post(f"{GRAPH}/decisions", params=mine, json=decision), 201)
    other = await door.key("writer", graph="main", scope="u/2")
    before = await records(door)
    routes: list[tuple[str, str, Any]] = [
        ("GET", "sessions/talk", None), ("GET", "sessions/talk/messages", None), ("GET", "sessions/talk/context", None),
        ("POST", "sessions/talk/messages", secret), ("POST", "sessions/talk/close", None),
        ("DELETE", "sessions/talk", None), ("GET", "blocks/note", None), ("DELETE", "blocks/note", None),
        ("GET", "blocks/note/versions", None), ("GET", "ledger/accounts/a", None),
        ("GET", f"ledger/transactions/{made}", None), ("POST", f"ledger/transactions/{made}/reverse", {}),
        ("GET", f"ledger/holds/{hold}", None), ("POST", f"ledger/holds/{hold}/settle", {}),
        ("POST", f"ledger/holds/{hold}/release", {}), ("GET", "decisions/plan", None),
        ("GET", "decisions/plan/consequences", None), ("PUT", "decisions/plan/outcome", {"outcome": "yes"}),
    ]  # fmt: skip
    for verb, path, body in routes:
        for scope, status in (({}, 404), (mine, 403)):
            answer = await client.request(verb, f"{GRAPH}/{path}", headers=other, params=scope, json=body)
            assert answer.status_code == status, (verb, path, scope, answer.text)
            assert "secret" not in answer.text
    for path in ("sessions", "blocks", "decisions", "ledger/transactions", "ledger/holds", "ledger/accounts"):
        found = done(await client.get(f"{GRAPH}/{path}", headers=other))
        assert [value for value in found.values() if value] == [], path
    assert await records(door) == before
    assert done(await client.get(f"{GRAPH}/sessions/talk", params=mine))["messages"] == 1
