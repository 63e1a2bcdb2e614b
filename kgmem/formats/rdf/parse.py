"""Any RDF syntax into a temporary file of canonical N-Quads: what is wrong is known before a record is given."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

from pyoxigraph import RdfFormat, parse, serialize

from kgmem.domain.errors import InvalidInput, TooLarge
from kgmem.formats.rdf.guard import CHECKS, Guarded
from kgmem.formats.rdf.options import RDFOptions
from kgmem.formats.rdf.quads import PLAIN_QUADS, PLAIN_TRIPLES, LineNumbers, Survey
from kgmem.formats.rdf.sparql import trig_of_update
from kgmem.formats.rdf.values import DEEPEST_TERM

Syntax = Literal["ntriples", "nquads", "turtle", "trig", "rdfxml", "jsonld", "sparql"]
PYOXIGRAPH: Final[dict[str, RdfFormat]] = {
    "ntriples": RdfFormat.N_TRIPLES,
    "nquads": RdfFormat.N_QUADS,
    "turtle": RdfFormat.TURTLE,
    "trig": RdfFormat.TRIG,
    "rdfxml": RdfFormat.RDF_XML,
    "jsonld": RdfFormat.JSON_LD,
    "sparql": RdfFormat.TRIG,
}
LONGEST_LINE: Final = 16 * 1024 * 1024
# JSON-LD whose context and types come first is streamed; any other is held in memory, nine times its size.
LARGEST_HELD: Final = 64 * 1024 * 1024
_STREAMED: Final = 8 * 1024 * 1024
_CHUNK: Final = 1024 * 1024
# A prefix or a context may make much of few bytes, as a compressed file may (compression.py allows the same).
_LEAST_SWELL, _SWELL = 64 * 1024 * 1024, 250
_NO_QUAD = re.compile(r"^[ \t]*(?:\#[^\n]*|VERSION[^\n]*)?\r?$", re.MULTILINE)
_PLACE = re.compile(r"Parser error at line (\d+)(?: between columns? (\d+)| column (\d+))?[^:]*: ")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file as canonical N-Quads, what is known of all its quads, and what represents its content."""

    quads: Path
    survey: Survey
    lines: LineNumbers | None
    digest: str
    prefixes: Mapping[str, str] = field(default_factory=dict)  # Those of the file.


def parse_rdf(stream: BinaryIO, syntax: Syntax, options: RDFOptions, folder: Path) -> Parsed:
    """Write a stream's quads to a file in the folder. Raises InvalidInput, with the line and column, and TooLarge."""
    target = folder / "quads"
    guarded = Guarded(stream, CHECKS[syntax]() if syntax in CHECKS else None)
    survey = Survey(options.names.namespace, nameless=syntax not in {"ntriples", "nquads"})
    if syntax in {"ntriples", "nquads"}:
        lines = LineNumbers()
        with target.open("wb") as quads:
            _Lines(syntax, survey, lines, quads).read(guarded)
        return Parsed(target, survey, lines, guarded.digest())
    if syntax == "jsonld":
        prefixes = _json_ld(guarded, options, folder, target)
    else:
        source: Any = guarded if syntax != "sparql" else trig_of_update(_all(guarded))
        prefixes = _convert(source, guarded, PYOXIGRAPH[syntax], options, target)
    with target.open("rb") as quads:
        for chunk in whole_lines(quads):
            survey.feed(chunk.decode())
    return Parsed(target, survey, None, guarded.digest(), prefixes)


def whole_lines(stream: Any, size: int = _CHUNK) -> Any:
    """Return a stream's bytes in chunks that end with a line. Raises TooLarge for a line of more than 16 MiB."""
    read = stream.chunk if isinstance(stream, Guarded) else stream.read
    rest, number = b"", 1
    while block := read(size):
        data = rest + block if rest else block
        cut = data.rfind(b"\n") + 1
        rest = data[cut:]
        if len(rest) > LONGEST_LINE:
            number += data.count(b"\n")
            raise TooLarge(f"A line is longer than {LONGEST_LINE} bytes.", hint="Is this RDF?", line=number)
        if cut:
            number += data.count(b"\n")
            yield data[:cut]
    if rest:
        yield rest + b"\n"


