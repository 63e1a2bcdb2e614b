"""What Postgres itself runs: WAL segments into the archive and out of it; and backups sealed by age.

A script that needs nothing but the standard library (and pyrage where something is encrypted), so that Postgres waits
for 30 ms and not for all of kgmem: `python -I archive_command.py push|fetch|seal|open ...`.

A segment is stored as `<name>-<sha256 of its content>.gz`, or `.gz.age`. So content is compared without being
decrypted, and what comes out is checked against its name. Exit codes above 125 make a recovery stop instead of taking
a damaged segment for the end of the log.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import re
import sys
import tarfile
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

_CHUNK = 1024 * 1024
_BLOCK = 512
_NOT_FOUND, _BROKEN = 1, 140
_STORED = re.compile(r"(?P<name>[0-9A-F.a-z]+)-(?P<digest>[0-9a-f]{64})\.gz(?P<age>\.age)?")
MANIFEST = "backup_manifest"


class CommandError(Exception):
    """What one of these commands cannot do, in words for Postgres' log."""


def push(archive: Path, source: Path, recipients: Sequence[str] = ()) -> None:
    """Store a WAL file durably. Accept the same content again; refuse other content under a name that is taken."""
    content = source.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    folder = _folder(archive, source.name)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for stored in stored_files(archive, source.name):
        if f"-{digest}." not in stored.name:
            raise CommandError(f"{stored} has other content than {source}: it is not overwritten.")
        _sync(folder)  # What stored it may have died before this.
        return
    packed = gzip.compress(content, compresslevel=1, mtime=0)
    name = f"{source.name}-{digest}.gz"
    if recipients:
        packed, name = _age().encrypt(packed, _recipients(recipients)), name + ".age"
    for left in folder.glob(f".{source.name}-*.partial"):
        left.unlink(missing_ok=True)
    partial = folder / f".{source.name}-{os.getpid()}.partial"
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(packed)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(folder / name)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync(folder)
    _sync(folder.parent)


def fetch(archive: Path, name: str, target: Path, identity: Path | None = None) -> bool:
    """Write a WAL file of the archive to `target`; return False when the archive does not have it."""
    stored = stored_files(archive, name)
    if not stored:
        return False
    if len(stored) > 1:
        raise CommandError(f"The archive has {len(stored)} files of different content named {name}.")
    parts = _STORED.fullmatch(stored[0].name)
    packed = stored[0].read_bytes()
    if parts is None:
        raise CommandError(f"{stored[0]} is no file of the archive.")
    try:
        if parts["age"]:
            packed = _age().decrypt(packed, _identities(identity))
        content = gzip.decompress(packed)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise CommandError(f"{stored[0]} is damaged: {error}.") from error
    if hashlib.sha256(content).hexdigest() != parts["digest"]:
        raise CommandError(f"{stored[0]} is damaged: its content is another one than its name says.")
    with target.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return True


def stored_files(archive: Path, name: str) -> list[Path]:
    """Return what the archive has under a name: one file, or none."""
    return sorted(_folder(archive, name).glob(f"{name}-*.gz*"))


def name_of(path: Path) -> str | None:
    """Return the name of the WAL file that a file of the archive holds; None for what is no such file."""
    parts = _STORED.fullmatch(path.name)
    return parts["name"] if parts else None


def _folder(archive: Path, name: str) -> Path:
    """Return the folder of a file: some hundred segments each, since folders with many files are slow to read."""
    return archive / (name[:16] if len(name) >= 24 else "history")


def seal(out: Path, manifest: Path, recipients: Sequence[str], source: BinaryIO) -> dict[str, Any]:
    """Compress and encrypt a tar stream of pg_basebackup into a file, and write its manifest beside it.

    Raises CommandError when the stream ends before its end, so that a killed pg_basebackup leaves nothing that looks
    like a backup.
    """
    reader = _TarReader(source, manifest)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(out, flags, 0o600), "wb") as file:
        writer = _Hashed(file)
        age = _age()
        try:
            age.encrypt_io(reader, writer, _recipients(recipients))
        except age.EncryptError as error:  # What the reader or the writer raised is in its text.
            raise CommandError(str(error)) from error
        file.flush()
        os.fsync(file.fileno())
    reader.close()
    return {"sha256": writer.digest.hexdigest(), "bytes": writer.size}


def open_sealed(sealed: Path, into: Path, identity: Path | None) -> None:
    """Decrypt a sealed backup into an empty folder; nothing in it can lead outside of that folder."""
    read, write = os.pipe()
    failed: list[BaseException] = []

    def decrypt() -> None:
        try:
            with os.fdopen(write, "wb") as writer, sealed.open("rb") as file:
                _age().decrypt_io(file, writer, _identities(identity))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=decrypt)
    thread.start()
    try:
        with os.fdopen(read, "rb") as stream, tarfile.open(fileobj=stream, mode="r|gz") as tar:
            for member in tar:
                _extract(tar, member, into)
            while stream.read(_CHUNK):
                pass
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        thread.join()
        raise CommandError(f"{sealed} cannot be read: {failed[0] if failed else error}.") from error
    thread.join()
    if failed:
        raise CommandError(f"{sealed} cannot be decrypted: {failed[0]}.")


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, into: Path) -> None:
    path = into / member.name
    if not path.resolve().is_relative_to(into.resolve()) or not (member.isdir() or member.isfile()):
        raise CommandError(f"The backup has {member.name!r}, which is neither a file nor a folder of a data folder.")
    if member.isdir():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return
    content = tar.extractfile(member)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while content is not None and (chunk := content.read(_CHUNK)):
            file.write(chunk)


