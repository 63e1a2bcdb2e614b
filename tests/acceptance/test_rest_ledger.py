"""The ledger over REST: the way of a budget, what is refused and by which field, and keys of scopes."""

import pytest

from tests.rest import GRAPH, Door, done, refused

LEDGER = f"{GRAPH}/ledger"


async def opened(door: Door) -> None:
    limits = {"hard_min": "0", "soft_min": "20"}
    done(await door.client.put(f"{LEDGER}/accounts/grant", json={"kind": "income", "unit": "USD"}), 201)
    done(
        await door.client.put(f"{LEDGER}/accounts/fund", json={"kind": "budget", "unit": "USD", "limits": limits}), 201
    )
    done(await door.client.put(f"{LEDGER}/accounts/spent", json={"kind": "expense", "unit": "USD", "scale": 2}), 201)


def entries(*pairs: tuple[str, object]) -> dict[str, object]:
    return {"entries": [{"account": account, "amount": amount} for account, amount in pairs]}


async def test_the_way_of_a_budget(door: Door) -> None:
    client = door.client
    await opened(door)
    first = done(await client.post(f"{LEDGER}/transactions", json=entries(("grant", "-100.00"), ("fund", 100))), 201)
    assert [each["balance"] for each in first["entries"]] == ["-100", "100"]
    body = {**entries(("fund", "-90"), ("spent", "90")), "agent": "planner", "idempotency_key": "k"}
    made = done(await client.post(f"{LEDGER}/transactions", json=body), 201)
    assert made["author"] is not None
    assert [(each["limit"], each["balance"], each["crossed"]) for each in made["notices"]] == [("soft_min", "10", True)]
    again = done(await client.post(f"{LEDGER}/transactions", json=body), 200)
    assert {**again, "created": True} == made
    refused(await client.post(f"{LEDGER}/transactions", json={**body, "agent": "x"}), 409, "idempotency_key")
    answer = await client.post(f"{LEDGER}/transactions", json=entries(("fund", "-11"), ("spent", "11")))
    refused(answer, 409, "hard_min")
    assert (answer.json()["type"], answer.json()["facts"]["available"]) == ("urn:kgmem:error:limit-reached", "10")

    hold = done(await client.post(f"{LEDGER}/holds", json={"from": "fund", "to": "spent", "amount": "8"}), 201)
    assert (hold["from"], hold["state"], hold["expires_at"]) == ("fund", "open", None)
    balance = done(await client.get(f"{LEDGER}/accounts/fund"))["balance"]
    assert balance == {"posted": "10", "held": "8", "incoming": "0", "available": "2"}
    settled = done(await client.post(f"{LEDGER}/holds/{hold['id']}/settle", json={"amount": "3.5"}), 201)
    assert settled["hold"] == hold["id"]
    refused(await client.post(f"{LEDGER}/holds/{hold['id']}/settle"), 409, "settled")
    refused(await client.post(f"{LEDGER}/holds/{hold['id']}/release"), 409, "settled")
    assert done(await client.get(f"{LEDGER}/holds/{hold['id']}"))["settled"] == "3.5"
    back = done(await client.post(f"{LEDGER}/transactions/{made['id']}/reverse"), 201)
    assert back["reverses"] == made["id"]
    refused(await client.post(f"{LEDGER}/transactions/{made['id']}/reverse"), 409, "reversed already")

    found = done(await client.get(f"{LEDGER}/statements", params={"account": "fund", "limit": 2}))
    assert ([each["amount"] for each in found["lines"]], found["opening"], found["closing"]) == (
        ["100", "-90"], "0", "96.5",
    )  # fmt: skip
    rest = done(await client.get(f"{LEDGER}/statements", params={"account": "fund", "cursor": found["cursor"]}))
    assert [each["amount"] for each in rest["lines"]] == ["-3.5", "90"]
    assert [each["name"] for each in done(await client.get(f"{LEDGER}/accounts"))["accounts"]] == [
        "fund", "grant", "spent",
    ]  # fmt: skip
    assert done(await client.get(f"{LEDGER}/accounts/fund", params={"at": made["at"]}))["balance"]["posted"] == "10"
    assert len(done(await client.get(f"{LEDGER}/notices"))["notices"]) >= 1
    head = done(await client.get(f"{LEDGER}/head"))
    anchors = {"anchors": [{"records": head["records"], "hash": head["hash"]}]}
    report = done(await client.post(f"{LEDGER}/verify", json=anchors))
    assert (report["ok"], report["broken"], report["head"]) == (True, None, head)
    wrong = {"anchors": [{"records": head["records"], "hash": "0" * 64}]}
    assert done(await client.post(f"{LEDGER}/verify", json=wrong))["broken"]["row"] == f"record {head['records']}"


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        (entries(("fund", "-1"), ("nobody", "1")), 422, "entries[1].account"),
        (entries(("fund", "-1"), ("spent", "2")), 422, "entries"),
        (entries(("fund", "-0.001"), ("spent", "0.001")), 422, "entries[1].amount"),
        (entries(("fund", "NaN"), ("spent", "1")), 422, "entries[0].amount"),
        (entries(("fund", 1.5), ("spent", "1")), 422, "amount"),
        (entries(("fund", "1")), 422, "entries"),
        ({**entries(("fund", "1"), ("spent", "-1")), "metadata": {"x": "y" * 20_000}}, 422, "metadata"),
        ({"entries": [{"account": "fund", "amount": "-1", "unit": "EUR"}, {"account": "spent", "amount": "1"}]}, 422,
         "entries[0].unit"),
        ({**entries(("fund", "-1"), ("spent", "1")), "sums": 1}, 422, "sums"),
    ],
)  # fmt: skip
async def test_a_bad_request_names_the_field_and_the_remedy(
    door: Door, body: dict[str, object], status: int, named: str
) -> None:
    await opened(door)
    before = done(await door.client.get(f"{LEDGER}/head"))
    answer = await door.client.post(f"{LEDGER}/transactions", json=body)
    assert answer.status_code == status, answer.text
    assert named in answer.text
    assert answer.json()["hint"] or answer.json()["errors"]
    assert done(await door.client.get(f"{LEDGER}/head")) == before


