"""docs/backup.md: its commands are run in their order, on a server of their own."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.embedded import kill_all
from tests.pages import PAGES, blocks

ROOT = Path(__file__).parents[2]
REASON = "needs a server of its own"


SWITCH = "SELECT pg_switch_wal()"
BEHIND = "SELECT last_archived_wal < pg_walfile_name(pg_current_wal_lsn() - 16777216) FROM pg_stat_archiver"


def wait_for_the_archive(shell: Callable[[str], str]) -> None:
    """Wait until what was written is archived."""
    ends = time.monotonic() + 30
    while shell(f'kgmem db psql -Atc "{BEHIND}"').strip() != "f":
        assert time.monotonic() < ends
        time.sleep(0.1)


@pytest.mark.slow
def test_the_commands_of_the_page_work_in_their_order(short_folder: Path) -> None:
    short_folder.chmod(0o711)
    commands = short_folder / "bin"
    commands.mkdir()
    (commands / "kgmem").write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -c "from kgmem.cli.main import run; run()" "$@"\n'
    )
    (commands / "kgmem").chmod(0o755)
    environment = {
        "PATH": f"{commands}:{os.defpath}",
        "PYTHONPATH": str(ROOT),
        "KGMEM_HOME": str(short_folder / "home"),
        "KGMEM_EMBEDDER": "none",
        "KGMEM_EXTRACTOR": "none",
        "HOME": str(short_folder),
    }

    def shell(text: str) -> str:
        done = subprocess.run(
            ["bash", "-e", "-c", text], cwd=short_folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (text, done.stdout, done.stderr)
        return done.stdout

    try:
        shell("kgmem db migrate && kgmem graph create main && kgmem remember 'Ada works for Acme.' --graph main")
        shell("kgmem db start")  # The page is about a server that runs.
        printed = ""
        for block in blocks(PAGES["backup.md"]):
            if block.reason == REASON and block.language == "sh":
                text = re.sub(r"/(backups/kgmem|srv/\w+)", lambda path: str(short_folder / path[1]), block.text)
                if "--at" in text:
                    moment = datetime.now(UTC).isoformat()
                    shell(f"kgmem remember 'Ada quit Acme.' --graph main && kgmem db psql -c '{SWITCH}'")
                    wait_for_the_archive(shell)
                    text = text.replace("2026-11-24T09:59:00Z", moment)
                text = text.replace("archive on", "archive on --restart").replace(
                    "kgmem doctor", "kgmem doctor || true"
                )
                (short_folder / "srv").mkdir(exist_ok=True)
                printed += shell(text)
        assert "Passed in" in printed
        assert "a first segment is there" in printed
        assert "Acme" in shell("kgmem recall 'Ada Acme' --graph restored")
    finally:
        shell("kgmem db stop")
        for home in [short_folder / "home", *(short_folder / "srv").iterdir()]:
            kill_all(home)
