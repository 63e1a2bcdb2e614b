"""Who may do what: every route is walked with keys that do not reach it. A route without a sample here fails."""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from kgmem.domain.time.interval import SECOND, iso, now
from kgmem_api.access import Demand, query_names
from kgmem_api.app import dependencies
from tests.rest import Door, done, refused
from tests.rest_app import bare_app

HIDDEN = "vault"  # A graph of somebody else's, and the word that nobody else may read.
OPEN = {"/", "/health/live", "/health/ready", "/openapi.json", "/docs", "/docs/{file}"}


def _scoped(scope: str | None) -> dict[str, str]:
    return {} if scope is None else {"scope": scope}


# What the routes that take a body are sent; the argument is the scope that is asked for.
BODIES: dict[tuple[str, str], Callable[[str | None], Any]] = {
    ("PUT", "/v1/graphs/{graph}"): lambda _: {},
    ("PATCH", "/v1/graphs/{graph}"): lambda _: {"strict": False},
    ("PATCH", "/v1/graphs/{graph}/schema"): lambda _: {"schema": {}},
    ("PUT", "/v1/graphs/{graph}/schema"): lambda _: {"schema": {}},
    ("PUT", "/v1/graphs/{graph}/entities"): lambda scope: {"entities": [{"key": "new", **_scoped(scope)}]},
    ("PUT", "/v1/graphs/{graph}/entities/{key}"): lambda scope: {"label": "Person", **_scoped(scope)},
    ("PUT", "/v1/graphs/{graph}/relationships"): lambda scope: {
        "relationships": [{"kind": "KNOWS", "from": "ann", "to": "bob", **_scoped(scope)}]
    },
    ("POST", "/v1/graphs/{graph}/episodes"): lambda scope: {"episodes": [{"text": "Hello.", **_scoped(scope)}]},
    ("POST", "/v1/graphs/{graph}/extraction/preview"): lambda scope: {
        "episodes": [{"text": "Hello.", **_scoped(scope)}]
    },
    ("POST", "/v1/graphs/{graph}/extraction"): lambda scope: {"keys": ["secret"], **_scoped(scope)},
    ("POST", "/v1/graphs/{graph}/forget"): lambda scope: {"keys": ["secret"], **_scoped(scope)},
    ("PUT", "/v1/graphs/{graph}/sources"): lambda _: {"sources": [{"key": "nasa"}]},
    ("POST", "/v1/graphs/{graph}/recall"): lambda scope: {"what": {"text": "vault"}, **_scoped(scope)},
    ("POST", "/v1/graphs/{graph}/causality/separation"): lambda scope: {
        "one": "ann",
        "other": ["bob"],
        **_scoped(scope),
    },
    ("POST", "/v1/graphs/{graph}/causality/ancestry"): lambda scope: {"of": "ann", **_scoped(scope)},
    ("POST", "/v1/graphs/{graph}/claims"): lambda scope: {
        "claims": [{"source": "nasa", "subject": "ann", "predicate": "height", "value": 1.8, **_scoped(scope)}]
    },
    ("POST", "/v1/graphs/{graph}/claims/verify"): lambda scope: {"text": "vault", **_scoped(scope)},
    ("POST", "/v1/graphs/{graph}/adjudications"): lambda scope: {
        "action": "accept",
        "facts": [1],
        "reason": "vault",
        **_scoped(scope),
    },
    ("POST", "/v1/graphs/{graph}/corrections"): lambda scope: {
        "action": "retract",
        "fact": 1,
        "reason": "vault",
        **_scoped(scope),
    },
    ("POST", "/v1/graphs/{graph}/adjudications/{id}/undo"): lambda scope: {"reason": "vault", **_scoped(scope)},
    ("POST", "/v1/graphs/{graph}/correlations"): lambda scope: {
        "kind": "exclusion",
        "facts": [1, 2],
        "reason": "vault",
        **_scoped(scope),
    },
    ("POST", "/v1/graphs/{graph}/summaries"): lambda scope: {"key": "secret", **_scoped(scope)},
    ("POST", "/v1/graphs/{graph}/communities"): _scoped,
    ("PUT", "/v1/graphs/{graph}/agents/{agent}/state/{name}"): lambda _: {"vault": 1},
    ("POST", "/v1/graphs/{graph}/agents/{agent}/state/{name}/restore"): lambda _: {"version": 1},
    ("POST", "/v1/graphs/{graph}/agents/{agent}/state/{name}/branch"): lambda _: {"name": "vault"},
    ("PUT", "/v1/graphs/{graph}/agents/{agent}/state/{name}/checkpoints/{checkpoint}"): lambda _: {},
    ("PUT", "/v1/graphs/{graph}/agents/{agent}/retention"): lambda _: {"rules": [{"within_seconds": 60}]},
    ("POST", "/v1/graphs/{graph}/agents/{agent}/prune"): lambda _: {},
    ("POST", "/v1/graphs/{graph}/decisions"): lambda _: {"decision": "vault", "agent": "vault", "key": "vault"},
    ("PUT", "/v1/graphs/{graph}/decisions/{decision}/outcome"): lambda _: {"outcome": "yes"},
    ("POST", "/v1/graphs/{graph}/decisions/{decision}/review"): lambda _: {"reason": "vault"},
    ("POST", "/v1/graphs/{graph}/subscriptions"): lambda _: {"name": "vault"},
    ("POST", "/v1/graphs/{graph}/subscriptions/{subscription}/ack"): lambda _: {
        "group": "vault",
        "cursor": "0",
        "lease": "vault",
    },
    ("POST", "/v1/graphs/{graph}/subscriptions/{subscription}/seek"): lambda _: {"group": "vault"},
    ("POST", "/v1/graphs/{graph}/traces"): lambda _: {"texts": ["vault"]},
    ("PUT", "/v1/graphs/{graph}/blocks/{name}"): lambda _: {"text": "vault"},
    ("PATCH", "/v1/graphs/{graph}/blocks/{name}"): lambda _: {"edits": [{"old": "vault", "new": "vault"}]},
    ("POST", "/v1/graphs/{graph}/blocks/{name}/append"): lambda _: {"text": "vault"},
    ("POST", "/v1/graphs/{graph}/publications"): lambda scope: {
        "to": "vault",
        "item": 1,
        "reason": "vault",
        **_scoped(scope),
    },
    ("POST", "/v1/graphs/{graph}/distillation"): lambda scope: {"dry_run": True, **_scoped(scope)},
    ("POST", "/v1/graphs/{graph}/distillation/{id}/approve"): lambda _: {"by": "vault"},
    ("POST", "/v1/graphs/{graph}/distillation/{id}/reject"): lambda _: {"by": "vault"},
    ("POST", "/v1/graphs/{graph}/distillation/{id}/undo"): lambda _: {"by": "vault"},
    ("PUT", "/v1/graphs/{graph}/allowance"): lambda _: {"items": 1},
    ("PUT", "/v1/graphs/{graph}/retention/rules/{rule}"): lambda _: {"keep": "1d"},
    ("POST", "/v1/graphs/{graph}/retention/runs"): lambda _: {"dry_run": True},
    ("POST", "/v1/graphs/{graph}/feedback"): lambda _: {"item": 1, "verdict": "wrong"},
    ("PATCH", "/v1/graphs/{graph}/tiers/settings"): lambda _: {"hot_for": 60},
    ("POST", "/v1/graphs/{graph}/tiers/move"): lambda _: {"tier": "cold", "ids": [1]},
    ("POST", "/v1/graphs/{graph}/tiers/pins"): lambda _: {"ids": [1]},
    ("POST", "/v1/graphs/{graph}/tiers/sweep"): lambda _: None,
    ("POST", "/v1/graphs/{graph}/erasures"): lambda scope: {
        "texts": ["vault"],
        "reason": "vault",
        "dry_run": True,
        **_scoped(scope),
    },
    ("POST", "/v1/graphs/{graph}/holds"): lambda _: {
        "kind": "scope",
        "name": "vault",
        "reason": "vault",
    },
    ("POST", "/v1/graphs/{graph}/holds/{id}/release"): lambda _: {"reason": "vault"},
    ("POST", "/v1/graphs/{graph}/erasure-verifications"): lambda _: {"texts": ["vault"]},
    ("POST", "/v1/streams/{stream}"): lambda _: {"messages": [{"body": "mine"}]},
    ("POST", "/v1/streams/{stream}/trim"): lambda _: {"max_length": 1000},
    ("POST", "/v1/streams/{stream}/groups/{group}/read"): lambda _: {"consumer": "ann"},
    ("POST", "/v1/streams/{stream}/groups/{group}/ack"): lambda _: {"receipts": ["1.1"]},
    ("POST", "/v1/streams/{stream}/groups/{group}/claim"): lambda _: {"consumer": "a", "of": "b"},
    ("PUT", "/v1/graphs/{graph}/streams/{stream}"): lambda _: {"max_deliveries": 5},
    ("POST", "/v1/graphs/{graph}/streams/{stream}/messages"): lambda _: {"messages": [{"body": "vault"}]},
    ("POST", "/v1/graphs/{graph}/streams/{stream}/trim"): lambda _: {"max_length": 1000},
    ("POST", "/v1/graphs/{graph}/streams/{stream}/groups/{group}/read"): lambda _: {"consumer": "vault"},
    ("POST", "/v1/graphs/{graph}/streams/{stream}/groups/{group}/ack"): lambda _: {"receipts": ["1.1"]},
    ("POST", "/v1/graphs/{graph}/streams/{stream}/groups/{group}/extend"): lambda _: {"receipts": ["1.1"]},
    ("POST", "/v1/graphs/{graph}/streams/{stream}/groups/{group}/release"): lambda _: {"receipts": ["1.1"]},
    ("POST", "/v1/graphs/{graph}/streams/{stream}/groups/{group}/claim"): lambda _: {"consumer": "a", "of": "b"},
    ("POST", "/v1/graphs/{graph}/streams/{stream}/groups/{group}/dead-letters/replay"): lambda _: {},
    ("PUT", "/v1/graphs/{graph}/presence/{agent}"): lambda _: {"session": "vault"},
    ("POST", "/v1/graphs/{graph}/webhooks"): lambda _: {"name": "vault", "url": "https://example.com/"},
    ("PATCH", "/v1/graphs/{graph}/webhooks/{webhook}"): lambda _: {"active": False},
    ("POST", "/v1/graphs/{graph}/webhooks/{webhook}/test"): lambda _: None,
    ("POST", "/v1/graphs/{graph}/webhooks/{webhook}/rotate-secret"): lambda _: {},
    ("POST", "/v1/graphs/{graph}/webhooks/{webhook}/dead-letters/replay"): lambda _: {},
    ("PUT", "/v1/graphs/{graph}/sessions/{session}"): lambda _: {"metadata": {"vault": 1}},
    ("POST", "/v1/graphs/{graph}/sessions/{session}/close"): lambda _: {},
    ("POST", "/v1/graphs/{graph}/sessions/{session}/reopen"): lambda _: {},
    ("POST", "/v1/graphs/{graph}/sessions/{session}/messages"): lambda _: {
        "messages": [{"role": "user", "content": "vault"}]
    },
    ("PUT", "/v1/graphs/{graph}/ledger/accounts/{account}"): lambda _: {"kind": "budget", "unit": "vault"},
    ("POST", "/v1/graphs/{graph}/ledger/transactions"): lambda _: {
        "entries": [{"account": "secret", "amount": "1"}, {"account": "vault", "amount": "-1"}]
    },
    ("POST", "/v1/graphs/{graph}/ledger/transactions/{id}/reverse"): lambda _: {"description": "vault"},
    ("POST", "/v1/graphs/{graph}/ledger/holds"): lambda _: {"from": "secret", "to": "vault", "amount": "1"},
    ("POST", "/v1/graphs/{graph}/ledger/holds/{id}/settle"): lambda _: {"amount": "1"},
    ("POST", "/v1/graphs/{graph}/ledger/holds/{id}/release"): lambda _: {},
    ("POST", "/v1/graphs/{graph}/ledger/verify"): lambda _: {},
    ("POST", "/v1/graphs/{graph}/resolve"): lambda scope: {"described": [{"names": ["vault"]}], **_scoped(scope)},
    ("POST", "/v1/graphs/{graph}/merges"): lambda scope: {
        "keep": "ann",
        "merge": "secret",
        "reason": "vault",
        **_scoped(scope),
    },
    ("POST", "/v1/graphs/{graph}/merges/{id}/undo"): lambda scope: {"reason": "vault", **_scoped(scope)},
    ("POST", "/v1/graphs/{graph}/merge-candidates/{id}/reject"): lambda scope: {
        "reason": "vault",
        **_scoped(scope),
    },
    ("POST", "/v1/graphs/{graph}/view"): lambda scope: {"keys": ["ann"], **_scoped(scope)},
    ("POST", "/v1/graphs/{graph}/cypher"): lambda scope: {"query": "MATCH (n) RETURN n", **_scoped(scope)},
    ("POST", "/db/{graph}/query/v2"): lambda _: {"statement": "MATCH (n) RETURN n"},
    ("POST", "/db/{graph}/query/v2/tx"): lambda _: {},
    ("POST", "/db/{graph}/query/v2/tx/{id}"): lambda _: {"statement": "RETURN 1"},
    ("POST", "/db/{graph}/query/v2/tx/{id}/commit"): lambda _: {"statement": "RETURN 1"},
    ("POST", "/v1/graphs/{graph}/jobs"): lambda _: {"task": "embed"},
    ("POST", "/v1/graphs/{graph}/integrity-checks"): lambda _: {"repair": True},
    ("POST", "/v1/graphs/{graph}/imports"): lambda scope: {"type": "entity", "key": "new", **_scoped(scope)},
    ("POST", "/v1/graphs/{graph}/imports/{id}/undo"): lambda _: None,
    ("POST", "/v1/graphs/{graph}/imports/{id}/resume"): lambda _: None,
    ("POST", "/v1/backups"): lambda _: {},
    ("POST", "/v1/backups/{id}/verifications"): lambda _: None,
    ("POST", "/v1/keys"): lambda _: {"name": "new", "role": "reader"},
    ("PUT", "/v1/graphs/{graph}/audit"): lambda _: {"level": "all"},
    ("PATCH", "/v1/keys/{id}"): lambda _: {"name": "vault"},
    ("POST", "/v1/keys/{id}/rotate"): lambda _: {"overlap_seconds": 60},
    ("POST", "/v1/keys/{id}/grants"): lambda _: {"scope": "vault", "access": "read", "reason": "vault"},
}
NEEDED = {
    ("DELETE", "/v1/graphs/{graph}/entities"): "key",
    ("DELETE", "/v1/graphs/{graph}/episodes"): "key",
    ("GET", "/v1/graphs/{graph}/neighbourhood"): "key",
    ("GET", "/v1/graphs/{graph}/provenance"): "key",
    ("GET", "/v1/graphs/{graph}/summaries"): "key",
}
# Reads that need a body, and what a reader says of its own reads; of queries it is looked at what they do.
ASKING = (
    "/recall",
    "/causality/separation",
    "/causality/ancestry",
    "/claims/verify",
    "/ledger/verify",
    "/view",
    "/resolve",
    "/cypher",
    "/preview",
    "/subscriptions/{subscription}/ack",
)
# Reads that are for admins: of keys, and of damages, which are told by the names of tables.
FOR_ADMINS = {
    "/v1/backups",
    "/v1/backups/{id}",
    "/v1/cache",
    "/v1/audit",
    "/v1/audit/export",
    "/v1/audit/head",
    "/v1/audit/verification",
    "/v1/graphs/{graph}/audit",
    "/v1/keys",
    "/v1/keys/{id}/grants",
    "/v1/keys/{id}/rotate",
    "/v1/graphs/{graph}/integrity-checks",
    "/v1/integrity-checks",
    "/v1/graphs/{graph}/erasures",
    "/v1/graphs/{graph}/erasures/{report}",
    "/v1/graphs/{graph}/erasure-verifications",
    "/v1/graphs/{graph}/holds",
    "/v1/graphs/{graph}/holds/{id}",
    "/v1/graphs/{graph}/retention/rules",
    "/v1/graphs/{graph}/retention/rules/{rule}",
    "/v1/graphs/{graph}/retention/runs",
    "/v1/graphs/{graph}/retention/runs/{id}",
    "/v1/graphs/{graph}/retention/items",
}
# Addresses of receivers may name secrets, so that only who may write reads them.
FOR_WRITERS = "/v1/graphs/{graph}/webhooks"
QUERY_API = "/db/{graph}/query/v2"
# What tells nothing of any scope, so that a key of a scope may ask it.
WITHOUT_SCOPE = {
    ("GET", "/v1/graphs"),
    ("GET", "/v1/graphs/{graph}"),
    ("GET", "/v1/graphs/{graph}/schema"),
    ("GET", "/v1/queries"),
}