async def test_the_header_idempotency_key_counts_as_that_of_the_body(door: Door) -> None:
    client = door.client
    await opened(door)
    path, body = f"{LEDGER}/transactions", entries(("grant", "-100"), ("fund", "100"))
    header = {"Idempotency-Key": "first"}
    made = done(await client.post(path, json=body, headers=header), 201)
    assert made["idempotency_key"] == "first"
    again = done(await client.post(path, json=body, headers=header), 200)
    same = done(await client.post(path, json={**body, "idempotency_key": "first"}, headers=header), 200)
    quoted = done(await client.post(path, json=body, headers={"Idempotency-Key": '"first"'}), 200)
    assert again["id"] == same["id"] == quoted["id"] == made["id"]
    refused(await client.post(path, json=entries(("grant", "-1"), ("fund", "1")), headers=header), 409, "idempotency")
    both = refused(await client.post(path, json={**body, "idempotency_key": "other"}, headers=header), 422, "differ")
    assert both["facts"]["field"] == "idempotency_key"
    empty = refused(await client.post(path, json=body, headers={"Idempotency-Key": '""'}), 422, "Idempotency-Key")
    assert empty["facts"]["field"] == "Idempotency-Key"
    wanted = {"from": "fund", "to": "spent", "amount": "8"}
    holds = [await client.post(f"{LEDGER}/holds", json=wanted, headers={"Idempotency-Key": "hold"}) for _ in range(2)]
    assert [each.status_code for each in holds] == [201, 200]
    id_ = holds[0].json()["id"]
    settle = f"{LEDGER}/holds/{id_}/settle"
    settled = [await client.post(settle, headers={"Idempotency-Key": "settle"}) for _ in range(2)]
    assert [each.status_code for each in settled] == [201, 200]
    reverse = f"{LEDGER}/transactions/{made['id']}/reverse"
    body = {"idempotency_key": "back"}
    refused(await client.post(reverse, json=body, headers={"Idempotency-Key": "x"}), 422, "differ")
    assert done(await client.get(f"{LEDGER}/accounts/fund"))["balance"]["posted"] == "92"


async def test_what_is_wrong_with_a_value_is_told_with_what_to_send(door: Door) -> None:
    await opened(door)
    float_amount = await door.client.post(f"{LEDGER}/transactions", json=entries(("grant", -1.5), ("fund", 1.5)))
    problem = refused(float_amount, 422, "float")
    assert problem["hint"] == 'Send it as text, such as "12.50": floats are not exact.'
    hold = {"source": "grant", "destination": "fund", "amount": "1", "seconds": -1}
    assert refused(await door.client.post(f"{LEDGER}/holds", json=hold), 422)["hint"] == "Send 1 or more."
    page = refused(await door.client.get(f"{LEDGER}/accounts", params={"limit": 0}), 422)
    assert (page["facts"]["field"], page["hint"]) == ("limit", "Send 1 or more.")
    page = refused(await door.client.get(f"{LEDGER}/accounts", params={"limit": "many"}), 422)
    assert (page["facts"]["field"], page["hint"]) == ("limit", "Send a whole number.")
    assert done(await door.client.get(f"{LEDGER}/accounts/fund"))["balance"]["posted"] == "0"
    done(await door.client.put(f"{LEDGER}/accounts/spent", json={"kind": "expense", "unit": "USD", "description": "x"}))
    assert done(await door.client.get(f"{LEDGER}/accounts/spent"))["scale"] == 2
