"""Names of WAL files, and which of them follow each other without a gap (Postgres manual, "WAL Internals")."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

SEGMENT_BYTES = 16 * 1024 * 1024  # What initdb makes by default.

_SEGMENT = re.compile(r"[0-9A-F]{24}")
_HISTORY = re.compile(r"[0-9A-F]{8}\.history")


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """A WAL segment: its timeline, and its number since the cluster was made."""

    timeline: int
    number: int

    def name(self, size: int = SEGMENT_BYTES) -> str:
        """Return the name of its file."""
        per_log = 2**32 // size
        return f"{self.timeline:08X}{self.number // per_log:08X}{self.number % per_log:08X}"


def segment_of(name: str, size: int = SEGMENT_BYTES) -> Segment | None:
    """Return the segment of a file's name; None for a history file or anything else."""
    if not _SEGMENT.fullmatch(name):
        return None
    return Segment(int(name[:8], 16), int(name[8:16], 16) * (2**32 // size) + int(name[16:], 16))


def segment_at(timeline: int, lsn: int, size: int = SEGMENT_BYTES) -> Segment:
    """Return the segment that holds a position in the log."""
    return Segment(timeline, lsn // size)


def is_history(name: str) -> bool:
    """Return whether a name is that of a timeline's history file."""
    return _HISTORY.fullmatch(name) is not None


def parse_lsn(text: str) -> int:
    """Return a position such as 0/3000028 as a number of bytes."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def format_lsn(lsn: int) -> str:
    """Return a position as Postgres writes it."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def timelines_before(history: str) -> dict[int, int]:
    """Return from a history file where each earlier timeline was left, as positions in the log."""
    found = {}
    for line in history.splitlines():
        parts = line.split()
        if len(parts) >= 2 and parts[0].isdigit():
            found[int(parts[0])] = parse_lsn(parts[1])
    return found


def numbers_of(segments: Iterable[Segment]) -> set[int]:
    """Return the numbers of segments, whatever their timelines: a number is stored once or again at a switch."""
    return {segment.number for segment in segments}


def gaps(numbers: Collection[int], first: int) -> Sequence[int]:
    """Return the numbers that are missing between `first` and the newest; empty where nothing is stored after it."""
    newest = max(numbers, default=-1)
    return [number for number in range(first, newest + 1) if number not in numbers]
