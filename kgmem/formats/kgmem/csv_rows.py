"""The rows of a CSV stream with the lines on which they begin; what is broken is rejected, and nothing else with it."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, BinaryIO, TypeAlias

from kgmem.domain.errors import InvalidInput
from kgmem.formats.io.lines import LONGEST_LINE, LineTooLong, TextBlocks
from kgmem.formats.records import Rejected, rejected

LONGEST_FIELD = 4 * 1024 * 1024
_NAMED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}

Row: TypeAlias = tuple[int, list[str] | Rejected]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a table is written; a delimiter of None is the one that the first line has most of."""

    delimiter: str | None = None
    quote: str = '"'  # Empty: quotes are characters like any other.


_USUAL = Dialect()


def read_dialect(options: Mapping[str, Any]) -> Dialect:
    """Return the dialect that the options `delimiter` and `quote` name. Raises InvalidInput."""
    delimiter, quote = options.get("delimiter"), options.get("quote", '"')
    quote = "" if quote == "none" else quote
    return Dialect(
        None if delimiter is None else character(delimiter, "delimiter"),
        character(quote, "quote") if quote != "" else "",
    )


def character(value: Any, name: str) -> str:
    """Return the one character that an option names: itself, or tab, comma, semicolon, pipe, space."""
    found = _NAMED.get(value.lower(), value) if isinstance(value, str) else ""
    if len(found) != 1 or found in "\r\n\x00":
        raise InvalidInput(f"{name} is {value!r} and not one character.", hint="Give one such as , ; | or tab.")
    return found


def read_rows(stream: BinaryIO, dialect: Dialect = _USUAL) -> Iterator[Row]:
    """Return each row that is not empty, with the line on which it begins.

    A quoted cell that does not end, or a line beyond all bounds, is rejected with all that follows: nobody knows
    where the next row begins. Raises InvalidInput when the file is no text.
    """
    lines = _Lines(stream)
    reader = cells(lines.texts(), **_settings(dialect, lines.first()))
    before = 0
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except LineTooLong:
            reason = f"The line is longer than {LONGEST_LINE} bytes; it and what follows were not read."
            yield before + 1, rejected(before + 1, reason, "")
            return
        except csv.Error as error:
            open_ = _stays_open(error, lines.text, reader.line_num - before > 1, dialect.quote)
            yield before + 1, broken(before + 1, error, lines.text, open_)
            if open_:
                return
        else:
            if any(row):
                yield before + 1, row if lines.clean else checked(before + 1, row)
        before = reader.line_num


def cells(lines: Iterable[str], **settings: Any) -> Any:
    """Return csv's reader of lines, for cells of up to LONGEST_FIELD characters."""
    csv.field_size_limit(max(LONGEST_FIELD, csv.field_size_limit()))  # It can only be set for the whole process.
    return csv.reader(lines, **settings)


class _Lines:
    """The lines of a stream as csv.reader wants them; the last one given stays at hand."""

    def __init__(self, stream: BinaryIO) -> None:
        self.text = ""
        self._source = TextBlocks(stream)
        self._blocks = iter(self._source)
        self._begun: list[str] = []

    @property
    def clean(self) -> bool:
        return self._source.clean

    def first(self) -> str:
        """Return the first line without taking it. Raises InvalidInput when it does not end."""
        try:
            self._begun = [next(self._blocks, "")]
        except LineTooLong as error:
            raise InvalidInput(
                f"The first line is longer than {LONGEST_LINE} bytes.", hint="Is this CSV, with line feeds?", line=1
            ) from error
        return self._begun[0].partition("\n")[0]

    def texts(self) -> Iterator[str]:
        for block in chain(self._begun, self._blocks):
            for self.text in io.StringIO(block, newline="\n"):
                yield self.text


def _settings(dialect: Dialect, first: str) -> dict[str, Any]:
    # Of delimiters that are equally frequent the comma counts, as in a header of one column.
    delimiter = dialect.delimiter or max(",;\t|", key=first.count)
    if dialect.quote == delimiter:
        raise InvalidInput("Quote and delimiter are the same character.", hint="Give another quote.")
    quoting: dict[str, Any] = {"quotechar": dialect.quote} if dialect.quote else {"quoting": csv.QUOTE_NONE}
    return {"delimiter": delimiter, "strict": True, **quoting}


def broken(line: int, error: csv.Error, text: str, open_: bool = False) -> Rejected:
    """Return the rejection of a line that is not CSV; `open_` where a quoted cell may not have ended."""
    reason = f"The line is not CSV: {error}."
    if "new-line character" in str(error):
        reason = "A carriage return stands alone. End lines with line feeds, and quote cells that hold line breaks."
    if open_:
        reason = (
            f"A quoted cell begins in the row of line {line} and does not end ({error}), so the lines after it "
            "are unclear and were not read. Close it with a quote; write a quote inside of it twice."
        )
    return rejected(line, reason, _printable(text))


def _stays_open(error: csv.Error, text: str, many: bool, quote: str) -> bool:
    """Return whether a quoted cell may still be open after an error, so that no later line can be trusted."""
    if "field larger" in str(error):
        return many or (bool(quote) and text.count(quote) % 2 == 1)  # Whole lines have an even number of quotes.
    return many or "end of data" in str(error)


def checked(line: int, row: list[str]) -> list[str] | Rejected:
    """Return a row back, or say that it is not UTF-8."""
    text = "\t".join(row)
    if text.isascii() or _printable(text) == text:
        return row
    return rejected(line, "The line is not UTF-8. Save the file as UTF-8.", _printable(text))


def _printable(text: str) -> str:
    """Return a text with what was not UTF-8 replaced."""
    return text.encode(errors="surrogateescape").decode(errors="replace")
