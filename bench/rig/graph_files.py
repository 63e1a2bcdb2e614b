"""Files of one synthetic graph: people who know one another, in the formats that are compared."""

import csv
import random
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

FORMATS = ("csv", "jsonl", "parquet")
_FIRST = ("Anna", "Bert", "Carla", "Dmitri", "Elena", "Farid", "Gita", "Hans", "Ivan", "Jun")
_LAST = ("Smith", "Ozturk", "Garcia", "Ito", "Novak", "Singh", "Weber", "Brown", "Lopez", "Kim")
_GROUP = 50_000


def people(count: int) -> Iterator[tuple[str, str, str, int, str]]:
    """Return key, label, name, age and city of each; the same in every run."""
    draw = random.Random(1)
    for n in range(count):
        name = f"{draw.choice(_FIRST)} {draw.choice(_LAST)} {n}"
        yield f"p{n}", "Person", name, draw.randint(1, 99), f"city {draw.randint(0, 5000)}"


def acquaintances(count: int, among: int) -> Iterator[tuple[str, str, str, int]]:
    """Return ends, kind and year of each."""
    draw = random.Random(2)
    for _ in range(count):
        ends = (f"p{draw.randrange(among)}", f"p{draw.randrange(among)}")
        yield *ends, "KNOWS", draw.randint(1990, 2025)


def write(folder: Path, format_: str, nodes: int, edges: int) -> tuple[Path, Path]:
    """Write both files in one format; gives their paths."""
    paths = folder / f"people.{format_}", folder / f"knows.{format_}"
    {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}[format_](*paths, nodes, edges)
    return paths


def write_labelled(folder: Path, nodes: int, labels: Sequence[str], *, files: int) -> list[Path]:
    """Write the people as JSON Lines, labels in turns, to so many files; gives their paths."""
    paths = [folder / f"labelled{n}.jsonl" for n in range(files)]
    outs = [path.open("wb") for path in paths]
    try:
        for n, (key, _, name, age, city) in enumerate(people(nodes)):
            told: dict[str, object] = {"type": "entity", "key": key, "label": labels[n % len(labels)], "name": name}
            told |= {"properties": {"age": age, "city": city}}
            outs[n * files // nodes].write(orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE))
    finally:
        for out in outs:
            out.close()
    return paths


def write_triples(path: Path, nodes: int) -> int:
    """Write the people, with two links each, as N-Triples; gives how many triples."""
    draw, base = random.Random(3), "http://example.org/"
    count = 0
    with path.open("w") as out:
        for key, label, name, age, city in people(nodes):
            subject = f"<{base}{key}>"
            out.write(f"{subject} <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <{base}{label}> .\n")
            out.write(f'{subject} <{base}name> "{name}" .\n')
            out.write(f'{subject} <{base}age> "{age}"^^<http://www.w3.org/2001/XMLSchema#integer> .\n')
            out.write(f'{subject} <{base}city> "{city}" .\n')
            for kind in ("knows", "follows"):
                out.write(f"{subject} <{base}{kind}> <{base}p{draw.randrange(nodes)}> .\n")
            count += 6
    return count


def _csv(first: Path, second: Path, nodes: int, edges: int) -> None:
    with first.open("w", newline="") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(("key", "label", "name", "age:integer", "city:string"))
        rows.writerows(people(nodes))
    with second.open("w", newline="") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(("from", "to", "kind", "since:integer"))
        rows.writerows(acquaintances(edges, nodes))


def _jsonl(first: Path, second: Path, nodes: int, edges: int) -> None:
    with first.open("wb") as out:
        for key, label, name, age, city in people(nodes):
            told = {
                "type": "entity",
                "key": key,
                "label": label,
                "name": name,
                "properties": {"age": age, "city": city},
            }
            out.write(orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE))
    with second.open("wb") as out:
        for start, end, kind, since in acquaintances(edges, nodes):
            shape = {"type": "relationship", "kind": kind, "from": start, "to": end, "properties": {"since": since}}
            out.write(orjson.dumps(shape, option=orjson.OPT_APPEND_NEWLINE))


def _parquet(first: Path, second: Path, nodes: int, edges: int) -> None:
    _table(first, ("key", "label", "name", "age", "city"), people(nodes))
    _table(second, ("from", "to", "kind", "since"), acquaintances(edges, nodes))


def _table(path: Path, names: tuple[str, ...], rows: Iterator[tuple[Any, ...]]) -> None:
    writer = None
    while group := list(islice(rows, _GROUP)):
        table = pa.table(dict(zip(names, map(list, zip(*group, strict=True)), strict=True)))
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()
