"""RE2 by way of Arrow: loaded with the first regular expression that a query has, since Arrow is large."""

import pyarrow as pa
import pyarrow.compute as pc


def matches(text: str, pattern: str) -> bool:
    """Whether a text as a whole matches a pattern. Raises ValueError where the pattern is none."""
    try:
        found = pc.match_substring_regex(pa.scalar(text), pattern=rf"\A(?:{pattern})\z")
    except pa.ArrowInvalid as error:
        raise ValueError(str(error)) from error
    return bool(found.as_py())
