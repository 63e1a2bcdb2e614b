"""What every part of a tree has: its place in the text."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Located:
    """A part of a query; `at` is the offset where it begins, and no part of what makes two parts equal."""

    at: int = field(compare=False, repr=False)
