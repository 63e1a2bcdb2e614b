"""A backup of a whole database server, its verification, the plan that makes backups, and the state of all of it."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol

from kgmem.domain.errors import InvalidInput
from kgmem.domain.time.interval import instant_of

Kind = Literal["full", "incremental"]
Report = Callable[[str], None]

# Seconds after which Postgres hands over a WAL segment that is not full: what a lost disk may cost at most, with the
# time that its copy takes.
ARCHIVE_TIMEOUT = 60


@dataclass(frozen=True, slots=True)
class CountRange:
    """How many rows a table has in a backup: one number, or a range where writes went on while it was made."""

    least: int
    most: int

    def holds(self, count: int) -> bool:
        """Return whether a count fits."""
        return self.least <= count <= self.most


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of a check of a backup.

    Only a `restored` one counts: a test restore started it, compared its counts, and asked a recall and a Cypher query.
    """

    at: str
    passed: bool
    restored: bool
    seconds: float
    checks: Sequence[str] = ()
    errors: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup: what is in it, what it is based on, and how it was verified; sizes in bytes, positions as numbers.

    `counts` per graph has the rows of each table, as the name of the table in its schema.
    """

    id: str
    kind: Kind
    parent: str | None
    started_at: str
    finished_at: str
    kgmem: str
    postgres: str
    extensions: Mapping[str, str]
    system: str
    timeline: int
    start_lsn: int
    end_lsn: int
    database: str
    role: str
    embedded: bool
    encrypted: bool
    size: int
    archived: bool
    graphs: Mapping[str, Mapping[str, CountRange]] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    verification: Verification | None = None

    @property
    def finished(self) -> datetime:
        """When it was complete."""
        return moment(self.finished_at)

    @property
    def counts(self) -> bool:
        """Whether the newest verification was a test restore that passed."""
        return self.verification is not None and self.verification.passed and self.verification.restored


def moment(text: str) -> datetime:
    """Return the time of an ISO 8601 text, to the microsecond. Raises InvalidInput."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant_of_text(text))


def instant_of_text(text: str) -> int:
    """Return the microseconds since 1970 of an ISO 8601 text with a time of day. Raises InvalidInput."""
    if len(text.strip()) < len("2026-01-01T00:00"):
        raise InvalidInput(f"{text!r} is not a moment.", hint="Give date and time, such as 2026-11-24T09:30:00Z.")
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(
            f"{text!r} is not a valid time.", hint="Give ISO 8601, such as 2026-11-24T09:30:00Z."
        ) from None
    return instant_of(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often a worker makes, verifies and prunes backups; None never."""

    incremental: timedelta | None = timedelta(hours=1)
    full: timedelta | None = timedelta(days=1)
    verify: timedelta | None = timedelta(days=7)
    keep: str = "hourly=24,daily=7,weekly=4,monthly=6,wal=7d"


@dataclass(frozen=True, slots=True)
class BackupPlan:
    """What is set up on one machine: the folder of backups, whom they are encrypted for, and what is done by itself.

    `copy_folder` or `copy_command` names a second target. `archive` is whether WAL is archived in the folder.
    """

    folder: str | None = None
    recipients: Sequence[str] = ()
    archive: bool = False
    archive_timeout: int = ARCHIVE_TIMEOUT
    schedule: Schedule | None = None
    copy_folder: str | None = None
    copy_command: str | None = None


@dataclass(frozen=True, slots=True)
class ArchiveState:
    """Whether WAL is archived, and how far that is behind.

    `waits_for_restart`: the server archives only from its next start on. `lag_seconds` is the age of the oldest write
    that is in no archived segment, at most.
    """

    on: bool
    waits_for_restart: bool = False
    lag_seconds: float = 0.0
    segments_waiting: int = 0
    last_segment: str | None = None
    last_archived_at: str | None = None
    failures: int = 0
    last_failure_at: str | None = None


@dataclass(frozen=True, slots=True)
class BackupRun:
    """The newest attempt of a kind of scheduled work: `create`, `verify`, `prune` or `copy`."""

    work: str
    at: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class BackupState:
    """The state of backups on this machine. Without a folder nothing is set up here."""

    folder: str | None
    backups: int = 0
    bytes: int = 0
    last: Backup | None = None
    last_verified: Backup | None = None
    last_failed: Backup | None = None
    archive: ArchiveState | None = None
    schedule: Schedule | None = None
    failures: Sequence[BackupRun] = ()


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """What backup to make, and where."""

    kind: Kind | None = None
    recipients: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """What to restore: a backup, or the newest before `at`; without both, the newest state that can be had."""

    into: str
    id: str | None = None
    at: str | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """A restored data folder, the backup it comes from, and up to when it goes."""

    folder: str
    backup: Backup
    until: str | None
    seconds: float
    rebuilt: int


@dataclass(frozen=True, slots=True)
class Trial:
    """A backup that was restored and started for a while; `url` leads to its database."""

    backup: Backup
    url: str


@dataclass(frozen=True, slots=True)
class SampleText:
    """Words of a stored text, and the scope in which recall finds it."""

    graph: str
    scope: str
    words: str


@dataclass(frozen=True, slots=True)
class CountedTable:
    """The rows of a table in a restored copy."""

    graph: str
    table: str
    rows: int


class BackupStore(Protocol):
    """Makes, reads, checks, restores and removes the backups of one folder."""

    @property
    def folder(self) -> Path | None:
        """The folder of backups: the one that was named, or the plan's."""

    @property
    def exists(self) -> bool:
        """Whether that folder has been made."""

    def plan(self) -> BackupPlan:
        """Return what is set up on this machine."""

    async def set_plan(self, plan: BackupPlan) -> None:
        """Store what is set up."""

    async def create(self, request: CreateRequest, report: Report) -> Backup:
        """Make a backup. Raises InvalidInput, Conflict, OutOfSpace, ServerError."""

    async def list(self) -> Sequence[Backup]:
        """Return all complete backups, oldest first."""

    async def get(self, id_: str) -> Backup:
        """Return one backup. Raises NotFound."""

    async def check(self, id_: str, report: Report) -> Sequence[str]:
        """Compare the files of a backup, and of those it is based on, with their manifests; return the damage."""

    def trial(self, id_: str, report: Report) -> AbstractAsyncContextManager[Trial]:
        """Restore a backup into a scratch folder and start it, without its archive."""

    async def counted(self, url: str) -> Sequence[CountedTable]:
        """Return the rows of each table of each graph in a restored copy."""

    async def index_errors(self, url: str) -> Sequence[str]:
        """Return what is wrong with the keyword and vector indexes of a restored copy."""

    def samples(self, url: str) -> AsyncIterator[SampleText]:
        """Return words of one text of each graph, where it has one."""

    async def note(self, id_: str, verification: Verification) -> None:
        """Store the result of a verification with the backup."""

    async def restore(self, request: RestoreRequest, report: Report) -> Restored:
        """Restore into a new folder. Raises NotFound, InvalidInput, ServerError."""

    async def prune(self, keep: str, now: datetime, report: Report, *, dry_run: bool) -> Mapping[str, Any]:
        """Remove what a rule does not keep; return what was removed."""

    async def copy(self, report: Report) -> int:
        """Bring the second target up to date; return how many files were copied."""

    async def state(self) -> BackupState:
        """Return the state of backups, and of the archive where the database answers."""

    async def note_run(self, run: BackupRun) -> None:
        """Store the outcome of scheduled work."""

    async def runs(self) -> Sequence[BackupRun]:
        """Return the newest outcome of each kind of scheduled work."""
