"""The files of folders: which are imported, in which order, and what is said of the others."""

import os
from pathlib import Path

import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.formats.io.folder_files import with_folders


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_a_folder_stands_for_what_kgmem_reads_in_it_and_the_rest_is_told(tmp_path: Path) -> None:
    names = ("relationships.csv", "nodes.csv.gz", "a/links.ttl", "z/more.JSONL", "README.txt", "graph.dot", "b/x.json")
    folder = make(tmp_path, *names, ".hidden.csv", ".git/x.csv", "__MACOSX/nodes.csv")
    given, skipped = with_folders(["-", str(folder), "alone.csv"])
    names_given = [each.relative_to(folder).as_posix() for each in given[1:-1]]
    assert (given[0], given[-1]) == ("-", "alone.csv")
    assert names_given == ["nodes.csv.gz", "z/more.JSONL", "a/links.ttl", "relationships.csv"]
    assert [(each.path.name, each.reason) for each in skipped] == [
        ("README.txt", "no format ends so"),
        ("graph.dot", "kgmem writes dot and does not read it"),
        ("x.json", "no format ends so"),
    ]


def test_the_order_does_not_depend_on_the_order_in_which_the_files_came(tmp_path: Path) -> None:
    names = [f"{name}.csv" for name in "edcba"]
    first, second = make(tmp_path / "1", *names), make(tmp_path / "2", *reversed(names))
    assert [path.name for path in with_folders([first])[0]] == [path.name for path in with_folders([second])[0]]


@pytest.mark.parametrize(
    ("format_", "read"), [("csv", ["a.csv"]), ("neo4j-csv", ["a.csv"]), ("apoc", ["b.json"]), ("turtle", ["c.ttl.gz"])]
)
def test_with_a_format_only_its_files_are_read(tmp_path: Path, format_: str, read: list[str]) -> None:
    given, skipped = with_folders([make(tmp_path, "a.csv", "b.json", "c.ttl.gz")], format_)
    assert [path.name for path in given] == read
    assert len(skipped) == 2
    assert f"files of the format {format_}" in skipped[0].reason


def test_a_folder_in_which_nothing_is_read_is_refused_with_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="it is empty"):
        with_folders([tmp_path])
    make(tmp_path, "a.txt", "b.csv")
    with pytest.raises(InvalidInput, match=r"no file of the format jsonl, only a\.txt, b\.csv\."):
        with_folders([tmp_path], "jsonl")
    with pytest.raises(InvalidInput, match="no format 'nix'"):
        with_folders([tmp_path], "nix")
    (tmp_path / "b.csv").unlink()
    with pytest.raises(InvalidInput, match=r"no file that kgmem reads, only a\.txt"):
        with_folders([tmp_path])


def test_pipes_and_links_to_folders_are_passed_over(tmp_path: Path) -> None:
    folder = make(tmp_path / "in", "a.csv")
    (folder / "again").symlink_to(folder, target_is_directory=True)
    os.mkfifo(folder / "pipe.csv")
    given, skipped = with_folders([folder])
    assert [path.name for path in given] == ["a.csv"]
    assert [each.reason for each in skipped] == ["it is a link to a folder", "it is no file"]
