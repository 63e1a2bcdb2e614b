"""Who may read which files: private files, and a way for one account through folders that stay closed to others."""

import errno
import os
import stat
import struct
from pathlib import Path

from kgmem.domain.errors import ServerError

# The layout of Linux's system.posix_acl_access (linux/posix_acl_xattr.h): a version, then tag, rights, id.
_ATTRIBUTE = "system.posix_acl_access"
_VERSION = 2
_ENTRY = struct.Struct("<HHI")
_OWNER, _USER, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
_NOBODY = 0xFFFFFFFF
_SEARCH = 0o1

Entry = tuple[int, int, int]


def open_private(path: Path, flags: int) -> int:
    """Open a file that only its owner may read, made when it is missing; return a descriptor.

    Made by root in the folder of a user it is that user's, who must be able to use it when root is done.
    """
    descriptor = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.fchown(descriptor, folder.st_uid, folder.st_gid)
    return descriptor


def allow_search(folder: Path, name: str, uid: int) -> None:
    """Allow the account to pass through `folder`, not to list it. Raises ServerError for a folder of another account.

    By an access control list where the file system has them, so that nobody else gains anything; else for everybody.
    """
    about = folder.stat()
    if about.st_uid not in (0, uid):
        raise ServerError(
            f"Postgres runs as the user {name}, who cannot pass through {folder}, a folder of another user.",
            hint=f"Set KGMEM_HOME to a folder elsewhere, or allow it with `setfacl -m u:{name}:x {folder}`.",
            path=str(folder),
        )
    if not hasattr(os, "setxattr") or not _extend_list(folder, about.st_mode, uid):
        folder.chmod(stat.S_IMODE(about.st_mode) | stat.S_IXOTH)


def _extend_list(folder: Path, mode: int, uid: int) -> bool:
    """Add the account to the folder's access control list; False where the file system has none."""
    try:
        held = _decode(os.getxattr(folder, _ATTRIBUTE))
    except OSError as exc:
        if exc.errno == errno.ENOTSUP:
            return False
        if exc.errno != errno.ENODATA:
            raise
        held = [(_OWNER, mode >> 6 & 7, _NOBODY), (_GROUP, mode >> 3 & 7, _NOBODY), (_OTHER, mode & 7, _NOBODY)]
    try:
        os.setxattr(folder, _ATTRIBUTE, _encode(with_search(held, uid)))
    except OSError as exc:
        if exc.errno == errno.ENOTSUP:
            return False
        raise
    return True


def with_search(entries: list[Entry], uid: int) -> list[Entry]:
    """The entries of an access control list with the right to pass through for one more user."""
    group = next(rights for tag, rights, _ in entries if tag == _GROUP)
    mask = next((rights for tag, rights, _ in entries if tag == _MASK), group)
    mine = next((rights for tag, rights, who in entries if (tag, who) == (_USER, uid)), 0)
    others = [entry for entry in entries if entry[0] != _MASK and (entry[0], entry[2]) != (_USER, uid)]
    return sorted(
        [*others, (_USER, mine | _SEARCH, uid), (_MASK, mask | _SEARCH, _NOBODY)],
        key=lambda entry: (entry[0], entry[2]),
    )


def _decode(raw: bytes) -> list[Entry]:
    return [_ENTRY.unpack_from(raw, offset) for offset in range(4, len(raw), _ENTRY.size)]


def _encode(entries: list[Entry]) -> bytes:
    return struct.pack("<I", _VERSION) + b"".join(_ENTRY.pack(*entry) for entry in entries)
