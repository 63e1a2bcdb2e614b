"""The rows of canonical N-Quads, subject by subject."""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import BinaryIO, Final

from kgmem.formats.rdf_parse import whole_lines
from kgmem.formats.rdf_quads import ROW, LineNumbers, Row

MOST_ROWS: Final = 5000  # Rows of one subject that are held.
Rows = tuple[str, list[Row], int, bool]
_SUBJECT: Final = itemgetter(0)


def subjects(quads: BinaryIO, lines: LineNumbers | None) -> Iterator[Iterator[Rows]]:
    """Give the rows of each subject, chunk by chunk, with the line of the first and whether they are all that follow.

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
