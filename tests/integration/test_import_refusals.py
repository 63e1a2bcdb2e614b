"""What an import refuses: with its line, before a dry run as after it, and nothing else with it."""

import csv
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kgmem.memory import Memory
from kgmem.query.values.problems import ValueProblem
from kgmem.query.values.wire import from_json
from kgmem.services.importing import ImportOptions
from tests.memories import new_graph

LONG = "x" * 200_000


@pytest.fixture
def usual_limit() -> Iterator[None]:
    """Python's own limit of a cell, as a process has it that has read no CSV yet."""
    before = csv.field_size_limit(131_072)
    yield
    csv.field_size_limit(before)


async def test_a_long_cell_is_read(memory: Memory, graph: str, tmp_path: Path, usual_limit: None) -> None:
    file = tmp_path / "long.csv"
    file.write_text(f"key,label,text,x:int\na,P,{LONG},\nb,P,bye,1\nc,P,{LONG},q\n")
    result = await memory.import_files(graph, [file], ImportOptions())
    assert result.created + result.rejected == 3
    assert (await memory.get_entity(graph, "a")).text == LONG


async def test_a_cell_beyond_all_limits_costs_only_its_row(
    memory: Memory, graph: str, tmp_path: Path, usual_limit: None
) -> None:
    file = tmp_path / "huge.csv"
    file.write_text("key,label,text\na,P,hello\nb,P," + "x" * 5_000_000 + "\nc,P,bye\n")
    for options in (ImportOptions(dry_run=True), ImportOptions()):
        result = await memory.import_files(graph, [file], options)
        assert [rejection.line for rejection in result.rejections] == [3]
    assert (await memory.get_entity(graph, "c")).text == "bye"


async def test_a_nul_in_csv_costs_only_its_row(memory: Memory, graph: str, tmp_path: Path, usual_limit: None) -> None:
    file = tmp_path / "nul.csv"
    file.write_bytes(b"key,label,name\na,P,one\nb\0,P,two\nc,P,th\0ree\nd,P,four\n")
    result = await memory.import_files(graph, [file], ImportOptions())
    assert (result.created, [rejection.line for rejection in result.rejections]) == (2, [3, 4])


REFUSED: list[dict[str, Any]] = [
    {"type": "entity", "key": "b\u0001", "label": "P"},
    {"type": "entity", "key": "c", "label": "P\u001f"},
    {"type": "entity", "key": "d", "label": "P\nQ"},
    {"type": "entity", "key": "e", "label": "P", "valid_from": "2000", "valid_to": "1990"},
    {"type": "entity", "key": "f", "label": "Episode"},
    {"type": "episode", "key": "g", "text": "  "},
    {"type": "relationship", "kind": "K\t", "from": "a", "to": "a"},
    {
        "type": "entity",
        "key": "h",
        "label": "P",
        "place": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]},
    },
]


async def test_a_dry_run_refuses_what_the_import_refuses(memory: Memory, tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    good = {"type": "entity", "key": "a", "label": "P"}
    file.write_text("".join(json.dumps(each) + "\n" for each in [good, *REFUSED]))
    found = []
    for dry_run in (True, False):
        graph = await new_graph(memory, f"refusals_{tmp_path.name[-20:]}_{dry_run}".lower().replace("-", "_"))
        result = await memory.import_files(graph, [file], ImportOptions(dry_run=dry_run))
        found.append(sorted((rejection.line, rejection.reason) for rejection in result.rejections))
    assert found[0] == found[1]
    assert [line for line, _ in found[0]] == list(range(2, len(REFUSED) + 2))


async def test_a_file_whose_name_leads_out_of_a_zip_file_is_told(memory: Memory, graph: str, tmp_path: Path) -> None:
    file = tmp_path / "files.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for number, name in enumerate(("../a.jsonl", "b/../../c.jsonl", "..\\d.jsonl", "e.jsonl")):
            archive.writestr(name, json.dumps({"type": "entity", "key": f"k{number}", "label": "P"}) + "\n")
    result = await memory.import_files(graph, [file], ImportOptions())
    assert (result.created, result.rejected) == (1, 3)
    assert all("leads out" in rejection.reason for rejection in result.rejections)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_parameter_that_is_no_number_is_refused_unless_it_is_meant(number: float) -> None:
    with pytest.raises(ValueProblem, match="NaN or too large"):
        from_json({"a": [number]})
    assert from_json({"$type": "float", "value": "Infinity"}) == float("inf")
