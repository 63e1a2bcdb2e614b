"""The benchmark of peers reports what each did, and why one did not; with fake peers, nothing is installed."""

import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import httpx
import numpy as np
import pytest
from rich.console import Console

from bench import peers
from bench.rig.peers.data import Shared
from bench.rig.peers.process import REQUIREMENTS, NotRunError, Peer, Requirements, installed
from bench.rig.peers.stub import Vectors, body, endpoint

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
    assert results["mute"].words["hybrid"] == "-: no words"
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
    assert " - " in row["mute"]
    assert "mute: hybrid, 1 caller, 8 callers: -: no words" in lines
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


@pytest.mark.long
def test_peer_that_does_not_install_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KGMEM_TEST_PEERS", str(tmp_path / "environments"))
    requirements = tmp_path / "peer.txt"
    requirements.write_text("-r nowhere.txt\n")
    with pytest.raises(NotRunError, match=r"not installed: ERROR: .*nowhere\.txt"):
        installed(Requirements.read(requirements))


def test_requirements_name_the_rows_and_the_python_that_a_peer_takes(tmp_path: Path) -> None:
    path = tmp_path / "peer.txt"
    path.write_text("# rows 2000\n# python 3.12\npeer==1\n")
    assert Requirements.read(path) == Requirements(path, 2000, (3, 12))
    path.write_text("peer==1\n")
    assert Requirements.read(path) == Requirements(path)


def test_python_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("KGMEM_TEST_PEERS", str(tmp_path / "environments"))
    requirements = Requirements(tmp_path / "peer.txt", python=(3, 99))
    requirements.path.write_text("peer==1\n")
    with pytest.raises(NotRunError, match=r"it needs Python 3\.99, which is not on the PATH"):
        installed(requirements)
    newer = tmp_path / "versions" / "3.99.1" / "bin" / "python"
    newer.parent.mkdir(parents=True)
    newer.write_text("#!/bin/sh\nif [ $1 = -c ]; then echo 3 99; else echo made by 3.99 >&2; exit 1; fi\n")
    newer.chmod(0o755)
    with pytest.raises(NotRunError, match=r"made by 3\.99"):
        installed(requirements)


def test_every_peer_has_an_adapter_and_a_pinned_package() -> None:
    pinned = {path.stem: path.read_text() for path in REQUIREMENTS.glob("*.txt")}
    adapters = {path.stem for path in (REQUIREMENTS.parent / "adapters").glob("*.py")}
    assert set(pinned) == adapters - {"__init__", "floor", "kgmem", "loop"}
    assert [name for name, text in pinned.items() if "==" not in text] == []


def test_slow_peers_are_grouped_by_the_rows_that_they_take() -> None:
    groups = peers._groups(50_000)
    assert {"lance", "falkor"} <= set(groups[50_000])
    assert {"mem0", "graphiti", "cognee", "neo4j_graphrag"} <= set(groups[2000])
    assert "hindsight" in groups[500]
    assert list(peers._groups(300)) == [300]


def test_ratio_is_to_the_floor_of_as_many_rows() -> None:
    results = [
        peers.Result("floor", 100, {"hybrid": 10.0}),
        peers.Result("fast", 100, {"hybrid": 20.0}),
        peers.Result("floor", 5, {"hybrid": 1.0}),
        peers.Result("slow", 5, {"hybrid": 4.0}, note="half of it"),
    ]
    printed = StringIO()
    peers.show(results, Console(file=printed, width=220))
    lines = printed.getvalue().splitlines()
    after = {name: lines[at + 1] for at, line in enumerate(lines) for name in ("fast", "slow") if f" {name} " in line}
    assert "(2 x)" in after["fast"]
    assert "(4 x)" in after["slow"]
    assert "slow: half of it" in lines


def test_what_a_peer_started_ends_with_it(tmp_path: Path) -> None:
    started = subprocess.Popen(["sleep", "60"], start_new_session=True)
    peer = start(tmp_path / "peer", f"if task == 'open': answer['processes'] = [{started.pid}]")
    peer.call("open")
    peer.kill()
    assert started.wait(10) == -signal.SIGTERM


def test_stub_gives_the_vectors_of_rows_and_questions_and_one_of_its_own_for_the_rest() -> None:
    shared = small()
    vectors = Vectors(shared)
    assert vectors.of(body(shared.rows[1])) == [0, 1]
    assert vectors.of("a") == [1, 1]
    made = vectors.of("a knows b")
    assert np.linalg.norm(made) == pytest.approx(1)
    assert made == Vectors(shared).of("a knows b") != vectors.of("b knows a")


def test_scripted_model_embeds_and_answers_chats() -> None:
    url = endpoint(Vectors(small()))
    embedded = httpx.post(f"{url}/embeddings", json={"model": "given", "input": ["a\na", "b\nb"]}).json()
    assert [each["embedding"] for each in embedded["data"]] == [[1, 0], [0, 1]]
    chat = {"model": "none", "messages": [{"role": "user", "content": "hello"}]}
    assert httpx.post(f"{url}/chat/completions", json=chat).json()["choices"][0]["message"]["content"] == "{}"


def test_figures_are_beside_the_floor_and_name_the_rows() -> None:
    results = [
        peers.Result("floor", 2000, {"hybrid": 2.0}),
        peers.Result("kgmem", 2000, {"hybrid": 3.0, "reopen": 1.0}),
    ]
    told = [(figure.figure, figure.value, figure.baseline, figure.ratio) for figure in peers._figures(results)]
    assert told == [("kgmem, 2,000 rows: hybrid", 3, 2, 1.5), ("kgmem, 2,000 rows: reopen", 1, None, None)]
