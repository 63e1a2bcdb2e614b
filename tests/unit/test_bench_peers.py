"""The benchmark of peers reports what each did, and why one did not; with fake peers, nothing is installed."""

import sys
import time
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from bench import peers
from bench.rig.peers.data import Shared
from bench.rig.peers.process import NotRunError, Peer, installed

# Answers as a worker does. What it does instead for one task stands in the place of BROKEN.
FAKE = """
import json, sys, time
for line in sys.stdin:
    task = json.loads(line)["task"]
    found = {"vector": ["a", "b"], "filtered": ["a"], "two_hops": 1, "callers": 40}
    answer = {"seconds": 0.5, "found": found.get(task)}
    BROKEN
    print(json.dumps(answer), flush=True)
"""
HANGS = "if task == 'vector': time.sleep(60)"
ENDS = "if task == 'load_facts': sys.exit('out of luck')"
CANNOT = "if task == 'hybrid': answer = {'cannot': 'no words'}"
FAILS = "if task == 'filtered': answer = {'error': 'ValueError: no filter'}"
WRONG = "if task == 'two_hops': answer['found'] = 7"


def small() -> Shared:
    rows = [{"key": key, "label": "Person", "name": key, "text": key} for key in "ab"]
    facts = [{"start": "a", "end": "b", "text": "x"}, {"start": "b", "end": "a", "text": "y"}]
    questions = [{"text": "a", "label": "Person", "key": "a"}] * 7
    return Shared(rows, facts, questions, np.eye(2, dtype="f4"), np.ones((7, 2), "f4"))


def start(folder: Path, broken: str = "") -> Peer:
    return Peer([sys.executable, "-c", FAKE.replace("BROKEN", broken or "pass")], folder)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, peers.Result]:
    doing = {"floor": "", "kgmem": "", "mute": CANNOT, "faulty": FAILS, "wrong": WRONG, "short": ENDS}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peers, "worker", lambda python, name, folder, data: start(folder, doing[name]))
        ran = peers.run(tmp_path_factory.mktemp("peers"), small(), dict.fromkeys(doing))
    return {result.name: result for result in ran}


def test_numbers_are_those_of_the_answers(results: dict[str, peers.Result]) -> None:
    numbers = results["kgmem"].numbers
    assert (numbers["load_entities"], numbers["vector"], numbers["8 callers"], numbers["reopen"]) == (4, 500, 40, 1)
    assert (numbers["vector recall@20"], numbers["filtered recall@20"]) == (1, 0.5)


def test_what_a_peer_cannot_do_or_gets_wrong_is_no_number(results: dict[str, peers.Result]) -> None:
    assert results["mute"].words["hybrid"] == "cannot"
    assert "hybrid" not in results["mute"].numbers
    assert results["mute"].numbers["vector"] == 500
    assert results["faulty"].words["filtered"] == "error: ValueError: no filter"
    assert results["wrong"].words["two_hops"] == "error: 7 found, 1 are there"
    assert "two_hops" not in results["wrong"].numbers


def test_table_has_a_row_for_every_peer_with_ratios_and_reasons(results: dict[str, peers.Result]) -> None:
    printed = StringIO()
    peers.show(list(results.values()), Console(file=printed, width=220))
    lines = printed.getvalue().splitlines()
    row = {name: next(line for line in lines if f" {name} " in line) for name in results}
    assert "500" in row["kgmem"]
    assert "(1 x)" in printed.getvalue()
    assert "cannot" in row["mute"]
    assert "error" in row["faulty"]
    assert "not run" in row["short"]
    assert "short: not run: load_facts: the process ended: out of luck" in lines


def test_peer_that_hangs_is_ended_at_its_limit(tmp_path: Path) -> None:
    peer = start(tmp_path / "peer", HANGS)
    assert peer.call("hybrid")["seconds"] == 0.5
    started = time.monotonic()
    with pytest.raises(NotRunError, match=r"vector: no answer within 0\.2 s"):
        peer.call("vector", limit=0.2)
    assert time.monotonic() - started < 10
    peer.close()


def test_line_that_is_no_answer_is_reported(tmp_path: Path) -> None:
    peer = start(tmp_path / "peer", "answer = 'hello'")
    with pytest.raises(NotRunError, match="open: no answer of the protocol"):
        peer.call("open")
    peer.close()


def test_peer_that_does_not_install_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KGMEM_TEST_PEERS", str(tmp_path / "environments"))
    monkeypatch.setattr("venv.create", lambda *_, **__: None)
    requirements = tmp_path / "peer.txt"
    requirements.write_text("peer==1\n")
    with pytest.raises(NotRunError, match=r"not installed: .*No such file"):
        installed(requirements)
