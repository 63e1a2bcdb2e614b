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
    passed: bool
    restored: bool
    seconds: float
    checks: list[str]
    errors: list[str]


class BackupShape(BaseModel):
    """A backup; it `counts` once a test restore has verified it. Sizes in bytes."""

    id: str
    kind: Literal["full", "incremental"]
    parent: str | None
    started_at: str
    finished_at: str
    kgmem: str
    postgres: str
    size: int
    encrypted: bool
    archived: bool
    graphs: list[str]
    counts: bool
    verification: BackupVerification | None


class ArchiveShape(BaseModel):
    """The archive of the write-ahead log: whether it is on, and how many seconds of writes it lacks at most."""

    on: bool
    waits_for_restart: bool
    lag_seconds: float
    segments_waiting: int
    failures: int


class BackupRunShape(BaseModel):
    """Scheduled work that failed, and why."""

    work: str
    at: str
    error: str


class BackupList(BaseModel):
    """The backups, newest first, the state of the archive, and what failed."""

    set_up: bool
    backups: list[BackupShape]
    archive: ArchiveShape | None
    failures: list[BackupRunShape]


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
