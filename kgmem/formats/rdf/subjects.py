"""The rows of canonical N-Quads, subject by subject."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO, Final
from zlib import crc32

from pyoxigraph import BlankNode, Literal, NamedNode, RdfFormat, Triple, parse

from kgmem.formats.rdf.names import digest_of, is_blank_key
from kgmem.formats.rdf.parse import whole_lines
from kgmem.formats.rdf.quads import NAMELESS, ROW, HashSet, LineNumbers, Numbering, Row
from kgmem.formats.rdf.values import term_text

# Blank nodes: keys that stay the same for the same file, and are no other file's.

_MADE = re.compile(r"b+[0-9]+")  # What numbers look like, and labels that do are told from them by one b more.
_KEPT = re.compile(r"kg-[0-9a-f]{12}-.+")
_LONGEST: Final = 400


class BlankNodes:
    """Assigns keys to blank nodes: `_:kg-`, what represents the file, and the label, or a number where it has none.

    A label that is of this form already is the key of a node that kgmem wrote, and stays.
    """

    def __init__(self, numbering: Numbering, scope: str | None, digest: str) -> None:
        """Take the numbers of nameless nodes, the requested scope, and the digest of the file's content."""
        self._numbering = numbering
        self._scope = digest if scope is None else digest_of(scope)[:12]

    def key(self, label: str) -> str:
        """Return the key of the node with this label."""
        if _KEPT.fullmatch(label) and is_blank_key(f"_:{label}"):
            return f"_:{label}"
        number = self._numbering.number(label) if NAMELESS.fullmatch(label) else None
        if number is not None:
            return f"_:kg-{self._scope}-b{number}"
        made = f"_:kg-{self._scope}-{'b' if _MADE.fullmatch(label) else ''}{label}"
        if len(made) > _LONGEST or not is_blank_key(made):
            return f"_:kg-{self._scope}-h{digest_of(label)}"
        return made

    def relabelled(self, term: str) -> str:
        """Return a term with the blank nodes in it named by their keys."""
        if term.startswith("_:"):
            return self.key(term[2:])
        if not term.startswith("<<"):
            return term
        quad = next(iter(parse(f"<a:a> <a:a> {term} .", format=RdfFormat.N_TRIPLES)))
        return term_text(self._inside(quad.object))

    def _inside(self, term: NamedNode | BlankNode | Literal | Triple) -> NamedNode | BlankNode | Literal | Triple:
        if isinstance(term, BlankNode):
            return BlankNode(self.key(term.value)[2:])
        if isinstance(term, Triple):
            subject = self._inside(term.subject)
            return Triple(subject, term.predicate, self._inside(term.object))  # type: ignore[arg-type]
        return term


# Subjects that stand in several places of a file are gathered in temporary files, each small enough for memory.

_PART: Final = 16 * 1024 * 1024  # Bytes of quads that are gathered at a time.
_MOST_PARTS: Final = 200  # Open files.


class Scattered:
    """Sets rows of scattered subjects aside, and gives them when all were read."""

    def __init__(self, subjects: HashSet, folder: Path, size: int) -> None:
        """Take the subjects' hashes, where to put rows, and the size of all quads."""
        self._subjects = subjects
        self._folder = folder
        self._parts = min(size // _PART + 1, _MOST_PARTS)
        self._files: dict[int, BinaryIO] = {}

    def take(self, subject: str, rows: Sequence[Row]) -> bool:
        """Set rows aside, if their subject is scattered."""
        if not len(self._subjects) or self._subjects.place(hash(subject)) < 0:
            return False
        part = crc32(subject.encode()) % self._parts
        file = self._files.get(part)
        if file is None:
            file = self._files[part] = (self._folder / f"part-{part}").open("w+b")
        file.write("".join(map(line_of, rows)).encode())
        return True

    def gathered(self) -> Iterator[tuple[str, list[Row]]]:
        """Return each subject that was set aside with all its rows."""
        for part in sorted(self._files):
            groups: dict[str, list[Row]] = {}
            with self._files[part] as file:
                file.seek(0)
                for row in ROW.findall(file.read().decode()):
                    groups.setdefault(row[0], []).append(row)
            yield from groups.items()


def line_of(row: Row) -> str:
    """Return the line of a row."""
    subject, predicate, object_, text, tail, term, graph = row
    end = object_ or term or f'"{text}"{tail}'
    return f"{subject} <{predicate}> {end} {graph} .\n" if graph else f"{subject} <{predicate}> {end} .\n"


MOST_ROWS: Final = 5000  # Rows of one subject that are held.
Rows = tuple[str, list[Row], int, bool]
_SUBJECT: Final = itemgetter(0)


def subjects(quads: BinaryIO, lines: LineNumbers | None) -> Iterator[Iterator[Rows]]:
    """Return the rows of each subject, chunk by chunk, with the line of the first and whether they are all that follow.

    A subject's rows may go on in the next chunk, so the last of each chunk is given with that.
    """
    about, held = "", list[Row]()
    count, begun, whole = 0, 0, True

    def told() -> Rows:
        return about, held, lines.line(begun) if lines else 0, whole

    def groups(text: str) -> Iterator[Rows]:
        nonlocal about, held, count, begun, whole
        for subject, found in groupby(ROW.findall(text), _SUBJECT):
            rows = list(found)
            if subject == about:
                held += rows
                if len(held) > MOST_ROWS:
                    whole = False
                    yield told()
                    held = []
            else:
                if held:
                    yield told()
                about, held, begun, whole = subject, rows, count, True
            count += len(rows)

    for chunk in whole_lines(quads):
        yield groups(chunk.decode())
    if held:
        yield iter([told()])
