"""Imports over REST: files sent in, done by a worker, looked at, and taken back out."""

import asyncio
import gzip
import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard
from pydantic import SecretStr

from kgmem.bootstrap import open_memory
from kgmem.domain.graph.entity import Entity
from kgmem.memory import Memory
from kgmem.settings import Settings
from tests.imports import contents, lines
from tests.memories import until
from tests.rest import GRAPH, Door, done, refused

IMPORTS = f"{GRAPH}/imports"
PEOPLE = lines(
    {"type": "entity", "key": "ann", "label": "Person", "name": "Ann"},
    {"type": "entity", "key": "bob", "label": "Person", "name": "Bob"},
    {"type": "relationship", "kind": "KNOWS", "from": "ann", "to": "bob"},
).read()
CSV = b"key,label,name\nann,Person,Ann\nbob,Person,Bob\n"


@pytest.fixture
async def memory(database_url: str, tmp_path: Path) -> AsyncIterator[Memory]:
    """A memory over a fresh database with a worker and a folder of its own."""
    settings = Settings(database_url=SecretStr(database_url), embedder="none", pool_size=4, home=tmp_path / "home")
    async with open_memory(settings, worker=True) as opened:
        yield opened


async def ended(door: Door, answer: httpx.Response, **headers: Any) -> Any:
    """Return an import that was accepted, once it has ended, and its files are removed."""
    accepted = done(answer, 202)
    assert answer.headers["location"] == accepted["links"]["self"]
    address, found = accepted["links"]["self"], accepted

    async def has_ended() -> bool:
        nonlocal found
        found = done(await door.client.get(address, headers=headers))
        return found["state"] not in {"waiting", "running"} and (found["resumable"] or not uploads(door))

    await until(has_ended)
    return found


def uploads(door: Door) -> list[Path]:
    """Return what lies in the folder of uploads."""
    folder: Path = door.memory.ports.uploads._folder  # type: ignore[attr-defined]
    return [path for path in folder.iterdir() if path.is_dir()]