@dataclass(frozen=True)
class Route:
    """One address of the app, with what it demands."""

    method: str
    template: str
    demand: Demand | None
    takes_scope: bool

    def __str__(self) -> str:
        return f"{self.method} {self.template}"

    async def ask(
        self, client: httpx.AsyncClient, graph: str, headers: dict[str, str], scope: str | None = None
    ) -> Any:
        """Ask it for something in a graph, in a scope, or naming none."""
        address = (
            self.template.replace("{graph}", graph)
            .replace("{key}", "secret")
            .replace("{key:key}", "secret")
            .replace("{id}", "1")
            .replace("{agent}", "secret")
            .replace("{name}", "secret")
            .replace("{checkpoint}", "secret")
            .replace("{session}", "secret")
            .replace("{decision}", "secret")
            .replace("{message}", "secret")
            .replace("{account}", "secret")
            .replace("{subscription}", "secret")
            .replace("{group}", "secret")
            .replace("{stream}", "secret")
            .replace("{webhook}", "secret")
            .replace("{report}", "secret")
            .replace("{file}", "secret")
            .replace("{grant}", "1")
            .replace("{rule}", "secret")
        )
        assert "{" not in address, f"no sample for {self}"
        parameters: dict[str, Any] = _scoped(scope) if self.takes_scope else {}
        if needed := NEEDED.get((self.method, self.template)):
            parameters[needed] = "secret"
        if self.template.endswith("/diff"):
            parameters |= {"before": 1, "after": 1}
        if self.method == "DELETE" and self.template.endswith(("/relationships", "/claims")):
            parameters["id"] = 1
        if self.method == "DELETE" and self.template.endswith("/feedback"):
            parameters["item"] = 1
        if self.method == "DELETE" and self.template.endswith("/correlations/{id}"):
            parameters["reason"] = "vault"
        if self.method == "POST" and self.template.endswith("/imports"):
            parameters["format"] = "jsonl"
        body = BODIES[self.method, self.template](scope) if self.method in {"PUT", "POST", "PATCH"} else None
        return await client.request(self.method, address, headers=headers, params=parameters, json=body)


