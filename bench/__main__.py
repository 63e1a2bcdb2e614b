"""Run benchmarks: python -m bench NAME ... [--json] [--rows N]; --list names them, --short runs the quick ones."""

import argparse
import asyncio
import importlib
import json
import pkgutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from rich.console import Console
from rich.table import Table

from bench.contract import Benchmark, Figure, SkippedError
from bench.rig.machine import facts

_NOT_BENCHMARKS = {"__main__", "contract", "rig"}


def names() -> list[str]:
    """Return the names of all benchmarks: the modules of this folder."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    return sorted(module.name for module in found if module.name not in _NOT_BENCHMARKS)


def load(name: str) -> Benchmark:
    """Return a benchmark by its name."""
    return cast(Benchmark, importlib.import_module(f"bench.{name}"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; gives 0 when every benchmark ran, whatever its figures, and else 1."""
    asked = _parser().parse_args(arguments)
    known = names()
    if asked.list:
        for name in known:
            print(f"{name:<26} {_title(load(name))}")
        return 0
    unknown = [name for name in asked.names if name not in known]
    if unknown or not (asked.names or asked.short):
        told = f"There is no benchmark {', '.join(unknown)}." if unknown else "Name a benchmark, or say --short."
        print(f"{told} There are: {', '.join(known)}.", file=sys.stderr)
        return 2
    failed = 0
    for name in asked.names or [name for name in known if load(name).SHORT is not None]:
        benchmark = load(name)
        rows = asked.rows or (benchmark.SHORT if asked.short and benchmark.SHORT else benchmark.ROWS)
        failed += not _run(name, benchmark, rows, as_json=asked.json)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure kgmem beside raw baselines.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="benchmarks to run")
    parser.add_argument("--list", action="store_true", help="name the benchmarks and what they measure")
    parser.add_argument("--short", action="store_true", help="small sizes; without a name: all that have one")
    parser.add_argument("--rows", type=int, help="the size, instead of that which the bars are set for")
    parser.add_argument("--json", action="store_true", help="one JSON object a line for each figure")
    return parser


def _title(benchmark: Benchmark) -> str:
    return (benchmark.__doc__ or "").strip().splitlines()[0]


def _run(name: str, benchmark: Benchmark, rows: int, *, as_json: bool) -> bool:
    """Run one benchmark and print its figures; says whether it came to its end or was skipped with a reason."""
    print(f"{name}: {rows:,} rows; {facts()}", file=sys.stderr)
    started = time.monotonic()
    figures: list[Figure] = []

    async def collect() -> None:
        async for figure in benchmark.measure(rows):
            figures.append(figure)
            if as_json:
                print(json.dumps(figure.record()), flush=True)

    try:
        asyncio.run(collect())
    except SkippedError as reason:
        print(f"{name}: skipped: {reason}", file=sys.stderr)
        return True
    except Exception as error:
        # The next benchmark runs all the same.
        print(f"{name}: failed: {type(error).__name__}: {error}", file=sys.stderr)
        return False
    finally:
        print(f"{name}: {time.monotonic() - started:.0f} s in all", file=sys.stderr)
    if not as_json:
        _show(name, benchmark, rows, figures)
    return True


def _show(name: str, benchmark: Benchmark, rows: int, figures: Sequence[Figure]) -> None:
    table = Table(title=f"{name} ({rows:,} rows): {_title(benchmark)}", title_justify="left")
    for heading in ("figure", "value", "unit", "baseline", "ratio", "bar", "holds"):
        table.add_column(heading, justify="right" if heading in {"value", "baseline", "ratio"} else "left")
    for figure in figures:
        told = figure.record()
        numbers = ["" if told[part] is None else f"{told[part]:g}" for part in ("value", "baseline", "ratio")]
        holds = "" if figure.bar is None else "yes" if figure.holds else "NO"
        table.add_row(figure.figure, numbers[0], figure.unit, *numbers[1:], figure.bar or "", holds)
    console = Console()
    if not console.is_terminal:  # A file or a log has no width of its own.
        console.width = 140
    console.print(table)
    for reason in dict.fromkeys(figure.reason for figure in figures if figure.reason):
        console.print(f"Without a baseline: {reason}", style="dim")


if __name__ == "__main__":
    sys.exit(main())
