"""What `--json` prints of a thing has the fields that REST shows of it, those without a value too, and tables fit."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from kgmem.cli.console import OUT
from tests.cli import Command
from tests.rest_app import openapi_document

RECORDS = [
    {"type": "source", "key": "nasa", "name": "NASA"},
    {"key": "neil", "label": "Person", "name": "Neil Armstrong", "place": [-84.2, 40.6], "source": "nasa"},
    {"key": "armstrong", "label": "Person", "name": "Neil Armstrong", "text": "Commander of Apollo 11."},
    {"key": "apollo-11", "label": "Mission", "name": "Apollo 11", "valid_from": "1969-07-16"},
    {"key": "moon", "label": "Place", "name": "Moon"},
    {
        "type": "relationship",
        "from": "neil",
        "to": "apollo-11",
        "kind": "CREW_OF",
        "text": "Neil flew on Apollo 11.",
        "source": "nasa",
    },
    {"type": "relationship", "from": "apollo-11", "to": "moon", "kind": "LANDED_ON"},
    {"type": "claim", "source": "nasa", "subject": "neil", "predicate": "born", "value": "1930-08-05"},
    {"type": "claim", "source": "press", "subject": "neil", "predicate": "born", "value": "1930-08-06"},
    {"type": "claim", "source": "other", "subject": "neil", "predicate": "born", "value": "1931"},
    *({"key": f"p{n}", "label": "Person", "name": f"Crew member {n}"} for n in range(6)),
    *({"type": "relationship", "from": f"p{n}", "to": f"p{m}", "kind": "KNOWS"} for n in range(6) for m in range(n)),
    {"key": "wrong", "label": "Person", "valid_from": "never"},
]
# The arguments of a command, the shape of what it prints (of each item, where it prints a list), and where that stands.
# {fact} and {community} are ids that the commands before have printed.
PRINTED: Sequence[tuple[str, str, str]] = [
    ("graph list", "GraphSettings", ""),
    ("graph show main", "GraphSettings", ""),
    ("graph show main", "GraphStats", "stats"),
    ("key list", "APIKey", ""),
    ("jobs", "Job", "jobs"),
    ("imports list --graph main", "ImportState", ""),
    ("imports show 1 --graph main", "ImportState", ""),
    ("imports items 1 --graph main", "ImportItemPage", ""),
    ("imports undo 1 --dry-run --graph main", "UndoResult", ""),
    ("recall Neil --graph main", "RecallResult", ""),
    ("conflicts --graph main", "Fact", ""),
    ("why neil born --graph main", "FactExplanation", ""),
    ("review accept {fact} --by ann --reason Certificate. --graph main", "AdjudicationResult", ""),
    ("review log --graph main", "AdjudicationSummary", ""),
    ("why neil born --graph main", "FactExplanation", ""),
    ("review find --graph main", "", ""),
    ("review candidates --graph main", "MergeCandidate", ""),
    ("review merge neil armstrong --by ann --reason Same. --graph main", "Merge", ""),
    ("review merges --graph main", "Merge", ""),
    ("review unmerge 1 --by ann --reason Two. --graph main", "Merge", ""),
    ("communities detect --graph main", "", ""),
    ("communities list --graph main", "Community", ""),
    ("communities show {community} --graph main", "Community", ""),
    ("summarize neil --graph main", "Summary", ""),
    ("cypher MATCH(n)RETURN(n.name) --graph main", "CypherResult", ""),
    ("cypher --list", "NamedQuery", ""),
    ("withdraw --source other --graph main", "WithdrawResult", ""),
    ("forget note --graph main", "ForgetResult", ""),
]
BESIDE = {("graph show main", "GraphSettings"): {"stats"}}  # What a command prints beside the thing.


@pytest.fixture
def filled(kgmem: Command, tmp_path: Path) -> Command:
    """A graph with something of everything."""
    file = tmp_path / "records.jsonl"
    file.write_text("\n".join(map(json.dumps, RECORDS)))
    kgmem("graph", "create", "main")
    kgmem("key", "create", "ann")
    assert kgmem("import", file, "--graph", "main").code == 1
    kgmem("remember", "Neil landed on the Moon.", "--key", "note", "--no-extract", "--graph", "main")
    return kgmem


@pytest.mark.long
def test_json_has_the_fields_of_rest(filled: Command) -> None:
    known: dict[str, int] = {}
    for command, name, place in PRINTED:
        done = filled(*command.format(**known).split(), "--json")
        assert done.code in {0, 1}, (command, done.err)
        found = done.json
        for step in filter(None, place.split(".")):
            found = found[step]
        if command.startswith("conflicts"):
            known["fact"] = found[0]["id"]
        if command.startswith("communities list"):
            known["community"] = found[0]["id"]
        items = found if isinstance(found, list) else [found]
        assert items, command
        if name:
            for each in items:
                given = {key: value for key, value in each.items() if key not in BESIDE.get((command, name), ())}
                assert_shape(given, {"$ref": f"#/{name}"}, command)


def assert_shape(value: Any, schema: Mapping[str, Any], place: str) -> None:
    """Assert that all objects have just the fields of their schemas."""
    if "anyOf" in schema and value is not None:
        parts = [part for part in schema["anyOf"] if part.get("type") != "null"]
        schema = parts[0] if len(parts) == 1 else {}
    if value is None:
        return
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        properties = openapi_document()["components"]["schemas"][name].get("properties")
        if properties:
            assert set(value) == set(properties), (place, name)
            for key, inner in properties.items():
                assert_shape(value[key], inner, f"{place}.{key}")
    elif schema.get("type") == "array":
        for each in value:
            assert_shape(each, schema.get("items", {}), place)
    elif isinstance(schema.get("additionalProperties"), dict):
        for key, each in value.items():
            assert_shape(each, schema["additionalProperties"], f"{place}.{key}")


# Tables, of which rows may be long.
TABLES = [
    "graph list",
    "graph show main",
    "graph schema main",
    "graph check main",
    "key list",
    "jobs",
    "imports list --graph main",
    "imports show 1 --graph main",
    "imports rejected 1 --graph main",
    "imports items 1 --graph main",
    "imports undo 1 --dry-run --graph main",
    "conflicts --graph main",
    "review candidates --graph main",
    "review merges --graph main",
    "review log --graph main",
    "cypher --list",
    "cypher MATCH(n)RETURN(n) --graph main",
    "recall Neil --explain --graph main",
    "doctor",
]


@pytest.mark.long
def test_tables_fit_80_columns(filled: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    fact = filled("conflicts", "--graph", "main", "--json").json[0]["id"]
    filled("review", "accept", str(fact), "--by", "ann", "--reason", "It is so. " * 20, "--graph", "main")
    filled("review", "find", "--graph", "main")
    filled("review", "merge", "neil", "armstrong", "--by", "ann", "--reason", "The same man.", "--graph", "main")
    keys = [each["id"] for each in filled("key", "list", "--json").json]
    monkeypatch.setattr(OUT, "width", 80)
    for command in TABLES:
        done = filled(*command.split())
        lines = done.out.splitlines()
        assert lines, command
        assert max(map(len, lines)) <= 80, (command, max(lines, key=len))
    assert all(each in filled("key", "list").out for each in keys)  # What other commands take is never cut.


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["recal", "x"], "Did you mean 'recall'"),
        (["grpah", "list"], "Did you mean 'graph'"),
        (["graph", "lst"], "Did you mean 'list'"),
        (["recall", "x", "--grph", "main"], "--graph"),
        (["imports", "undo", "1", "--dryrun"], "--dry-run"),
    ],
)
def test_a_mistyped_command_or_option_is_told_with_what_is_like_it(
    kgmem: Command, words: Sequence[str], hint: str
) -> None:
    done = kgmem(*words)
    assert done.code == 2
    assert hint in " ".join(done.err.replace("│", " ").split())


@pytest.mark.long
@pytest.mark.parametrize(
    ("typed", "offered"),
    [("kgmem gr", "graph"), ("kgmem graph l", "list"), ("kgmem recall --gr", "--graph"), ("kgmem db mig", "migrate")],
)
def test_shells_complete_commands_and_options(typed: str, offered: str) -> None:
    told = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1), "_KGMEM_COMPLETE": "complete_bash"}
    # As the installed program is called, since completion knows it by its name.
    program = "import sys; sys.argv[:] = ['kgmem']; from kgmem.cli.main import run; run()"
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **told}, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == [offered], done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_completion_is_printed(kgmem: Command, monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    monkeypatch.setenv("_KGMEM_COMPLETE", f"source_{shell}")
    done = kgmem()
    assert done.code == 0
    assert "_KGMEM_COMPLETE=complete_" in done.out
