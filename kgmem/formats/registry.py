"""The formats that kgmem reads and writes. A new one is a module of its own and its name here."""

from pathlib import Path

from kgmem.domain.errors import InvalidInput
from kgmem.formats import csv, jsonl
from kgmem.formats.files import STANDARD, bare_name
from kgmem.formats.records import Format

FORMATS: dict[str, Format] = {format_.name: format_ for format_ in (csv.FORMAT, jsonl.FORMAT)}


def format_of(path: Path | str, named: str | None = None) -> Format:
    """Give the format that was named, or that a file's extension tells. Raises InvalidInput when neither does."""
    if named is not None:
        if named not in FORMATS:
            raise InvalidInput(f"There is no format {named!r}.", mend=f"Formats are {', '.join(sorted(FORMATS))}.")
        return FORMATS[named]
    name = bare_name(path)
    for format_ in FORMATS.values():
        if name.endswith(format_.extensions):
            return format_
    what = "Standard input and output have" if str(path) == STANDARD else f"{Path(path).name} has"
    known = sorted(extension for format_ in FORMATS.values() for extension in format_.extensions)
    raise InvalidInput(
        f"{what} no extension that tells the format.", mend=f"Give --format, or one of {', '.join(known)} (.gz, .xz)."
    )
