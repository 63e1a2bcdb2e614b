"""The files of folders that are imported: those that kgmem reads, always in the same order, and what it passes over."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgmem.domain.errors import InvalidInput
from kgmem.formats.io.files import STANDARD, Paths, bare_name
from kgmem.formats.registry import FORMATS, reader_of

# Formats whose files have ends that other formats have too, or none does.
_USUAL = {"apoc": (".json", ".jsonl"), "neo4j-csv": (".csv", ".tsv")}
# Relationships whose ends are there already need not wait for them, so files of this name come last.
_EDGES = re.compile(r"edge|relation|link", re.IGNORECASE)
_TOLD = 10  # Files that a message names.


@dataclass(frozen=True, slots=True)
class Skipped:
    """One file of a folder that is not imported, and why."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def with_folders(files: Paths, format_: str | None = None) -> tuple[list[Any], list[Skipped]]:
    """Return files, in place of each folder what is in it and below it, and what of that is passed over.

    A folder's files are those of formats that kgmem reads, or of the one that is named. Files and folders whose names
    begin with a dot are not there. Raises InvalidInput for a folder without any file that is read.
    """
    given: list[Any] = []
    skipped: list[Skipped] = []
    for file in files:
        if not isinstance(file, Path | str) or str(file) == STANDARD or not Path(file).is_dir():
            given.append(file)
            continue
        if format_ is not None:
            reader_of("", format_)
        found, passed = _parted(Path(file), format_)
        if not found:
            raise _empty(file, format_, passed)
        given += found
        skipped += passed
    return given, skipped


def _parted(folder: Path, format_: str | None) -> tuple[list[Path], list[Skipped]]:
    found: list[Path] = []
    skipped: list[Skipped] = []
    for path in _below(folder):
        if reason := _reason_against(path, format_):
            skipped.append(Skipped(path, reason))
        else:
            found.append(path)
    return sorted(found, key=lambda path: (bool(_EDGES.search(path.name)), path.parts)), skipped


def _below(folder: Path) -> Iterator[Path]:
    """Return all files of a folder and of those in it, in the order of their names. Raises InvalidInput."""

    def refuse(error: OSError) -> None:
        raise InvalidInput(
            f"{error.filename} cannot be read: {error.strerror}.", hint="Name a folder that you may read."
        ) from error

    for place, inner, names in os.walk(folder, onerror=refuse):
        # os.walk goes where this list says, and follows no links.
        inner[:] = sorted(name for name in inner if _is_visible(name))
        links = [name for name in inner if (Path(place) / name).is_symlink()]
        for name in sorted([*links, *filter(_is_visible, names)]):
            yield Path(place) / name


def _is_visible(name: str) -> bool:
    return not name.startswith((".", "__MACOSX"))


def _reason_against(path: Path, format_: str | None) -> str | None:
    """Return why a file is not imported; None for one that is."""
    if not path.is_file():
        return "it is a link to a folder" if path.is_dir() else "it is no file"
    if format_ is not None:
        ends = _USUAL.get(format_) or (FORMATS[format_][1] if format_ in FORMATS else ())
        return None if bare_name(path).endswith(ends) else f"it does not end as files of the format {format_} do"
    try:
        reader_of(path)
    except InvalidInput as error:
        known = any(bare_name(path).endswith(ends) for _, ends in FORMATS.values() if ends)
        return error.message[0].lower() + error.message[1:-1] if known else "no format ends so"
    return None


def _empty(folder: Path | str, format_: str | None, skipped: list[Skipped]) -> InvalidInput:
    what = f"no file of the format {format_}" if format_ else "no file that kgmem reads"
    names = ", ".join(each.path.name for each in skipped[:_TOLD]) + (", ..." if len(skipped) > _TOLD else "")
    if not skipped:
        return InvalidInput(f"In the folder {folder} is {what}: it is empty.", hint="Check the path.")
    return InvalidInput(
        f"In the folder {folder} is {what}, only {names}.",
        hint="Name the files themselves, with --format where their names do not tell it.",
    )
