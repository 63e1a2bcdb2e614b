"""What the tests of the REST door share."""

from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI

from kgmem.domain.access import Role
from kgmem.memory import Memory

GRAPH = "/v1/graphs/main"


@dataclass(frozen=True)
class Door:
    """A client with an admin's key, the memory behind the door, and the app."""

    client: httpx.AsyncClient
    memory: Memory
    app: FastAPI

    async def key(self, role: Role, *, graph: str | None = None, scope: str = "") -> dict[str, str]:
        """Return the headers of a new key."""
        _, secret = await self.memory.keys.create("another", role, graph=graph, scope=scope)
        return {"Authorization": f"Bearer {secret}"}

    async def people(self, *names: str, scope: str = "") -> None:
        """Write some people into `main`."""
        entities = [{"key": name.lower(), "label": "Person", "name": name, "scope": scope} for name in names]
        done(await self.client.put(f"{GRAPH}/entities", json={"entities": entities}))


def done(response: httpx.Response, status: int = 200) -> Any:
    """Return the JSON of an answer that has the status."""
    assert response.status_code == status, response.text
    return response.json() if response.content else None


def refused(response: httpx.Response, status: int, *words: str) -> Any:
    """Return the problem of an answer that has the status and says all the words."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["title"]
    assert problem["detail"]
    assert problem["type"].startswith("urn:kgmem:error:")
    for word in words:
        assert word in response.text
    return problem
