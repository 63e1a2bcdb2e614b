"""What Postgres runs to archive its WAL: nothing is overwritten, nothing damaged is handed out."""

import io
import os
import stat
import tarfile
from pathlib import Path

import pyrage
import pytest

from kgmem.store.embedded.archive_command import CommandError, fetch, main, open_sealed, push, seal, stored_files

NAME = "000000010000000000000007"


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    """A segment, as Postgres hands it over."""
    path = tmp_path / "pg_wal" / NAME
    path.parent.mkdir()
    path.write_bytes(os.urandom(1000) + bytes(100_000))
    return path


@pytest.fixture
def identity(tmp_path: Path) -> tuple[Path, str]:
    """The file of an age identity, and its recipient."""
    made = pyrage.x25519.Identity.generate()
    path = tmp_path / "identity"
    path.write_text(f"# made for a test\n{made}\n")
    return path, str(made.to_public())


def test_a_segment_comes_back_as_it_was(tmp_path: Path, segment: Path) -> None:
    archive = tmp_path / "wal"
    push(archive, segment)
    assert fetch(archive, NAME, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == segment.read_bytes()
    (stored,) = stored_files(archive, NAME)
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    assert stored.stat().st_size < 10_000


def test_the_same_content_is_accepted_again_and_other_content_refused(tmp_path: Path, segment: Path) -> None:
    archive = tmp_path / "wal"
    push(archive, segment)
    push(archive, segment)
    before = segment.read_bytes()
    segment.write_bytes(b"other" + before)
    with pytest.raises(CommandError, match="not overwritten"):
        push(archive, segment)
    assert main(["push", "--archive", str(archive), str(segment)]) == 1
    fetch(archive, NAME, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == before


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    assert main(["fetch", "--archive", str(tmp_path), NAME, str(tmp_path / "out")]) == 1


@pytest.mark.parametrize("damage", ["cut", "changed", "renamed"])
def test_a_damaged_segment_stops_the_recovery(tmp_path: Path, segment: Path, damage: str) -> None:
    archive = tmp_path / "wal"
    push(archive, segment)
    (stored,) = stored_files(archive, NAME)
    content = stored.read_bytes()
    if damage == "cut":
        stored.write_bytes(content[:-20])
    elif damage == "changed":
        stored.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    else:
        digest = "0" * 64
        stored.rename(stored.with_name(f"{NAME}-{digest}.gz"))
    # Codes above 125 end a recovery; a smaller one would be the end of the log.
    assert main(["fetch", "--archive", str(archive), NAME, str(tmp_path / "out")]) > 125
    assert not (tmp_path / "out").exists()


def test_an_encrypted_segment_needs_the_identity(tmp_path: Path, segment: Path, identity: tuple[Path, str]) -> None:
    archive, (path, recipient) = tmp_path / "wal", identity
    push(archive, segment, [recipient])
    push(archive, segment, [recipient])
    (stored,) = stored_files(archive, NAME)
    assert b"age-encryption.org" in stored.read_bytes()
    assert fetch(archive, NAME, tmp_path / "out", path)
    assert (tmp_path / "out").read_bytes() == segment.read_bytes()
    other = tmp_path / "other"
    other.write_text(str(pyrage.x25519.Identity.generate()))
    for wrong in ([], ["--identity", str(other)]):
        assert main(["fetch", "--archive", str(archive), *wrong, NAME, str(tmp_path / "out2")]) > 125


def tar_of(members: dict[str, bytes]) -> bytes:
    """A tar stream with some files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def test_a_sealed_stream_comes_back_with_its_manifest(tmp_path: Path, identity: tuple[Path, str]) -> None:
    path, recipient = identity
    members = {"base/1/2": os.urandom(300_000), "empty": b"", "backup_manifest": b'{"a": 1}' * 1000}
    seal(tmp_path / "sealed", tmp_path / "manifest", [recipient], io.BytesIO(tar_of(members)))
    assert (tmp_path / "manifest").read_bytes() == members["backup_manifest"]
    into = tmp_path / "into"
    into.mkdir()
    open_sealed_with_folders(tmp_path / "sealed", into, path)
    assert {name: (into / name).read_bytes() for name in members} == members


def open_sealed_with_folders(sealed: Path, into: Path, identity: Path) -> None:
    """Open a stream whose folders are not in it."""
    (into / "base" / "1").mkdir(parents=True)
    open_sealed(sealed, into, identity)


@pytest.mark.parametrize("cut", [0, 700, 150_000, -1024])
def test_a_stream_that_breaks_off_is_no_backup(tmp_path: Path, identity: tuple[Path, str], cut: int) -> None:
    whole = tar_of({"base": os.urandom(200_000), "backup_manifest": b"{}"})
    whole = whole[: whole.rindex(b"{}") + 512]
    with pytest.raises(CommandError, match="broke off"):
        seal(tmp_path / "sealed", tmp_path / "manifest", [identity[1]], io.BytesIO(whole[:cut]))
    assert not (tmp_path / "manifest").exists()


@pytest.mark.parametrize("name", ["../outside", "/outside"])
def test_nothing_of_a_sealed_backup_leads_outside(tmp_path: Path, identity: tuple[Path, str], name: str) -> None:
    path, recipient = identity
    stream = io.BytesIO(tar_of({name: b"x", "backup_manifest": b"{}"}))
    seal(tmp_path / "sealed", tmp_path / "manifest", [recipient], stream)
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(CommandError):
        open_sealed(tmp_path / "sealed", into, path)
    assert not (tmp_path / "outside").exists()


def test_a_sealed_backup_that_was_changed_is_refused(tmp_path: Path, identity: tuple[Path, str]) -> None:
    path, recipient = identity
    seal(
        tmp_path / "sealed",
        tmp_path / "m",
        [recipient],
        io.BytesIO(tar_of({"a": os.urandom(99), "backup_manifest": b"{}"})),
    )
    content = (tmp_path / "sealed").read_bytes()
    (tmp_path / "sealed").write_bytes(content[:-30] + bytes([content[-30] ^ 1]) + content[-29:])
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(CommandError):
        open_sealed(tmp_path / "sealed", into, path)