def routes() -> Iterator[Route]:
    """Return all routes of the app, so that a new one cannot be forgotten."""
    for route in bare_app().routes:
        if getattr(route, "path", "") == "/mcp":
            continue  # No route of FastAPI's: tests/acceptance/mcp/test_http.py looks at its keys.
        assert isinstance(route, APIRoute), f"{route} is not walked by this test"
        demands = [needed for needed in dependencies(route.dependant) if isinstance(needed, Demand)]
        takes_scope = "scope" in query_names(route)
        for method in route.methods or ():
            yield Route(method, route.path_format, demands[0] if demands else None, takes_scope)


ROUTES = list(routes())
GUARDED = [route for route in ROUTES if route.template not in OPEN]


@contextmanager
def naming(route: Route) -> Iterator[None]:
    """Say at which route an assertion failed. One test walks all routes, since a database each would take minutes."""
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{route}: {error}") from error


@pytest.fixture
async def house(door: Door) -> Door:
    """A door behind which somebody keeps a secret in a graph and in a scope, and where nobody is let in by habit."""
    await door.memory.graphs.create(HIDDEN)
    secret = {"entities": [{"key": "secret", "name": "The vault's secret"}]}
    done(await door.client.put(f"/v1/graphs/{HIDDEN}/entities", json=secret))
    hidden = {"entities": [{"key": "secret", "name": "The vault's secret", "scope": "user/2"}]}
    done(await door.client.put("/v1/graphs/main/entities", json=hidden))
    await door.people("Ann", "Bob")
    await door.memory.jobs.enqueue("embed", graph=HIDDEN)
    imports = door.memory.ports.imports
    assert await imports.begin("main", [{"name": "The vault's secret", "size": 1}], {"within": ""}, None) == 1
    await imports.finish(1, "done")
    del door.client.headers["Authorization"]
    return door


