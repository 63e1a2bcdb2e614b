"""What `.ci/run` has no time left for is skipped, and said to be."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.long
@pytest.mark.parametrize(("seconds", "told"), [(-1, "4 skipped"), (600, "4 passed")])
def test_tests_that_would_begin_too_late_are_skipped(seconds: int, told: str) -> None:
    environment = {**os.environ, "KGMEM_TEST_UNTIL": str(time.time() + seconds)}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "tests/unit/test_commit_clock.py"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, told in done.stdout) == (0, True), done.stdout
    assert ("no time was left" in done.stdout) == (seconds < 0)
