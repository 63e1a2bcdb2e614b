"""Cursors: where an answer ended, so that the next goes on behind it, whatever was written meanwhile."""

import base64
import binascii
import json
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from hashlib import blake2b

from kgmem.domain.errors import InvalidInput
from kgmem.domain.recall.question import Question

_LARGEST = 100_000  # Bytes of what a cursor unpacks to.
_HIGHEST = 2**63 - 1  # No id is higher.


def next_cursor(graph: str, question: Question, given: Sequence[int]) -> str:
    """Return the cursor that stands behind the hits with these ids, all that were given so far."""
    steps = [after - before for before, after in zip((0, *given), given, strict=False)]
    packed = zlib.compress(json.dumps([_digest(graph, question), steps], separators=(",", ":")).encode(), 9)
    return base64.urlsafe_b64encode(packed).decode()


def given_before(graph: str, question: Question) -> list[int]:
    """Return the ids that a question's cursor stands behind. Raises InvalidInput for the cursor of another question."""
    if question.cursor is None:
        return []
    try:
        unpacked = zlib.decompressobj().decompress(base64.urlsafe_b64decode(question.cursor), _LARGEST)
        digest, steps = json.loads(unpacked)
        ids = []
        last = 0
        for step in steps:
            last += int(step)
            ids.append(last)
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error, zlib.error) as error:
        raise InvalidInput("That is not a cursor.", hint="Send the cursor of the last answer as it was.") from error
    if not all(abs(id_) <= _HIGHEST for id_ in ids):  # Ids of paths may be negative.
        raise InvalidInput("That is not a cursor.", hint="Send the cursor of the last answer as it was.")
    if digest != _digest(graph, question):
        raise InvalidInput(
            "The cursor is that of another question.", hint="Ask the same question; only k and cursor may change."
        )
    return ids


def _digest(graph: str, question: Question) -> str:
    # A vector is hundreds of numbers, most of all that a question holds, so its bytes stand for it.
    vector = b"" if question.what.vector is None else array("d", question.what.vector).tobytes()
    what = replace(question.what, vector=None)
    asked = replace(question, what=what, cursor=None, k=0, explain=False, profile=False)
    return blake2b(repr((graph, _plain(asked))).encode() + vector, digest_size=9).hexdigest()


def _plain(value: object) -> object:
    """Return a value in one form however it was given: lists as tuples, mappings in the order of their keys."""
    if isinstance(value, str) or value is None:
        return value
    if is_dataclass(value):
        return tuple(_plain(getattr(value, each.name)) for each in fields(value))
    if isinstance(value, Mapping):
        return tuple((key, _plain(value[key])) for key in sorted(value))
    if not isinstance(value, Iterable):
        return value
    return tuple(_plain(each) for each in value)