class _Lines:
    """Reads N-Triples and N-Quads: lines that are canonical already as they are, others by way of pyoxigraph."""

    def __init__(self, syntax: Syntax, survey: Survey, lines: LineNumbers, quads: BinaryIO) -> None:
        self._format = PYOXIGRAPH[syntax]
        self._plain = PLAIN_TRIPLES if syntax == "ntriples" else PLAIN_QUADS
        self._survey = survey
        self._lines = lines
        self._quads = quads
        self._line = 1
        self._count = 0

    def read(self, stream: Guarded) -> None:
        """Take all lines of a stream. Raises InvalidInput."""
        for chunk in whole_lines(stream):
            try:
                text = chunk.decode()
            except UnicodeDecodeError as error:
                line = self._line + chunk.count(b"\n", 0, error.start)
                raise InvalidInput(f"Line {line} is not UTF-8.", hint="Save it as UTF-8.", line=line) from error
            count = chunk.count(b"\n")
            subjects = self._subjects(text)
            canonical = chunk
            if subjects is None:
                canonical = self._canonical(chunk, text)
                text = canonical.decode()
            self._quads.write(canonical)
            self._survey.feed(text, subjects)
            self._line += count
            self._count += count if subjects is not None else canonical.count(b"\n")

    def _subjects(self, text: str) -> list[str] | None:
        """Return the subject of each run of lines; None unless all lines are canonical."""
        end = 0
        found: list[str] = []
        for run in self._plain.finditer(text):
            if run.start() != end:
                return None
            end = run.end()
            found.append(run[1])
        # A literal of these types has to have a language.
        return None if end != len(text) or "angString> " in text or "XMLSchema#string> " in text else found

    def _canonical(self, chunk: bytes, text: str) -> bytes:
        """Return lines as pyoxigraph writes them, and note which of them are no quads. Raises InvalidInput."""
        _refuse_deep_terms(text, self._line)
        try:
            canonical = serialize(parse(chunk, self._format), format=RdfFormat.N_QUADS) or b""
        except SyntaxError as error:
            raise _wrong(error, self._line) from error
        if canonical.count(b"\n") != chunk.count(b"\n"):
            no_quads = {text.count("\n", 0, found.start()) for found in _NO_QUAD.finditer(text, 0, len(text) - 1)}
            for done, line in enumerate(sorted(no_quads)):
                self._lines.leave_out(self._count + line - done)
        return canonical


def _refuse_deep_terms(text: str, first: int) -> None:
    if "<<" not in text:
        return
    for number, line in enumerate(text.split("\n"), start=first):
        if line.count("<<(") > DEEPEST_TERM:
            reason = f"Triple terms are nested more than {DEEPEST_TERM} deep."
            raise TooLarge(reason, hint="Is this data?", line=number)


def _json_ld(guarded: Guarded, options: RDFOptions, folder: Path, target: Path) -> Mapping[str, str]:
    """Write the quads of JSON-LD, which may have to be read twice: it is streamed only if its parts stand in order."""
    held = folder / "jsonld"
    with held.open("wb") as copy:
        while chunk := guarded.chunk():
            copy.write(chunk)
    size = held.stat().st_size
    if size > _STREAMED:
        try:
            with held.open("rb") as source:
                prefixes = _convert(source, guarded, RdfFormat.STREAMING_JSON_LD, options, target)
        except TooLarge:
            raise
        except InvalidInput:
            if size > LARGEST_HELD:
                raise
        else:
            held.unlink()
            return prefixes
    with held.open("rb") as source:
        prefixes = _convert(source, guarded, RdfFormat.JSON_LD, options, target)
    held.unlink()
    return prefixes


def _convert(source: Any, guarded: Guarded, format_: RdfFormat, options: RDFOptions, target: Path) -> Mapping[str, str]:
    """Write what pyoxigraph reads as canonical N-Quads; gives the file's prefixes. Raises InvalidInput and TooLarge."""
    with target.open("wb") as quads:
        try:
            parser = parse(source, format=format_, base_iri=options.base)
            serialize(
                parser,
                _Bounded(quads, guarded),  # type: ignore[arg-type]  # Anything that can be written to will do.
                format=RdfFormat.N_QUADS,
            )
        except SyntaxError as error:
            raise _wrong(error) from error
        except MemoryError as error:
            raise TooLarge("A text or a name is longer than 16 MiB.", hint="Is this RDF?") from error
    return parser.prefixes


class _Bounded:
    """Takes quads as long as they have a size that the file explains."""

    def __init__(self, target: BinaryIO, guarded: Guarded) -> None:
        self._target = target
        self._guarded = guarded
        self._written = 0

    def write(self, data: bytes) -> int:
        """Write some bytes. Raises TooLarge."""
        self._written += len(data)
        if self._written > _LEAST_SWELL + _SWELL * self._guarded.read_bytes:
            raise TooLarge(f"Its quads are more than {_SWELL} times as long as the file.", hint="Is this data?")
        return self._target.write(data)

    def flush(self) -> None:
        """Do nothing: the file is closed when all is written."""


def _all(guarded: Guarded) -> bytes:
    parts: list[bytes] = []
    while chunk := guarded.chunk():
        parts.append(chunk)
        if guarded.read_bytes > LARGEST_HELD:
            raise TooLarge(f"An update has at most {LARGEST_HELD} bytes.", hint="Save the data as TriG.")
    return b"".join(parts)


def _wrong(error: SyntaxError, first: int = 1) -> InvalidInput:
    """Return what pyoxigraph found wrong in words for people, with its line and column."""
    text = str(error.msg or error)
    found = _PLACE.match(text)
    line = int(found[1]) - 1 + first if found else error.lineno
    column = int(found[2] or found[3]) if found and (found[2] or found[3]) else None
    what = text[found.end() :] if found else text
    hint = "Correct it there."
    if "No scheme found" in what:
        what, hint = "An IRI is relative, and the file does not say to what", "Give the option base=IRI."
    elif "LoadDocumentCallback" in what:
        what = "The context is a remote document, which is never fetched"
        hint = "Put the context itself into the file, in place of its address."
    elif not found:
        hint = "Is it of that format?"
    place = f"Line {line}{f', column {column}' if column else ''}: " if line else ""
    return InvalidInput(f"{place}{what.rstrip('.')}.", hint=hint, line=line, column=column)
