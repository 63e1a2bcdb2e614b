"""Real data for tests: the folder that KGMEM_DATA names, and files in it, unpacked."""

import lzma
import os
import tarfile
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("KGMEM_DATA", "/nonexistent"))


def data(path: str) -> Path:
    """Return a file of the data folder; the test is skipped where it is absent."""
    file = FOLDER / path
    if not file.exists():
        pytest.skip(f"KGMEM_DATA names no folder with {path}")
    return file


def members(archive: str, folder: Path) -> Path:
    """Unpack a tar archive of the data folder and give where it lies."""
    with tarfile.open(data(archive)) as packed:
        # Python 3.11.4 and later refuse what leaves the folder; the archives here are known.
        packed.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return folder


def plain(path: str) -> bytes:
    """Return the bytes of an .xz file of the data folder, unpacked."""
    return lzma.decompress(data(path).read_bytes())
