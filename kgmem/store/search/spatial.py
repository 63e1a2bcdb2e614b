"""Where: what lies in regions or near a point, and how near; distances are haversine on the mean sphere.

An item stands where its point is, also where its place is a line or an area. What lies at a limit is within it, up to
one part in 10^9, since two ways of computing one distance differ by some rounding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kgmem.domain.errors import KgmemError, NotFound
from kgmem.domain.recall.question import Spot, Where
from kgmem.domain.space.geometry import Box, check_where
from kgmem.store.graph.layout import Layout
from kgmem.store.search.regions import Region, box_sql, in_box, in_place, in_polygon
from kgmem.store.search.request import Dimension, Parameters, SearchRequest

HALF_KM = 50.0  # Where the question gives neither half_km nor km; with km it is a half of that.


def where(layout: Layout, request: SearchRequest, parameters: Parameters) -> Dimension | None:
    """Give what a question's places add to the candidate statement; none where it names none."""
    asked = request.question.where
    if asked == Where():
        return None
    check_where(asked)
    must = request.question.mode("where") == "must"
    spot = _spot(layout, asked.near, parameters) if asked.near else None
    regions = _regions(layout, request, parameters)
    conditions, limit = [region.condition for region in regions], ""
    if spot and must and asked.km is not None:
        # Besides a millionth of a metre, because a distance of nothing is not always computed as nothing.
        limit = parameters.add(asked.km * (1 + 1e-9) + 1e-9, "float8")
        conditions.insert(0, f"({spot.distance} <= {limit})")
    search = _Search(
        layout,
        spot,
        own=" AND ".join(conditions) if conditions and not must else "true",
        bounded=bool(limit) or any(region.boxes for region in regions),
        nearest=parameters.add(asked.nearest, "integer") if asked.nearest is not None else "",
        half=parameters.add(asked.half_km or (asked.km or 2 * HALF_KM) / 2, "float8"),
    )
    ranks = _ranks(request, must=must)
    reads = layout.sql("where", "reads_pool") if search.bounded else "".join(region.reads for region in regions)
    return Dimension(
        name="where",
        tables=[
            *([spot.table] if spot else []),
            *(table for region in regions for table in region.tables),
            _pool(layout, regions, limit, parameters),
        ],
        condition=" AND ".join(conditions) if must else "",
        candidates=search.candidates(must=must) if ranks and (spot or _alone(request)) else "",
        value=search.value(must=must) if ranks else "",
        reads=reads if must else "",
        chooses=search.chooses() if must and asked.nearest is not None else "",
        refusals=[*(spot.refusals if spot else ()), *(refusal for region in regions for refusal in region.refusals)],
    )


@dataclass(frozen=True, slots=True)
class _Spot:
    """The point that is asked for: its table, the distance of a row to it in km, and when there is none."""

    table: str
    distance: str
    refusals: Sequence[tuple[str, KgmemError]] = ()


