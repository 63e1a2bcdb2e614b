"""Backups: listed, made and verified as jobs on the server's machine; for admins of the whole server."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field
from starlette.responses import Response

from kgmem.domain.backups.backup import Backup
from kgmem_api.access import Administers
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import gives
from kgmem_api.replies import reply
from kgmem_api.wire.answers import JobAccepted
from kgmem_api.wire.fields import STRICT

# Backups on the wire.


class BackupRequest(BaseModel):
    """A backup to make; where it goes and whom it is encrypted for is set up on the server's machine."""

    model_config = STRICT

    kind: Annotated[
        Literal["full", "incremental"] | None, Field(description="By default incremental where one fits, else full.")
    ] = None


class BackupVerification(BaseModel):
    """The result of the newest check; `restored` is whether a test restore started and queried it."""

    at: str
    passed: Annotated[bool, Field(description="Whether every check passed.")]
    restored: bool
    seconds: float
    checks: list[str]
    errors: list[str]


class BackupShape(BaseModel):
    """A backup; it `counts` once a test restore has verified it. Sizes in bytes."""

    id: str
    kind: Literal["full", "incremental"]
    parent: str | None
    started_at: Annotated[str, Field(description="When it was begun. ISO 8601.")]
    finished_at: str
    kgmem: Annotated[str, Field(description="The version of kgmem.")]
    postgres: Annotated[str, Field(description="The version of Postgres.")]
    size: int
    encrypted: Annotated[bool, Field(description="Whether its files are encrypted.")]
    archived: Annotated[
        bool, Field(description="Whether the archive continues it, so that a moment after it can be restored.")
    ]
    graphs: list[str]
    counts: Annotated[bool, Field(description="Whether a test restore has verified it.")]
    verification: Annotated[BackupVerification | None, Field(description="The newest check; null: none yet.")]


class ArchiveShape(BaseModel):
    """The archive of the write-ahead log: whether it is on, and how many seconds of writes it lacks at most."""

    on: Annotated[bool, Field(description="Whether Postgres archives its write-ahead log.")]
    waits_for_restart: Annotated[bool, Field(description="Whether Postgres has to restart before it does.")]
    lag_seconds: Annotated[float, Field(description="How many seconds of writes the archive lacks at most.")]
    segments_waiting: Annotated[int, Field(description="How many finished segments are not archived yet.")]
    failures: Annotated[int, Field(description="How often archiving failed since the statistics were reset.")]


class BackupRunShape(BaseModel):
    """Scheduled work that failed, and why."""

    work: Annotated[str, Field(description="The work, such as `back_up`.")]
    at: str
    error: Annotated[str, Field(description="Why it failed.")]


class BackupList(BaseModel):
    """The backups, newest first, the state of the archive, and what failed."""

    set_up: Annotated[bool, Field(description="Whether a folder for backups is set up on the server's machine.")]
    backups: Annotated[list[BackupShape], Field(description="The backups, newest first.")]
    archive: Annotated[
        ArchiveShape | None, Field(description="The archive of the write-ahead log; null where none is set up.")
    ]
    failures: Annotated[list[BackupRunShape], Field(description="Scheduled work that failed.")]


router = APIRouter(tags=["backups"])
_Id = Annotated[str, Path(alias="id", min_length=1, max_length=60)]
_Asked = Annotated[BackupRequest, Depends(JSONBody(BackupRequest, optional=True))]
_QUEUED = {
    **gives(JobAccepted, 202, "It will be done."),
    **gives(JobAccepted, 200, "The same one waits already."),
}


def _shown(backup: Backup) -> dict[str, Any]:
    told = {name: getattr(backup, name) for name in BackupShape.model_fields if hasattr(backup, name)}
    return {**told, "graphs": sorted(backup.graphs), "verification": backup.verification}


@router.get("/v1/backups", responses=gives(BackupList))
async def list_backups(access: Administers) -> Response:
    """List the backups of the server, newest first, with the state of the archive."""
    state = await access.memory.backups.state()
    backups = await access.memory.backups.list() if state.backups else []
    archive = asdict(state.archive) if state.archive else None
    return reply(
        {
            "set_up": state.folder is not None,
            "backups": [_shown(each) for each in reversed(backups)],
            "archive": {name: archive[name] for name in ArchiveShape.model_fields} if archive else None,
            "failures": state.failures,
        }
    )


@router.get("/v1/backups/{id}", responses=gives(BackupShape))
async def get_backup(id_: _Id, access: Administers) -> Response:
    """Return a backup."""
    return reply(_shown(await access.memory.backups.get(id_)))


@router.post("/v1/backups", status_code=202, responses=_QUEUED)
async def post_backup(access: Administers, asked: _Asked) -> Response:
    """Queue a backup, in the folder that is set up on the server's machine."""
    return _accepted(await access.memory.backups.enqueue("back_up", kind=asked.kind))


@router.post("/v1/backups/{id}/verifications", status_code=202, responses=_QUEUED)
async def post_backup_verification(id_: _Id, access: Administers) -> Response:
    """Queue a test restore of a backup, which starts it, counts it and queries it."""
    backup = await access.memory.backups.get(id_)
    return _accepted(await access.memory.backups.enqueue("verify_backup", id=backup.id))


def _accepted(job: int | None) -> Response:
    if job is None:
        return reply({"job": None})
    return reply({"job": job}, 202, {"Location": f"/v1/jobs/{job}"})