def test_all_but_the_open_routes_demand_a_right() -> None:
    assert {route.template for route in ROUTES if route.demand is None} == OPEN
    for route in GUARDED:
        for_admins = route.template in FOR_ADMINS
        free = route.method == "GET" and not for_admins and not route.template.startswith(FOR_WRITERS)
        assert route.demand is not None
        asks = route.template.endswith(ASKING) or route.template.startswith(QUERY_API)
        assert (route.demand.role == "reader") == (free or asks), route
        assert route.demand.role == "admin" or not for_admins, route


@pytest.mark.long
async def test_without_a_key_there_is_nothing(house: Door) -> None:
    for route in GUARDED:
        with naming(route):
            answer = await route.ask(house.client, "main", {})
            refused(answer, 401)
            assert answer.headers["www-authenticate"].startswith("Bearer")
            for value in ("Bearer nonsense", "Basic YTpi", "Bearer "):
                refused(await route.ask(house.client, "main", {"Authorization": value}), 401)


async def test_a_key_of_another_graph_learns_nothing(house: Door) -> None:
    key = await house.key("admin", graph="main")
    for route in GUARDED:
        with naming(route):
            answer = await route.ask(house.client, HIDDEN, key)
            assert "vault's secret" not in answer.text
            if "{graph}" in route.template:
                refused(answer, 404)
                absent = await route.ask(house.client, "absent", key)
                assert _told(answer, HIDDEN) == _told(absent, "absent")
            elif route.template in {"/v1/graphs", "/v1/jobs", "/v1/flows", "/v1/queries"}:
                done(answer)
                assert HIDDEN not in answer.text
            elif route.template == "/v1/flows/{id}":
                refused(answer, 404)
            elif route.template.startswith("/v1/streams/"):  # Of the graph of the key.
                assert answer.status_code in {200, 201, 404}
                assert HIDDEN not in answer.text
            elif route.template == "/v1/jobs/{id}":
                assert answer.status_code == 404 or answer.json()["graph"] == "main"
            else:
                refused(answer, 403)


