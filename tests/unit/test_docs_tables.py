"""The worked example in docs/formats-tables.md does what the text says."""

import io
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.space.place import parse_place
from kgmem.formats.kgmem import csv
from kgmem.formats.records import Located, ReadOptions
from kgmem.formats.tables.mapping import load_mapping
from kgmem.formats.tables.options import CSV_OPTIONS

TEXT = (Path(__file__).parents[2] / "docs" / "formats-tables.md").read_text()
EXAMPLE, APART = re.findall(r"^```toml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def tables() -> dict[str, str]:
    """The two tables that stand side by side."""
    lines = re.findall(r"^    (.+?)  {3,}(\S.*)$", TEXT[TEXT.index("Two tables of a shop") :], re.MULTILINE)[:3]
    return {pair[0]: "\n".join(pair[1:]) + "\n" for pair in zip(*lines, strict=True)}


def made(mapping: str, name: str, text: str) -> list[Any]:
    found = list(csv.read(io.BytesIO(text.encode()), ReadOptions(name=name, mapping=tomllib.loads(mapping))))
    return [item.record for item in found if isinstance(item, Located)]


def test_the_shop_becomes_the_graph_that_is_described() -> None:
    (order, placed), (customer,) = (made(EXAMPLE, name, text) for name, text in tables().items())
    assert (order.key, order.label, order.name) == ("Order:17", "Order", "Order 17")
    assert order.properties == {"town": "Bern", "total": 99.5}
    assert (order.valid_from, order.place) == ("2010-11-04T05:58:46.377Z", parse_place([7.44, 46.95]))
    assert (placed.kind, placed.start, placed.end) == ("PLACED", "Customer:5", "Order:17")
    assert (customer.name, customer.properties) == ("Ann Lee", {"member_since": 1999, "origin": "shop"})


def test_a_header_apart_is_read_as_described() -> None:
    (person,) = made(APART, "persons-part3.csv", "1,Ann,1964,Person\n")
    assert (person.key, person.label, person.properties["born"]) == ("Person:1", "Person", 1964)


def test_every_option_is_in_its_table() -> None:
    assert all(re.search(rf"^\|.*`{name}`.*\|", TEXT, re.MULTILINE) for name in CSV_OPTIONS)


def test_a_mapping_file_is_checked_when_it_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    path.write_text(EXAMPLE)
    assert load_mapping(path)["table"][0]["delimiter"] == "|"
    path.write_text(EXAMPLE.replace("label =", "lable ="))
    with pytest.raises(InvalidInput, match="no field 'lable'"):
        load_mapping(path)
    for broken in ("[[table", "a = " + "[" * 100_000, "\udcff"):
        path.write_bytes(broken.encode(errors="surrogateescape"))
        with pytest.raises(InvalidInput, match="is not TOML"):
            load_mapping(path)
    path.write_bytes(b"#" * 5_000_000)
    with pytest.raises(InvalidInput, match="longer than"):
        load_mapping(path)
    with pytest.raises(NotFound):
        load_mapping(tmp_path / "none.toml")
