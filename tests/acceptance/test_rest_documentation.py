"""The examples of docs/rest.md, sent in their order to a fresh server."""

import os
import re
import secrets
import shlex
import tempfile
from pathlib import Path
from typing import Any

import httpx

from kgmem.domain.backups.backup import BackupPlan
from kgmem.domain.erasure.erasure import ErasureRequest
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.retention.hold import HoldRequest
from kgmem.domain.text.resolution import Candidate
from kgmem.store.backup.repository import Repository
from kgmem_api.wire.recall import RecallResult
from tests.backups import backup_of_hours_ago
from tests.rest import Door
from tests.sizes import size, sized

REST = (Path(__file__).parents[2] / "docs" / "rest.md").read_text()

# What the files of the examples hold.
FILES = {
    "crew.jsonl": b'{"type": "entity", "key": "person/collins", "label": "Person", "name": "Michael Collins"}\n',
    "sites.csv": b"id,title,lat,lon\ntranquility,Sea of Tranquility,0.67,23.47\n",
    "sites.toml": b'[[table]]\nfiles = "*.csv"\nentity = {key = "site/{id}", label = "Place", name = "{title}"}\n',
}


def commands() -> list[list[str]]:
    """Return the curl commands of the page, as a shell would split them."""
    blocks = re.findall(r"^```sh\n(.*?)^```", REST, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in re.split(r"\n(?=curl )", block.replace("\\\n", " ").strip())]
    return [shlex.split(line)[1:] for line in lines]


async def send(door: Door, words: list[str], variables: dict[str, str]) -> httpx.Response:
    """Do what curl would, with the fixture's key."""
    method, address, headers = "GET", "", {}
    body: str | bytes | None = None
    files: list[tuple[str, Any]] = []
    rest = iter(words)
    for word in rest:
        if word == "-X":
            method = next(rest)
        elif word == "-d":
            body = next(rest)
        elif word == "--data-binary":
            body = FILES[next(rest).removeprefix("@")]
        elif word == "-F":
            field, _, value = next(rest).partition("=")
            name = value.removeprefix("@")
            files.append((field, (name, FILES[name]) if name != value else (None, value)))
        elif word == "-o":
            next(rest)
        elif word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value
        else:
            address = word
    headers.pop("Authorization", None)
    if isinstance(body, str):
        body = re.sub(r"\$(\w+)", lambda name: variables.get(name[1], name[0]), body)
    for name, value in sorted(variables.items(), key=lambda pair: -len(pair[0])):
        address = address.replace(f"${name}", value)
    assert "$" not in address, address
    return await door.client.request(method, address, headers=headers, content=body, files=files or None)


async def imported(door: Door, id_: int) -> int:
    """Do what a worker would do of an import that was accepted."""
    await door.memory.tasks.run_upload("space", id_)
    held = await door.memory.imports.get("space", id_)
    assert (held.state, held.rejected) == ("done", 0), held
    return id_


async def failed_import(door: Door) -> str:
    """Return an import that failed and whose files are kept."""
    answer = await door.client.post("/v1/graphs/space/imports?name=crew.jsonl", content=FILES["crew.jsonl"])
    id_: int = answer.json()["id"]
    await door.memory.ports.imports.finish(id_, "failed", "A bug.", keeping=True)
    return str(id_)


async def proposed_pair(door: Door) -> str:
    """Return a pair on the review list."""
    keys = [f"namesake/{secrets.token_hex(4)}" for _ in range(2)]  # A pair that was rejected does not come back.
    await door.memory.entities.put("space", [Entity(key) for key in keys])
    await door.memory.resolution.propose("space", [Candidate(keys[0], keys[1], 1.5, {"name": 2.0})])
    (pair,) = (await door.memory.resolution.candidates("space")).items
    return str(pair.id)


async def found_community(door: Door) -> str:
    """Return a community."""
    await door.memory.entities.put("space", [Entity("stage/1"), Entity("stage/2")])
    await door.memory.relationships.put("space", [Relationship("BEFORE", "stage/1", "stage/2")])
    await door.memory.communities.detect("space")
    return str((await door.memory.communities.list("space")).items[0].id)


async def found_item(door: Door) -> str:
    """Return an item that has no feedback yet, or the one that has."""
    result = await door.memory.entities.put("space", [Entity("ferry/1", name="Ferry to Turku")])
    return str(result.ids[0])


async def found_report(door: Door) -> str:
    """Return the id of a report."""
    signed = await door.memory.erasures.erase("space", ErasureRequest(texts=["Nobody Weber"]))
    return str(signed.report["id"])