@pytest.mark.long
async def test_a_key_that_may_read_changes_nothing(house: Door) -> None:
    for route in GUARDED:
        with naming(route):
            assert route.demand is not None
            answer = await route.ask(house.client, "main", await house.key("reader"))
            if route.demand.role == "reader":
                assert answer.status_code in {200, 202, 404}
            else:
                refused(answer, 403, route.demand.role)


@pytest.mark.long
async def test_a_key_of_a_scope_stays_in_it(house: Door) -> None:
    key = await house.key("writer", graph="main", scope="user/1")
    for route in GUARDED:
        for scope in ("user/2", "user", ""):
            with naming(route):
                answer = await route.ask(house.client, "main", key, scope=scope)
                if any(hidden in route.template for hidden in ("/imports/{id}", "/tx/{id}", "/flows/{id}")):
                    refused(answer, 404)  # It is there, and is not told.
                elif route.template.startswith(QUERY_API):
                    done(answer, 202)  # It takes no scope: it asks in the key's.
                    assert "vault's secret" not in answer.text
                elif (route.method, route.template) in WITHOUT_SCOPE:
                    done(answer)
                    assert "vault's secret" not in answer.text
                else:
                    refused(answer, 403)


async def test_an_admins_key_is_bound_to_no_scope(door: Door) -> None:
    body = {"name": "chief", "role": "admin", "scope": "user/1"}
    refused(await door.client.post("/v1/keys", json=body), 422, "cannot be restricted to a scope")
    assert done(await door.client.post("/v1/keys", json={**body, "scope": ""}), 201)["scope"] is None


