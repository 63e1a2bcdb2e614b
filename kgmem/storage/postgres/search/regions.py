"""Regions: boxes, polygons and named places as conditions on items, and what an index reads for each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kgmem.domain.errors import KgmemError, NotFound
from kgmem.domain.geometry import Box, area_of, boxes_of
from kgmem.domain.interval import Interval, parse_time
from kgmem.domain.question import When
from kgmem.storage.postgres.layout import VERTEX, Layout
from kgmem.storage.postgres.search.request import Parameters, SearchRequest


@dataclass(frozen=True, slots=True)
class Region:
    """A condition on rows `i` of the item table, with the tables that it refers to."""

    condition: str
    tables: Sequence[str] = ()
    boxes: Sequence[Box] = ()  # That hold all that meets it, where there are such.
    reads: str = ""  # Gives the ids of at least all that meet it, where no boxes hold it.
    refusals: Sequence[tuple[str, KgmemError]] = ()


def in_box(box: Box, parameters: Parameters) -> Region:
    """Give what lies in a box; a pole has every longitude, and 180 degrees west are 180 degrees east."""
    west, south, east, north = (parameters.add(float(degrees), "float8") for degrees in box)
    between = " {both} ".format(both="AND" if box[0] <= box[2] else "OR")
    inside = [f"({lon} >= {west}{between}{lon} <= {east})" for lon in ("i.place[0]", "-i.place[0]")]
    lon = f"{inside[0]} OR abs(i.place[1]) = 90 OR (abs(i.place[0]) = 180 AND {inside[1]})"
    return Region(f"(i.place[1] BETWEEN {south} AND {north} AND ({lon}))", boxes=boxes_of(box))


def in_polygon(layout: Layout, geometry: Mapping[str, Any], parameters: Parameters) -> Region:
    """Give what lies in a GeoJSON Polygon or MultiPolygon. Raises InvalidInput."""
    area = area_of(geometry)
    columns = {name: parameters.add(list(getattr(area.edges, name)), "float8[]") for name in ("x1", "y1", "x2", "y2")}
    name = {"name": "where_within"}
    tables = [layout.sql("regions", "edges_given") % (name | columns), layout.sql("regions", "strips") % name]
    near = " OR ".join(f"i.place <@ {box_sql(box, parameters)}" for box in area.boxes)
    return Region(f"(({near}) AND {_in_strips(layout, 'where_within')})", tables, area.boxes)


def in_place(layout: Layout, request: SearchRequest, parameters: Parameters, key: str) -> Region:
    """Give what is located in a named place: by relationships of such kinds, or inside of its own polygon."""
    kinds = layout.schema().kinds.values()
    inward = [kind.name for kind in kinds if kind.containment]
    outward = [kind.inverse for kind in kinds if kind.containment and kind.inverse]
    links = {
        "inward": parameters.add(inward, "text[]"),
        "outward": parameters.add(outward, "text[]"),
        "inward_holds": _holds(layout, request, parameters, "e.source"),
        "outward_holds": _holds(layout, request, parameters, "e.target"),
    }
    name = {"name": "where_place"}
    tables = [
        layout.sql("regions", "place") % {"key": parameters.add(key, "text")},
        layout.sql("regions", "inside_by_links") % links,
        layout.sql("regions", "shape"),
        *(layout.sql("regions", each) % name for each in ("edges_of_place", "strips")),
        layout.sql("regions", "hull"),
    ]
    # The truth of IN is asked for, so that Postgres looks rows up in a hashed set rather than going through it.
    linked = "(i.id IN (SELECT item FROM where_inside)) IS TRUE"
    lies = f"i.place <@ (SELECT one FROM where_hull) AND {_in_strips(layout, 'where_place')}"  # noqa: S608 - no text of callers
    unknown = NotFound(f"There is no entity {key!r} to be in.", mend="Correct where.place: it is the key of an entity.")
    return Region(
        f"(i.id <> (SELECT item FROM where_place) AND ({linked} OR ({lies})))",  # noqa: S608 - no text of callers
        tables,
        reads=layout.sql("regions", "reads_place"),
        refusals=[("NOT EXISTS (SELECT FROM where_place)", unknown)],
    )


def box_sql(box: Box, parameters: Parameters) -> str:
    """Give a box as SQL."""
    west, south, east, north = (parameters.add(float(degrees), "float8") for degrees in box)
    return f"box(point({west}, {south}), point({east}, {north}))"


def _in_strips(layout: Layout, name: str) -> str:
    inside = [layout.sql("regions", "in_area") % {"name": name, "lon": lon} for lon in ("i.place[0]", "-i.place[0]")]
    pole = f"(abs(i.place[1]) = 90 AND EXISTS (SELECT FROM {name}_edges WHERE y1 = i.place[1]))"
    return f"({inside[0]} OR (abs(i.place[0]) = 180 AND {inside[1]}) OR {pole})"


def _holds(layout: Layout, request: SearchRequest, parameters: Parameters, inside: str) -> str:
    """Give the time at which a link has to be valid: the question's, or now, unless it tells of an occurrence."""
    when = request.question.when
    if when.any_time:
        return ""
    window = _window(when)
    if window is not None:
        start, end = parameters.add(window.start, "timestamptz"), parameters.add(window.end, "timestamptz")
        return f" AND e.valid && tstzrange({start}, {end})"
    known = [layout.labels[VERTEX, name].id for name in request.occurrences if (VERTEX, name) in layout.labels]
    return f" AND (e.valid @> now() OR ({inside} >> 48) = ANY ({parameters.add(known, 'bigint[]')}))"


def _window(when: When) -> Interval | None:
    if when.valid_at is not None:
        return parse_time(when.valid_at)
    if when.between is not None:
        first, last = when.between
        start = parse_time(first).start if first is not None else None
        return Interval(start, parse_time(last).end if last is not None else None)
    return None
