"""Where: what lies in regions or near a point, and how near; distances are haversine on the mean sphere.

An item stands where its point is, also where its place is a line or an area. What lies at a limit is within it, up to
one part in 10^9, since two ways of computing one distance differ by some rounding.
"""

from collections.abc import Sequence

from kgmem.domain.errors import KgmemError, NotFound
from kgmem.domain.geometry import Box, check_where
from kgmem.domain.question import Spot, Where
from kgmem.storage.postgres.layout import Layout
from kgmem.storage.postgres.search.regions import Region, box_sql, in_box, in_place, in_polygon
from kgmem.storage.postgres.search.request import Dimension, Parameters, SearchRequest

HALF_KM = 50.0  # Where the question gives neither half_km nor km; with km it is a half of that.


def where(layout: Layout, request: SearchRequest, parameters: Parameters) -> Dimension | None:
    """Give what a question's places add to the candidate statement; none where it names none."""
    asked = request.question.where
    if asked == Where():
        return None
    check_where(asked)
    must = request.question.mode("where") == "must"
    spot, refusals = _spot(layout, asked.near, parameters) if asked.near else ("", [])
    regions = _regions(layout, request, parameters)
    conditions = [region.condition for region in regions]
    tables = [*([spot] if spot else []), *(table for region in regions for table in region.tables)]
    if must and asked.km is not None:
        # Besides a millionth of a metre, because a distance of nothing is not always computed as nothing.
        limit = parameters.add(asked.km * (1 + 1e-9) + 1e-9, "float8")
        conditions.insert(0, f"({layout.sql('where', 'km')} <= {limit})")
        pool = layout.sql("where", "pool_of_cap") % {"cap": layout.sql("where", "cap") % {"km": limit}}
    else:
        limit, pool = "", _pool(layout, regions, parameters)
    bounded = bool(limit) or any(region.boxes for region in regions)
    by_links = "".join(region.reads for region in regions)
    near = _near(layout, bounded=bounded, own="" if must else _all(conditions)) if asked.near else ""
    half = parameters.add(asked.half_km or (asked.km or 2 * HALF_KM) / 2, "float8") if near else ""
    ranks = _ranks(request, must=must)
    nearest = parameters.add(asked.nearest, "integer") if asked.nearest is not None else ""
    return Dimension(
        name="where",
        tables=[*tables, pool],
        condition=" AND ".join(conditions) if must else "",
        candidates=_candidates(layout, near, half, conditions, nearest if not must else "", _alone(request))
        if ranks
        else "",
        value=_value(layout, half, conditions if not must else []) if ranks and (must or not nearest) else "",
        reads=(layout.sql("where", "reads_pool") if bounded else by_links) if must else "",
        chooses=f"SELECT item AS id FROM ({near % _counted(nearest)}) n ORDER BY km, item LIMIT {nearest}"  # noqa: S608 - no text of callers
        if must and nearest
        else "",
        refusals=[*refusals, *(refusal for region in regions for refusal in region.refusals)],
    )


def _spot(layout: Layout, spot: Spot, parameters: Parameters) -> tuple[str, list[tuple[str, KgmemError]]]:
    """Give the table of the point that is asked for, and when there is none."""
    if spot.point is not None:
        lon, lat = (parameters.add(float(degrees), "float8") for degrees in spot.point)
        return layout.sql("where", "spot_of_point") % {"lon": lon, "lat": lat}, []
    table = layout.sql("where", "spot_of_entity") % {"key": parameters.add(spot.entity, "text")}
    unknown = NotFound(
        f"There is no entity {spot.entity!r} to be near.", mend="Correct where.near.entity: it is a key."
    )
    placeless = NotFound(f"The entity {spot.entity!r} has no place.", mend="Give where.near.point instead.")
    return table, [
        ("NOT EXISTS (SELECT FROM where_spot)", unknown),
        ("EXISTS (SELECT FROM where_spot WHERE lon IS NULL)", placeless),
    ]