async def test_keys_that_are_over_open_nothing(house: Door) -> None:
    revoked, secret = await house.memory.keys.create("revoked", "admin")
    await house.memory.keys.revoke(revoked.id)
    for route in GUARDED:
        with naming(route):
            refused(await route.ask(house.client, "main", {"Authorization": f"Bearer {secret}"}), 401)


@pytest.mark.long
async def test_a_key_that_expires_stops_opening(house: Door) -> None:
    _, secret = await house.memory.keys.create("short", "reader", expires_at=iso(now() + SECOND // 2))
    headers = {"Authorization": f"Bearer {secret}"}
    done(await house.client.get("/v1/graphs", headers=headers))
    async with asyncio.timeout(10):
        while (await house.client.get("/v1/graphs", headers=headers)).status_code == 200:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    for route in GUARDED:
        with naming(route):
            refused(await route.ask(house.client, "main", headers), 401)


async def test_what_is_written_without_a_scope_gets_the_keys(house: Door) -> None:
    key = await house.key("writer", scope="user/7")
    address = "/v1/graphs/main/entities"
    done(await house.client.put(address, headers=key, json={"entities": [{"key": "mine"}]}))
    below = {"entities": [{"key": "deeper", "scope": "user/7/agent/1"}]}
    done(await house.client.put(address, headers=key, json=below))
    assert done(await house.client.get(f"{address}/mine", headers=key))["scope"] == "user/7"
    other = await house.key("reader", scope="user/8")
    refused(await house.client.get(f"{address}/mine", headers=other), 404)
    seen = done(await house.client.get(address, headers=other))["entities"]
    assert {entity["key"] for entity in seen} == {"ann", "bob"}


async def test_a_key_of_a_scope_exports_that_scope_and_no_sources(house: Door) -> None:
    await house.memory.sources.put("main", [])
    key = await house.key("writer", scope="user/7")
    body = {"entities": [{"key": "mine", "source": "diary"}]}
    done(await house.client.put("/v1/graphs/main/entities", headers=key, json=body))
    exported = await house.client.get("/v1/graphs/main/export", headers=key)
    assert '"key":"mine"' in exported.text
    assert len(exported.text.splitlines()) == 1


def _told(answer: httpx.Response, graph: str) -> str:
    """Return an answer's text without the name of the graph and the request's id."""
    return re.sub(r'"request_id":"\w+"', "", answer.text.replace(graph, "GRAPH"))
