"""The air routes as a SPARQL update are the same airports as in the CSV file."""

import csv
import io

import pytest

from tests.data import plain
from tests.rdf import records

BASE = "http://kelvinlawrence.net/air-routes/"
PREFIXES = f"c={BASE}class/,dtp={BASE}datatypeProperty/"
NUMBERS = {"runways": int, "longest": int, "elev": int, "lat": float, "lon": float}


@pytest.mark.long
def test_airports_of_the_update_agree_with_those_of_the_csv_file() -> None:
    names = {f"dtp__{name}": name for name in ("lat", "lon")}
    found = records(
        plain("spatial_airroutes/nodes.sparql.xz"), "sparql", {"rdf": {"names": names}}, prefixes=PREFIXES, keys="local"
    )
    rows = list(csv.DictReader(io.StringIO(plain("spatial_airroutes/air-routes-latest-nodes.csv.xz").decode())))
    assert {one.key for one in found} == {row["~id"] for row in rows}
    held = {one.key: one for one in found}
    for row in rows:
        one = held[row["~id"]]
        assert one.label == f"c__{row['~label'].capitalize()}"
        told = {
            name.removesuffix(":string"): value for name, value in row.items() if name.endswith(":string") and value
        }
        for name, value in told.items():
            assert one.properties[f"dtp__{name}"] == value
        for name, number in NUMBERS.items():
            text = next(value for title, value in row.items() if title.startswith(f"{name}:"))
            own = one.properties.get(name, one.properties.get(f"dtp__{name}"))
            assert own == (number(text) if text else None)
        if row["lat:double"]:
            assert one.place is not None
            assert (one.place.lon, one.place.lat) == (float(row["lon:double"]), float(row["lat:double"]))