def _regions(layout: Layout, request: SearchRequest, parameters: Parameters) -> list[Region]:
    asked, found = request.question.where, []
    if asked.box is not None:
        found.append(in_box(asked.box, parameters))
    if asked.within is not None:
        found.append(in_polygon(layout, asked.within, parameters))
    if asked.place is not None:
        found.append(in_place(layout, request, parameters, asked.place))
    return found


def _pool(layout: Layout, regions: Sequence[Region], parameters: Parameters) -> str:
    """Give the table of the boxes in which all lies that can be found."""
    boxes: Sequence[Box] = next((region.boxes for region in regions if region.boxes), ())
    if not boxes:
        return layout.sql("where", "pool_of_everything")
    one, other = [*(box_sql(box, parameters) for box in boxes), "NULL::box"][:2]
    return layout.sql("where", "pool_of_boxes") % {"one": one, "other": other}


def _near(layout: Layout, *, bounded: bool, own: str) -> str:
    """Give the query (item, km, stands) for the nearest, so many of each of its pieces; %(count)s is how many."""
    beyond = "other" if bounded else "CASE WHEN (SELECT other IS NOT NULL FROM reached) THEN one END"
    cap = layout.sql("where", "cap")
    furthest = "(SELECT CASE WHEN count(*) >= %(count)s THEN max(km) END FROM {table})"
    places = {
        **{name: f"%({name})s" for name in ("wide", "narrow", "stands", "count")},
        "filters": f"{own} %(filters)s",
        "distance": layout.sql("where", "km"),
        "beyond": beyond,
        "cap_of_first": cap % {"km": furthest.format(table="first")},
        "cap_of_nearest": cap % {"km": furthest.format(table="nearest")},
    }
    pieces = (layout.sql("where", piece) % places for piece in ("near_few", "near_narrow", "near_many"))
    return " UNION ALL ".join(f"SELECT * FROM ({piece}) p" for piece in pieces)  # noqa: S608 - no text of callers


def _counted(count: str) -> dict[str, str]:
    """Give the places of a query for so many, those left as they are that are filled later."""
    return {"count": count, **{name: f"%({name})s" for name in ("wide", "narrow", "stands", "filters")}}


def _ranks(request: SearchRequest, *, must: bool) -> bool:
    """Say whether nearness is an arm: where it shall rank, and where nothing but a limit is asked for."""
    asked = request.question.where
    if not request.question.weights.get("where", 1.0):
        return False
    if asked.near is None:
        return not must
    return not must or _alone(request) or asked.half_km is not None or (asked.km is None and asked.nearest is None)


def _alone(request: SearchRequest) -> bool:
    """Say whether nothing else than places can find anything by itself."""
    return request.question.what.text is None and request.vector is None


def _candidates(  # noqa: PLR0917
    layout: Layout, near: str, half: str, conditions: Sequence[str], nearest: str, alone: bool
) -> str:
    if near:
        value, found = f"{half} / ({half} + km)", near % _counted(nearest or "%(most)s")
        query = f"SELECT item, {value} AS value, stands FROM ({found}) n ORDER BY km, item"  # noqa: S608 - no text of callers
        return f"{query} LIMIT {nearest}" if nearest else query
    left = {name: f"%({name})s" for name in ("filters", "stands", "most")}
    if not alone:
        return ""  # What the other arms find is valued.
    return layout.sql("where", "inside") % (left | {"condition": " AND ".join(conditions)})


def _value(layout: Layout, half: str, conditions: Sequence[str]) -> str:
    """Give the closeness of a row: 1 at the spot, a half at half_km, and so on; 1 where only regions are asked for."""
    value = f"{half} / ({half} + {layout.sql('where', 'km')})" if half else "1"
    return f"CASE WHEN {' AND '.join(conditions)} THEN {value} END" if conditions else value


def _all(conditions: Sequence[str]) -> str:
    return "".join(f" AND {condition}" for condition in conditions)
