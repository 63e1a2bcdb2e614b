"""The benchmarks keep their contract: each is listed, says what it measures, and gives figures that programs read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import load, main, names
from bench.contract import Figure, alone, compared, within

ROOT = Path(__file__).resolve().parents[2]
PARTS = {"figure", "value", "unit", "baseline", "ratio", "bar", "holds"}


def held_to_the_contract(line: str) -> dict[str, object]:
    """Return the figure of a JSON line that is as the contract has it."""
    told = json.loads(line)
    assert set(told) - {"reason"} == PARTS
    assert isinstance(told["figure"], str)
    assert isinstance(told["unit"], str)
    assert isinstance(told["value"], int | float)
    assert isinstance(told["holds"], bool)
    assert told["bar"] is None or isinstance(told["bar"], str)
    if told["baseline"] is None:
        assert told["reason"]
    else:
        assert told["ratio"] == pytest.approx(told["value"] / told["baseline"], rel=1e-3)
    return told


def test_every_script_is_listed_with_its_first_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == names()
    scripts = {path.stem for path in (ROOT / "bench").glob("*.py")} - {"__init__", "__main__", "contract"}
    assert set(names()) == scripts


@pytest.mark.parametrize("name", names())
def test_script_says_what_it_measures_and_at_which_size(name: str) -> None:
    benchmark = load(name)
    assert benchmark.__doc__
    title, blank, *more = benchmark.__doc__.splitlines()
    assert title.endswith(".")
    assert blank == ""
    assert "baseline" in " ".join(more) or "beside" in title
    assert benchmark.ROWS > 0
    assert benchmark.SHORT is None or 0 < benchmark.SHORT < benchmark.ROWS


def test_documentation_names_every_script() -> None:
    told = (ROOT / "docs" / "performance.md").read_text()
    assert [name for name in names() if f"`{name}`" not in told] == []


def test_unknown_name_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recal_raw"]) == 2
    assert "recall_raw" in capsys.readouterr().err


def test_bar_on_a_ratio_holds_up_to_the_bar() -> None:
    assert compared("slow", 15, 10, "ms", at_most=1.5).holds
    assert not compared("slow", 16, 10, "ms", at_most=1.5).holds
    assert compared("fast", 4, 10, "rows/s", at_least=0.4).holds
    assert not compared("fast", 3, 10, "rows/s", at_least=0.4).holds


def test_bar_on_a_value_is_told_with_its_unit() -> None:
    figure = within(compared("start", 1.5, 0.3, "s"), 2)
    assert (figure.bar, figure.holds, figure.ratio) == ("<= 2 s", True, 5)


@pytest.mark.parametrize(
    "figure",
    [compared("a", 1, 3, "ms", at_most=2), alone("b", 2, "MB", "nothing compares"), within(alone("c", 3, "s", "r"), 2)],
)
def test_figure_is_a_line_of_the_contract(figure: Figure) -> None:
    held_to_the_contract(json.dumps(figure.record()))


@pytest.mark.slow
def test_benchmark_prints_a_json_line_for_each_figure() -> None:
    command = [sys.executable, "-m", "bench", "scopes", "--rows", "250", "--json"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    figures = [held_to_the_contract(line) for line in ran.stdout.splitlines()]
    assert figures
    assert "cores" in ran.stderr
    assert "Postgres" in ran.stderr
