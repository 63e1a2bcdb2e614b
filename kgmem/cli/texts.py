"""What `kgmem remember` is given: a text, a file, a folder of files, or standard input."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from kgmem.documents.read import decoded, is_document, sections_of, suffixes
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.episode import Episode
from kgmem.domain.text.document import Document
from kgmem.formats.wire import from_wire

_LONGEST = 10_000_000  # Bytes of one text.
_PATH = re.compile(r"(~|\.\.?)?/\S+")  # What nobody means as a text.
_STREAM = ".jsonl"


@dataclass(frozen=True, slots=True)
class Given:
    """What the options say of all that is remembered."""

    key: str | None = None
    title: str | None = None
    occurred_at: str | None = None
    source: str | None = None
    speaker: str | None = None
    session: str | None = None
    scope: str = ""
    extract: bool = True


def items(what: str, given: Given) -> Iterator[Episode | Document]:
    """Return what is to be remembered, file by file. Raises NotFound, InvalidInput."""
    path = _path(what)
    if what == "-":
        yield _episode(decoded("Standard input", sys.stdin.buffer.read(_LONGEST + 1)), given)
    elif path is None:
        yield _episode(what, given)
    elif path.is_dir():
        found = sorted(each for each in path.rglob("*") if each.is_file() and _is_known(each))
        if not found:
            raise InvalidInput(f"{what} holds no file that is read.", hint=f"Files end in {', '.join(suffixes())}.")
        for each in found:
            yield from _of_file(each, given, each.relative_to(path).as_posix())
    else:
        yield from _of_file(path, given, path.name)


def _is_known(path: Path) -> bool:
    return is_document(path.name) or path.suffix == _STREAM


def _of_file(path: Path, given: Given, name: str) -> Iterator[Episode | Document]:
    if path.suffix == _STREAM:
        yield from _of_stream(path, given)
        return
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.", hint="Check its rights.") from error
    if not is_document(path.name):
        yield _episode(decoded(path.name, data[: _LONGEST + 1]), given)
        return
    yield Document(
        given.key or given.session or name, sections_of(path.name, data), title=given.title or Path(name).stem,
        occurred_at=given.occurred_at, source=given.source or name, speaker=given.speaker, scope=given.scope,
    )  # fmt: skip


def _of_stream(path: Path, given: Given) -> Iterator[Episode]:
    """Return the episodes of a file of JSON lines, one at a time; what a line does not say the options do."""
    usual = {
        "occurred_at": given.occurred_at,
        "source": given.source,
        "speaker": given.speaker,
        "session": given.session,
    }
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                told = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise InvalidInput(
                    f"{path.name}, line {number}: {error}.", hint="Give one JSON object a line."
                ) from error
            if not isinstance(told, dict):
                raise InvalidInput(f"{path.name}, line {number} is no object.", hint='Give {"text": ...} a line.')
            told.pop("extract", None)
            shape = {**{name: value for name, value in usual.items() if value}, "scope": given.scope, **told}
            stated = from_wire("episode", shape)
            if not isinstance(stated, Episode):
                raise InvalidInput(f"{path.name}, line {number} is no episode.", hint="Import other records.")
            yield Episode(
                stated.text, stated.key, occurred_at=stated.occurred_at, source=stated.source, session=stated.session,
                speaker=stated.speaker, title=stated.title, mentions=stated.mentions, properties=stated.properties,
                scope=stated.scope, extract=given.extract,
            )  # fmt: skip


def _episode(text: str, given: Given) -> Episode:
    if len(text) > _LONGEST:
        raise InvalidInput(f"The text is longer than {_LONGEST:,} bytes.", hint="Store it in parts, or as a file.")
    return Episode(
        text, given.key, occurred_at=given.occurred_at, source=given.source, session=given.session,
        speaker=given.speaker, title=given.title, scope=given.scope, extract=given.extract,
    )  # fmt: skip


def _path(what: str) -> Path | None:
    """Return the path that is meant; None for a text."""
    path = Path(what).expanduser()
    try:
        there = path.exists()
    except OSError:  # A text that is longer than any path may be.
        there = False
    if there:
        return path
    if _PATH.fullmatch(what):
        raise NotFound(
            f"There is no file {what}.", hint="Check the path; a text that looks like one comes by standard input (-)."
        )
    return None