def packed(**files: bytes) -> bytes:
    """Return a zip file."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("_", "."), data)
    return held.getvalue()


@pytest.mark.long
async def test_a_file_is_imported_in_the_background(door: Door) -> None:
    answer = await door.client.post(IMPORTS, params={"name": "people.jsonl", "source": "file"}, content=PEOPLE)
    accepted = done(answer, 202)
    assert (accepted["state"], accepted["source"], accepted["read"]) == ("waiting", "file", 0)
    assert accepted["files"] == [{"name": "people.jsonl", "size": len(PEOPLE)}]
    found = await ended(door, answer)
    assert (found["state"], found["read"], found["created"]) == ("done", 3, 3)
    assert found["kinds"] == {"entity": 2, "relationship": 1}
    assert (found["rejected"], found["linking"], found["error"], found["resumable"]) == (0, 0, None, False)
    job = done(await door.client.get(f"/v1/jobs/{accepted['job']}"))
    assert (job["task"], job["graph"], job["arguments"]) == ("import", "main", {"import_": found["id"]})
    again = await ended(door, await door.client.post(IMPORTS, params={"format": "jsonl"}, content=PEOPLE))
    assert (again["created"], again["unchanged"]) == (0, 3)
    listed = done(await door.client.get(IMPORTS, params={"limit": 1}))
    assert [each["id"] for each in listed["imports"]] == [again["id"]]
    rest = done(await door.client.get(IMPORTS, params={"limit": 1, "cursor": listed["cursor"]}))
    assert ([each["id"] for each in rest["imports"]], rest["cursor"]) == ([found["id"]], None)
    refused(await door.client.get(IMPORTS, params={"cursor": "x"}), 422, "not a cursor")


TOLD: list[tuple[dict[str, str], dict[str, str], bytes]] = [
    ({"format": "csv"}, {}, CSV),
    ({"name": "people.csv"}, {"Content-Type": "application/x-www-form-urlencoded"}, CSV),
    ({}, {"Content-Type": "text/csv; charset=utf-8"}, CSV),
    ({}, {"Content-Disposition": 'attachment; filename="people.csv"'}, CSV),
    ({"name": "people"}, {"Content-Type": "text/csv"}, CSV),
    ({"name": "people.csv"}, {"Content-Encoding": "gzip"}, gzip.compress(CSV)),
    ({"name": "people.csv"}, {"Content-Encoding": "zstd"}, zstandard.compress(CSV)),
    ({"name": "people.csv.gz"}, {}, gzip.compress(CSV)),
    ({}, {"Content-Type": "application/zip"}, packed(people_csv=CSV)),
]


@pytest.mark.long
async def test_name_type_and_packing_tell_what_a_body_is(door: Door) -> None:
    for parameters, headers, body in TOLD:
        found = await ended(door, await door.client.post(IMPORTS, params=parameters, headers=headers, content=body))
        assert (found["state"], found["created"] + found["unchanged"]) == ("done", 2), found


@pytest.mark.long
async def test_a_form_brings_several_files_and_tells_how_in_its_fields(door: Door) -> None:
    mapping = b'[[table]]\nfiles = "cities.csv"\nentity = {key = "city/{id}", label = "City", name = "{title}"}\n'
    files = [
        ("file", ("people.jsonl", PEOPLE, "application/octet-stream")),
        ("file", ("cities.csv", b"id,title\n1,Rome\n", "text/csv")),
        ("file", ("cities.csv", b"id,title\n2,Bern\n", "text/csv")),
        ("mapping", ("mapping.toml", mapping, "application/toml")),
    ]
    fields = {"source": "form", "on_error": "stop", "scope": "user/1"}
    found = await ended(door, await door.client.post(IMPORTS, files=files, data=fields))
    # A mapping tells only of tables, and a second file of the same name gets one of its own.
    assert found["state"] == "failed"
    assert "2-cities.csv" in found["error"] or "mapping" in found["error"]
    files[2] = ("file", ("more.csv", b"id,title\n2,Bern\n", "text/csv"))
    files[3] = ("mapping", ("mapping.toml", mapping.replace(b'"cities.csv"', b'["cities.csv", "more.csv"]'), ""))
    found = await ended(door, await door.client.post(IMPORTS, files=files, data=fields))
    assert (found["state"], found["read"], found["source"]) == ("done", 5, "form"), found
    rome = done(await door.client.get(f"{GRAPH}/entities/city/1", params={"scope": "user/1"}))
    assert (rome["name"], rome["source"], rome["scope"]) == ("Rome", "form", "user/1")


async def test_a_mapping_may_be_json_in_the_address(door: Door) -> None:
    mapping = {"table": [{"entity": {"key": "{id}", "label": "City"}}]}
    told = {"name": "x.csv", "mapping": json.dumps(mapping)}
    found = await ended(door, await door.client.post(IMPORTS, params=told, content=b"id\nrome\n"))
    assert (found["created"], found["options"]["mapping"]) == (1, mapping)


async def test_rejected_records_come_as_lines(door: Door) -> None:
    bad = lines({"key": "a"}, {"key": "b", "lable": "X"}, {"key": "c", "valid_from": "2001", "valid_to": "1999"})
    told = {"format": "jsonl", "kind": "entity"}
    found = await ended(door, await door.client.post(IMPORTS, params=told, content=bad.read()))
    assert (found["created"], found["rejected"]) == (1, 2)
    answer = await door.client.get(found["links"]["rejected"])
    assert answer.headers["content-type"] == "application/x-ndjson"
    first, second = map(json.loads, answer.text.splitlines())
    assert (first["line"], second["line"], first["file"]) == (2, 3, "upload")
    assert "Did you mean 'label'?" in first["reason"]
    stopped = await ended(
        door, await door.client.post(IMPORTS, params={**told, "on_error": "stop"}, content=bad.getvalue())
    )
    assert stopped["state"] == "failed"
    assert "line 2" in stopped["error"]
    assert str(tuple(uploads(door))) == "()"


async def test_a_dry_run_stores_nothing_and_tells_what_is_wrong(door: Door) -> None:
    bad = PEOPLE + b'{"type": "entity", "key": ""}\n{broken\n'
    told = {"format": "jsonl", "dry_run": "true"}
    found = await ended(door, await door.client.post(IMPORTS, params=told, content=bad))
    assert (found["state"], found["dry_run"]) == ("done", True)
    assert (found["read"], found["checked"], found["rejected"], found["created"], found["linking"]) == (5, 3, 2, 0, 0)
    assert found["kinds"] == {"entity": 2, "relationship": 1}
    assert len((await door.client.get(found["links"]["rejected"])).text.splitlines()) == 2
    assert done(await door.client.get(f"{GRAPH}/stats"))["entities"] == 0
    refused(await door.client.post(found["links"]["undo"]), 409, "dry run")


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_dry_run_tells_of_missing_ends_and_of_doubled_keys_as_the_import_does(
    door: Door, dry_run: bool
) -> None:
    bad = (
        b'{"type": "relationship", "kind": "KNOWS", "from": "ann", "to": "ghost"}\n'
        b'{"type": "entity", "key": "ann"}\n{"type": "entity", "key": "ann"}\n'
    )
    asked = {"format": "jsonl", "dry_run": str(dry_run).lower(), "name": "people.jsonl"}
    found = await ended(door, await door.client.post(IMPORTS, params=asked, content=bad))
    assert (found["read"], found["rejected"], found["linking"]) == (3, 1, 0)
    keys = [{"line": 3, "key": "ann", "first": 2}]
    assert found["duplicates"] == [{"file": "people.jsonl", "kind": "entity", "count": 1, "keys": keys}]
    (rejected,) = (await door.client.get(found["links"]["rejected"])).text.splitlines()
    assert "There is no entity 'ghost'" in rejected


@pytest.mark.long
async def test_what_an_import_did_is_listed_and_taken_back_out(door: Door) -> None:
    await door.memory.entities.put("main", [Entity("ann", "Person", "Anna")])
    before = await contents(door.memory, "main")
    found = await ended(door, await door.client.post(IMPORTS, params={"format": "jsonl"}, content=PEOPLE))
    page = done(await door.client.get(found["links"]["items"], params={"limit": 2}))
    rest = done(await door.client.get(found["links"]["items"], params={"limit": 2, "cursor": page["cursor"]}))
    told = {(item["operation"], item["kind"], item["key"]) for item in [*page["items"], *rest["items"]]}
    assert told == {("updated", "entity", "ann"), ("created", "entity", "bob"), ("created", "relationship", None)}
    assert rest["cursor"] is None
    would = done(await door.client.post(found["links"]["undo"], params={"dry_run": "true"}))
    assert (would["deleted"], would["restored"]) == ({"entity": 1, "relationship": 1}, 1)
    accepted = done(await door.client.post(found["links"]["undo"]), 202)
    assert accepted["job"] is not None

    async def is_undone() -> bool:
        return bool(done(await door.client.get(found["links"]["self"]))["state"] == "undone")

    await until(is_undone)
    assert await contents(door.memory, "main") == before
    assert done(await door.client.get(found["links"]["self"]))["undone"]["restored"] == 1
    assert done(await door.client.post(found["links"]["undo"]), 202)["job"] is None
    refused(await door.client.post(found["links"]["resume"]), 409, "did not fail")


@pytest.mark.long
async def test_an_import_notes_the_key_of_who_sent_it(door: Door) -> None:
    by = await door.key("writer")
    said = {"subject": "ann", "predicate": "height", "source": "ear"}
    file = (
        PEOPLE
        + lines(
            {"type": "relationship", "kind": "KNOWS", "from": "bob", "to": "ann", "source": "eye"},
            {"type": "episode", "text": "Ann knows Bob.", "source": "paper"},
            {"type": "claim", "value": 1.8, **said},
            {"type": "claim", "value": 1.7, **said, "source": "ruler", "known_from": "2001-01-01T00:00:00Z"},
        ).read()
    )
    found = await ended(door, await door.client.post(IMPORTS, params={"format": "jsonl"}, content=file, headers=by))
    assert (found["state"], found["rejected"]) == ("done", 0)
    assert "key" not in found["options"]
    for source in ("eye", "paper", "ear", "ruler"):
        told = done(await door.client.get(f"{GRAPH}/sources/{source}"))
        assert [key["name"] for key in told["keys"]] == ["another"]
    await ended(door, await door.client.post(IMPORTS, params={"format": "jsonl", "source": "own"}, content=PEOPLE))
    assert [key["name"] for key in done(await door.client.get(f"{GRAPH}/sources/own"))["keys"]] != ["another"]


async def test_a_key_of_a_scope_imports_into_it_and_sees_only_such_imports(door: Door) -> None:
    key = await door.key("writer", scope="user/7")
    whole = await ended(door, await door.client.post(IMPORTS, params={"format": "jsonl"}, content=PEOPLE))
    own = lines({"type": "entity", "key": "mine"}, {"type": "entity", "key": "other", "scope": "user/8"})
    answer = await door.client.post(IMPORTS, params={"format": "jsonl"}, content=own.read(), headers=key)
    found = await ended(door, answer, **key)
    assert (found["created"], found["rejected"]) == (1, 1)
    assert done(await door.client.get(f"{GRAPH}/entities/mine", headers=key))["scope"] == "user/7"
    listed = done(await door.client.get(IMPORTS, headers=key))["imports"]
    assert [each["id"] for each in listed] == [found["id"]]
    for name in ("self", "items", "rejected"):
        refused(await door.client.get(whole["links"][name], headers=key), 404)
    for name in ("undo", "resume"):
        refused(await door.client.post(whole["links"][name], headers=key), 404)
    refused(await door.client.post(whole["links"]["undo"], params={"dry_run": "true"}, headers=key), 404)
    refused(await door.client.post(IMPORTS, params={"format": "jsonl", "scope": "user/8"}, headers=key), 403)
    form: dict[str, Any] = {"files": {"file": ("a.jsonl", PEOPLE)}, "data": {"scope": "user/8"}}
    refused(await door.client.post(IMPORTS, headers=key, **form), 403)
    assert uploads(door) == []
    below = done(await door.client.get(IMPORTS, params={"scope": "user"}))["imports"]
    assert [each["id"] for each in below] == [found["id"]]


async def test_an_import_that_failed_by_kgmems_fault_goes_on_when_it_is_asked_to(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    imports: Any = door.memory.ports.imports
    store = imports.store

    async def failing(*arguments: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(imports, "store", failing)
    found = await ended(door, await door.client.post(IMPORTS, params={"format": "jsonl"}, content=PEOPLE))
    assert (found["state"], found["resumable"]) == ("failed", True)
    assert "a bug" not in json.dumps(found)
    assert len(uploads(door)) == 1
    monkeypatch.setattr(imports, "store", store)
    found = await ended(door, await door.client.post(found["links"]["resume"]))
    assert (found["state"], found["created"], found["error"]) == ("done", 3, None)


@pytest.mark.long
async def test_several_imports_at_once_are_all_done(door: Door) -> None:
    async def one(number: int) -> Any:
        body = lines(*({"type": "entity", "key": f"{number}/{n}"} for n in range(50))).read()
        return await ended(door, await door.client.post(IMPORTS, params={"format": "jsonl"}, content=body))

    found = await asyncio.gather(*map(one, range(4)))
    assert {each["state"] for each in found} == {"done"}
    assert done(await door.client.get(f"{GRAPH}/stats"))["entities"] == 200