class _Hashed:
    """A writer that keeps the digest of what goes through it."""

    def __init__(self, file: BinaryIO) -> None:
        self.digest = hashlib.sha256()
        self.size = 0
        self._file = file

    def write(self, chunk: bytes) -> int:
        """Write a chunk."""
        self.digest.update(chunk)
        self.size += len(chunk)
        return self._file.write(chunk)

    def flush(self) -> None:
        """Flush the file."""
        self._file.flush()


class _TarReader:
    """A tar stream, compressed as it is read; the manifest in it is written to a file of its own."""

    def __init__(self, source: BinaryIO, manifest: Path) -> None:
        self._source = source
        self._manifest = manifest
        self._packer = zlib.compressobj(level=1, wbits=31)
        self._packed = b""
        self._ended = False
        self._scan = _TarScan()

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes of the compressed stream."""
        while not self._ended and (size < 0 or len(self._packed) < size):
            chunk = self._source.read(_CHUNK)
            if chunk:
                self._scan.feed(chunk)
                self._packed += self._packer.compress(chunk)
            else:
                self._scan.finish()
                self._packed += self._packer.flush()
                self._ended = True
        taken = self._packed if size < 0 else self._packed[:size]
        self._packed = self._packed[len(taken) :]
        return taken

    def close(self) -> None:
        """Write the manifest."""
        with os.fdopen(os.open(self._manifest, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(self._scan.manifest.getvalue())
            file.flush()
            os.fsync(file.fileno())


class _TarScan:
    """Follows the members of a tar stream: finds the manifest, and whether the stream is whole."""

    def __init__(self) -> None:
        self.manifest = io.BytesIO()
        self._buffer = bytearray()
        self._left = 0  # Bytes of the member that are to come.
        self._padding = 0
        self._keeping = False
        self._ended = False

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes."""
        self._buffer += chunk
        position = 0
        while not self._ended:
            step = min(self._left + self._padding, len(self._buffer) - position)
            if step:
                kept = min(step, self._left)
                if self._keeping and kept:
                    self.manifest.write(self._buffer[position : position + kept])
                self._padding -= step - kept
                self._left -= kept
                position += step
                continue
            if len(self._buffer) - position < _BLOCK:
                break
            self._header(bytes(self._buffer[position : position + _BLOCK]))
            position += _BLOCK
        del self._buffer[:position]
        if self._ended:
            self._buffer.clear()

    def finish(self) -> None:
        """Raise CommandError unless the stream came to its end and had a manifest."""
        if not self._ended or not self.manifest.tell():
            raise CommandError("The backup broke off: its stream has no end.")

    def _header(self, header: bytes) -> None:
        if not header.strip(b"\0"):
            self._ended = True
            return
        member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        self._keeping = member.name == MANIFEST
        self._left = member.size if member.isfile() else 0
        self._padding = -self._left % _BLOCK


def _recipients(texts: Sequence[str]) -> list[Any]:
    age = _age()
    kinds = {True: age.ssh.Recipient, False: age.x25519.Recipient}
    return [kinds[text.startswith("ssh-")].from_str(text) for text in texts]


def _identities(path: Path | None) -> list[Any]:
    if path is None:
        raise CommandError("This is encrypted: give the file with the age identity (KGMEM_BACKUP_IDENTITY).")
    content = path.read_bytes()
    age = _age()
    if content.startswith(b"-----BEGIN"):
        return [age.ssh.Identity.from_buffer(content)]
    lines = [line.strip() for line in content.decode().splitlines()]
    found = [age.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    if not found:
        raise CommandError("The file of the age identity has none.")
    return found


def _age() -> Any:
    import pyrage  # noqa: PLC0415 - only where something is encrypted

    return pyrage


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    parser = argparse.ArgumentParser(prog="archive_command")
    commands = parser.add_subparsers(dest="command", required=True)
    pushing = commands.add_parser("push")
    pushing.add_argument("--archive", type=Path, required=True)
    pushing.add_argument("--recipient", action="append", default=[])
    pushing.add_argument("source", type=Path)
    fetching = commands.add_parser("fetch")
    fetching.add_argument("--archive", type=Path, required=True)
    fetching.add_argument("--identity", type=Path)
    fetching.add_argument("name")
    fetching.add_argument("target", type=Path)
    sealing = commands.add_parser("seal")
    sealing.add_argument("--out", type=Path, required=True)
    sealing.add_argument("--manifest", type=Path, required=True)
    sealing.add_argument("--recipient", action="append", default=[])
    opening = commands.add_parser("open")
    opening.add_argument("--identity", type=Path)
    opening.add_argument("--into", type=Path, required=True)
    opening.add_argument("sealed", type=Path)
    given = parser.parse_args(arguments)
    os.umask(0o077)
    try:
        return _run(given)
    except Exception as error:
        print(f"kgmem archive: {error}", file=sys.stderr)  # noqa: T201
        return _BROKEN if given.command == "fetch" else 1


def _run(given: argparse.Namespace) -> int:
    if given.command == "push":
        push(given.archive, given.source, given.recipient)
    elif given.command == "fetch":
        return 0 if fetch(given.archive, given.name, given.target, given.identity) else _NOT_FOUND
    elif given.command == "seal":
        print(json.dumps(seal(given.out, given.manifest, given.recipient, sys.stdin.buffer)))  # noqa: T201
    else:
        open_sealed(given.sealed, given.into, given.identity)
    return 0


if __name__ == "__main__":
    sys.exit(main())