@dataclass(frozen=True, slots=True)
class _Search:
    """How the arm finds and values items; its queries leave %(filters)s and the like to the statement.

    The value is the closeness, 1 at the spot and a half at half_km, or 1 where only regions are asked for; there is
    none outside of regions that should hold it.
    """

    layout: Layout
    spot: _Spot | None
    own: str  # What the arm's items must meet although the question's need not.
    bounded: bool  # Whether boxes hold all that can be found.
    nearest: str  # How many, as a parameter, or nothing.
    half: str

    def candidates(self, *, must: bool) -> str:
        """Give the query (item, value, stands) of the best."""
        if not self.spot:
            pieces = self._pieces("inside", ("few", "narrow", "many"), {"inside": self.own})
            return f"SELECT item, 1 AS value, stands FROM ({pieces}) n ORDER BY item"  # noqa: S608 - no text of callers
        if must and self.nearest:
            found, few = self._near("%(most)s", ("few", "narrow")), ""  # Out of those that are chosen.
        else:
            found, few = self._near(self.nearest or "%(most)s", self._ways), self.nearest
        query = f"SELECT item, {self.half} / ({self.half} + km) AS value, stands FROM ({found}) n ORDER BY km, item"  # noqa: S608 - no text of callers
        return f"{query} LIMIT {few}" if few else query

    def value(self, *, must: bool) -> str:
        """Give the value of a row that another arm found; of the nearest that should be found only those have one."""
        if self.nearest and not must:
            return ""
        value = f"{self.half} / ({self.half} + {self.spot.distance})" if self.spot else "1"
        return value if self.own == "true" else f"CASE WHEN {self.own} THEN {value} END"

    def chooses(self) -> str:
        """Give the query (id) of the nearest."""
        found = self._near(self.nearest, self._ways)
        return f"SELECT item AS id FROM ({found}) n ORDER BY km, item LIMIT {self.nearest}"  # noqa: S608 - no text of callers

    @property
    def _ways(self) -> tuple[str, ...]:
        """Give the ways to the nearest: within boxes the index is always the shortest."""
        return ("few", "many") if self.bounded else ("few", "narrow", "many")

    def _near(self, count: str, ways: Sequence[str]) -> str:
        cap, furthest = (
            self.layout.sql("where", "cap"),
            "(SELECT CASE WHEN count(*) >= {n} THEN max(km) END FROM {table})",
        )
        places = {
            "count": count,
            "distance": self.spot.distance if self.spot else "",
            "beyond": "other" if self.bounded else "CASE WHEN (SELECT other IS NOT NULL FROM reached) THEN one END",
            "cap_of_first": cap % {"km": furthest.format(n=count, table="first")},
            "cap_of_nearest": cap % {"km": furthest.format(n=count, table="nearest")},
        }
        if self.bounded:
            places["wide"] = "true"
        if self.own != "true":
            places["filters"] = f"AND {self.own} %(filters)s"
        return self._pieces("near", ways, places)

    def _pieces(self, name: str, ways: Sequence[str], places: Mapping[str, str]) -> str:
        left = {place: f"%({place})s" for place in ("wide", "narrow", "filters", "stands", "most")}
        found = (self.layout.sql("where", f"{name}_{way}") % {**left, **places} for way in ways)
        return " UNION ALL ".join(f"SELECT * FROM ({piece}) p" for piece in found)  # noqa: S608 - no text of callers


def _spot(layout: Layout, spot: Spot, parameters: Parameters) -> _Spot:
    if spot.point is not None:
        lon, lat = (parameters.add(float(degrees), "float8") for degrees in spot.point)
        place = {"lon": lon, "lat": lat}
        return _Spot(layout.sql("where", "spot_of_point") % place, layout.sql("where", "km") % place)
    table = layout.sql("where", "spot_of_entity") % {"key": parameters.add(spot.entity, "text")}
    distance = layout.sql("where", "km") % {name: f"(SELECT {name} FROM where_spot)" for name in ("lon", "lat")}  # noqa: S608 - no text of callers
    unknown = NotFound(
        f"There is no entity {spot.entity!r} to be near.", mend="Correct where.near.entity: it is a key."
    )
    placeless = NotFound(f"The entity {spot.entity!r} has no place.", mend="Give where.near.point instead.")
    nowhere = "EXISTS (SELECT FROM where_spot WHERE lon IS NULL)"
    return _Spot(table, distance, [("NOT EXISTS (SELECT FROM where_spot)", unknown), (nowhere, placeless)])


def _regions(layout: Layout, request: SearchRequest, parameters: Parameters) -> list[Region]:
    asked, found = request.question.where, []
    if asked.box is not None:
        found.append(in_box(asked.box, parameters))
    if asked.within is not None:
        found.append(in_polygon(layout, asked.within, parameters))
    if asked.place is not None:
        found.append(in_place(layout, request, parameters, asked.place))
    return found


def _pool(layout: Layout, regions: Sequence[Region], limit: str, parameters: Parameters) -> str:
    """Give the table of the boxes in which all lies that can be found."""
    if limit:
        return layout.sql("where", "pool_of_cap") % {"cap": layout.sql("where", "cap") % {"km": limit}}
    boxes: Sequence[Box] = next((region.boxes for region in regions if region.boxes), ())
    if not boxes:
        return layout.sql("where", "pool_of_everything")
    one, other = [*(box_sql(box, parameters) for box in boxes), "NULL::box"][:2]
    return layout.sql("where", "pool_of_boxes") % {"one": one, "other": other}


def _ranks(request: SearchRequest, *, must: bool) -> bool:
    """Say whether nearness is an arm: where it shall rank, and where nothing but a limit is asked for."""
    asked = request.question.where
    if not request.question.weights.get("where", 1.0):
        return False
    if asked.near is None:
        return not must or _alone(request)
    return not must or _alone(request) or asked.half_km is not None or (asked.km is None and asked.nearest is None)


def _alone(request: SearchRequest) -> bool:
    """Say whether nothing else than places can find anything by itself."""
    return request.question.what.text is None and request.vector is None
