"""Timing: the times of a question checked, and made definite before anything is searched."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kgmem.domain.recall.question import Question, When
from kgmem.domain.time.interval import iso, parse_time
from kgmem.domain.time.times_in_text import time_in


def timed(question: Question, now: int) -> tuple[Question, Mapping[str, Any]]:
    """Return the question with its times made definite, and what was understood of the times in its text.

    With `when.in_text` a time in what.text becomes the time that is asked for, unless the question names one itself.
    What kgmem will have known in the future is what it knows now. Raises InvalidInput.
    """
    when, present = question.when, now
    if when.known_at is not None:
        known = parse_time(when.known_at).start
        past = known is not None and known < now
        when = replace(when, known_at=when.known_at if past else None)
        present = known if known is not None and past else now
    found = time_in(question.what.text or "", present) if when.in_text and not _names_a_time(when) else None
    if found is None:
        return replace(question, when=when), {}
    start, end = found.interval.start, found.interval.end
    first, last = iso(start) if start is not None else None, iso(end - 1) if end is not None else None
    told = {"text": found.text, "from": first, "to": iso(end) if end is not None else None}
    return replace(question, when=replace(when, between=(first, last))), {"when": told}


def _names_a_time(when: When) -> bool:
    """Say whether the question names a time itself, which counts more than what its text seems to say."""
    return when.any_time or any(part is not None for part in (when.valid_at, when.between, when.relation))
