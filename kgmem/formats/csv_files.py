"""Writes all kinds of records as CSV: a file for each kind that there is."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from itertools import groupby
from typing import BinaryIO, Final

from kgmem.domain.belief import BeliefKind, BeliefRecord
from kgmem.formats.csv_writer import CSVWriter
from kgmem.formats.records import AnyRecord, Kind, OpenPart, Record, WriteOptions, kind_of

FILES: Final[Mapping[Kind, str]] = {
    "source": "sources.csv",
    "entity": "nodes.csv",
    "relationship": "relationships.csv",
    "episode": "episodes.csv",
}
# Of what the graph believes: those are made of which there is a record.
BELIEF_FILES: Final[Mapping[BeliefKind, str]] = {
    "claim": "claims.csv",
    "decision": "decisions.csv",
    "fact": "facts.csv",
    "correlation": "correlations.csv",
    "trust": "trust.csv",
    "merge": "merges.csv",
    "pair": "pairs.csv",
}
_FILES: Final[Mapping[Kind, str]] = {**FILES, **dict(BELIEF_FILES.items())}


class CSVFiles:
    """Writes a CSV file for each kind; the columns of each are known when all its records are."""

    def __init__(self, open_part: OpenPart, options: WriteOptions) -> None:
        """Take what opens the files."""
        self.lost: Mapping[str, int] = {}
        self._open_part = open_part
        self._options = options
        self._kind: Kind | None = None
        self._open: tuple[BinaryIO, CSVWriter] | None = None

    def write(self, records: Iterable[Record]) -> None:
        """Take some records, which come kind by kind."""
        self._take(records)

    def write_beliefs(self, records: Iterable[BeliefRecord]) -> None:
        """Take some records of what the graph believes, which come kind by kind, after all else."""
        self._take(records)

    def _take(self, records: Iterable[AnyRecord]) -> None:
        for kind, some in groupby(records, kind_of):
            if self._options.kind not in {None, kind}:
                continue
            if kind != self._kind:
                self.close()
                self._kind, part = kind, self._open_part(_FILES[kind])
                self._open = part, CSVWriter(part, replace(self._options, kind=kind))
            if self._open is not None:
                self._open[1].take(some)

    def close(self) -> None:
        """Write the file of the kind that came last."""
        if self._open is not None:
            part, writer = self._open
            self._open = None
            with closing(part):
                writer.close()
