"""Distillation over REST."""

import pytest

from kgmem.domain.graph.episode import Episode
from tests.rest import GRAPH, Door, done, refused

ALL = f"{GRAPH}/distillation"
SCOPE = {"scope": "user/1"}
CHAT = " We talked for hours about nothing in particular. The coffee was as good as ever, and nobody wanted to leave."


async def talked(door: Door, scope: str = "user/1", **properties: object) -> None:
    texts = ("Maria Chen works for Acme Corporation.", "The weather was lovely.", "It was nice to see you all again.")
    await door.memory.episodes.put(
        "main", [Episode(text + CHAT, f"t{n}", scope=scope, properties=properties) for n, text in enumerate(texts)]
    )


async def test_texts_are_planned_distilled_shown_and_undone(door: Door) -> None:
    await talked(door)
    plan = done(await door.client.post(ALL, json=SCOPE | {"dry_run": True, "older_than": "0.000001s"}))
    assert (plan["id"], plan["dry_run"], plan["episodes"]) == (0, True, 3)
    assert plan["groups"][0]["text"]

    run = done(await door.client.post(ALL, json=SCOPE), 202)
    await door.memory.tasks.distil("main")

    shown = done(await door.client.get(f"{ALL}/{run['id']}", params=SCOPE))
    assert (shown["state"], shown["score"]) == ("done", 1)
    assert shown["ratio"] > 1
    assert shown["groups"][0]["episodes"] == ["t0", "t1", "t2"]
    assert [each["id"] for each in done(await door.client.get(ALL, params=SCOPE))["runs"]] == [run["id"]]
    refused(await door.client.get(f"{ALL}/{run['id']}", params={"scope": "other"}), 404, str(run["id"]))
    undone = done(await door.client.post(f"{ALL}/{run['id']}/undo", params=SCOPE, json={"by": "ann"}))
    assert (undone["state"], undone["by"]) == ("undone", "ann")
    refused(await door.client.post(f"{ALL}/{run['id']}/undo", params=SCOPE, json={"by": "ann"}), 409, "undone")


async def test_what_is_critical_waits_in_a_queue(door: Door) -> None:
    await talked(door, critical=True)
    run = await door.memory.distillation.run("main", scope="user/1")
    waiting = done(await door.client.get(ALL, params=SCOPE | {"state": "waiting"}))["runs"]
    assert [each["id"] for each in waiting] == [run.id]
    kept = done(await door.client.post(f"{ALL}/{run.id}/reject", params=SCOPE, json={"by": "bo"}))
    assert [each["state"] for each in kept["groups"]] == ["kept"]
    refused(await door.client.post(f"{ALL}/{run.id}/approve", params=SCOPE, json={"by": "bo"}), 409, "done")


async def test_allowances_are_set_listed_and_deleted(door: Door) -> None:
    await talked(door)
    one = f"{GRAPH}/allowance"
    refused(await door.client.get(one, params=SCOPE), 404, "allowance")
    stored = done(await door.client.put(one, params=SCOPE, json={"items": 10, "older_than": "30d"}))
    assert (stored["items"], stored["used_items"], stored["older_than"]) == (10, 3, 30 * 86_400)
    assert done(await door.client.get(one, params=SCOPE)) == stored
    assert done(await door.client.get(f"{GRAPH}/allowances"))["allowances"] == [stored]
    assert done(await door.client.delete(one, params=SCOPE)) == {"deleted": 1}
    refused(await door.client.delete(one, params=SCOPE), 404, "allowance")
    assert {"disk", "memory"} >= {each["kind"] for each in done(await door.client.get("/v1/pressures"))["pressures"]}


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [({"share": 0.9}, 422, "share"), ({"older_than": "soon"}, 422, "ttl"), ({"episodes": []}, 422, "episodes")],
)
async def test_what_is_no_request_is_refused(door: Door, body: dict[str, object], status: int, named: str) -> None:
    refused(await door.client.post(ALL, json=body), status, named)


async def test_metrics_show_how_full_disk_and_memory_are(door: Door) -> None:
    figures = (await door.client.get("/metrics")).text
    for each in done(await door.client.get("/v1/pressures"))["pressures"]:
        assert f'kgmem_pressure_used{{of="{each["kind"]}"}}' in figures
        assert f'kgmem_pressure_high{{of="{each["kind"]}"}} {float(each["high"])}' in figures
