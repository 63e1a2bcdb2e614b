"""Cypher's values: Python's None, bool, int, float, str, list and dict, and what is here beside them."""

from typing import Any

from kgmem.query.values.durations import Duration
from kgmem.query.values.elements import Node, Path, Relationship, small_id
from kgmem.query.values.instants import Date, DateTime, LocalDateTime, LocalTime, Time
from kgmem.query.values.points import Point

Value = Any

__all__ = [
    "Date",
    "DateTime",
    "Duration",
    "LocalDateTime",
    "LocalTime",
    "Node",
    "Path",
    "Point",
    "Relationship",
    "Time",
    "Value",
    "small_id",
]