async def distilled_run(door: Door, *, critical: bool = False) -> str:
    """Return a run of distillation that has ended, or waits for approval."""
    number = len((await door.memory.distillation.list("space", scope="user/42")).items)
    chat = "It was nice to see everybody here again. We talked for hours about nothing, and nobody wanted to leave. "
    marks = {"critical": True} if critical else {}
    texts = [
        Episode(chat + f"Bo has {n} cats.", f"chat/{number}/{n}", scope="user/42", properties=marks) for n in (4, 5)
    ]
    await door.memory.episodes.put("space", texts)
    keys = [each.key or "" for each in texts]
    return str((await door.memory.distillation.run("space", scope="user/42", episodes=keys)).id)


async def waiting_run(door: Door) -> str:
    """Return a run that waits for approval."""
    return await distilled_run(door, critical=True)


async def retention_run(door: Door) -> str:
    """Return the id of a run of retention."""
    return str((await door.memory.retention.run("space")).id)


async def put_hold(door: Door) -> str:
    """Return the id of a legal hold, the one of the example before where it is not released."""
    active = (await door.memory.holds.list("space", active=True)).items
    hold = active[0] if active else await door.memory.holds.put("space", HoldRequest("scope", "Case 8.", "ann", "law"))
    return str(hold.id)


async def described_backup(door: Door) -> str:
    """Return a backup in a folder that is set up; it has no files but its description."""
    folder = Path(tempfile.gettempdir()) / f"kgmem-backups-{os.getpid()}"
    repository = Repository(folder)
    repository.make("1", 16 * 1024 * 1024)
    shown = backup_of_hours_ago(1)
    if not repository.path_of(shown.id).exists():
        repository.finish(repository.stage(shown.id), shown)
    await door.memory.backups.set_plan(BackupPlan(folder=str(folder)))
    return shown.id


def leased(answer: httpx.Response) -> dict[str, str]:
    """Return what acknowledges the events of an answer, where it leases some."""
    if not answer.request.url.path.endswith("/events") or not answer.json()["lease"]:
        return {}
    return {"CURSOR": answer.json()["cursor"], "LEASE": answer.json()["lease"]}


# What an example needs that no other makes.
PREPARED = {
    "BACKUP": described_backup,
    "FAILED": failed_import,
    "PAIR": proposed_pair,
    "COMMUNITY": found_community,
    "ITEM": found_item,
    "REPORT": found_report,
    "LEGAL": put_hold,
    "RUN": distilled_run,
    "RETENTION": retention_run,
    "WAITING": waiting_run,
    "OTHER": waiting_run,
}


async def prepared(door: Door, words: list[str]) -> dict[str, str]:
    """Return the variables of an example that no other example sets."""
    return {
        name: await prepare(door) for name, prepare in PREPARED.items() if any(f"${name}" in word for word in words)
    }


@sized
async def test_the_examples_of_the_page_work_in_their_order_and_again(door: Door) -> None:
    variables = {"KGMEM": ""}
    for _ in range(size(1, 2)):
        await _play(door, variables)


async def _play(door: Door, variables: dict[str, str]) -> None:
    for words in commands():
        variables |= await prepared(door, words)
        answer = await send(door, words, variables)
        assert answer.status_code < 400, (words, answer.text)
        address = str(answer.request.url)
        variables |= leased(answer)
        variables["FLOW"] = answer.headers.get("X-Flow-ID", variables.get("FLOW", ""))
        if "-X" in words and address.endswith("/relationships"):
            variables["RELATIONSHIP"] = str(answer.json()["ids"][0])
        elif address.endswith("/jobs") and "-X" in words:
            if answer.status_code == 202:  # Else the same one waits already.
                variables["JOB"] = str(answer.json()["job"])
        elif address.endswith(("/keys", "/grants")) and "-X" in words:
            variables["KEY_ID" if address.endswith("/keys") else "GRANT"] = str(answer.json()["id"])
        elif "-X" in words and answer.request.url.path.endswith("/imports"):
            variables["IMPORT"] = str(await imported(door, answer.json()["id"]))
        elif address.endswith("/claims"):
            told = answer.json()
            variables |= {"CLAIM": str(told["ids"][0]), "FACT": str(told["facts"][0])}
            variables["OTHER_FACT"] = str(told["facts"][1])
        elif address.endswith("/adjudications"):
            variables["DECISION"] = str(answer.json()["facts"][0]["adjudication"])
        elif "-X" in words and address.endswith(("/correlations", "/merges", "/publications")):
            variables[address.rpartition("/")[2].removesuffix("s").upper()] = str(answer.json()["id"])
        elif address.endswith("/tx") and "-X" in words:
            variables["TX"] = answer.json()["transaction"]["id"]
        elif address.endswith("/recall"):
            assert RecallResult.model_validate(answer.json()).hits[0].key in {"log/1", "place/tranquility"}
    assert len(commands()) > 30
