"""The same rows, facts and questions for every peer, in files that any environment with numpy reads."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

K = 20


class CannotError(Exception):
    """A peer has no such function; the text says what is missing."""


@dataclass(frozen=True)
class Shared:
    """Rows (key, label, name, text), their vectors, facts (start, end, text), and questions."""

    rows: list[dict[str, Any]]
    facts: list[dict[str, Any]]
    questions: list[dict[str, Any]]  # Of each: text, label (the filter), key (where two hops start).
    vectors: Any  # float32, rows x dimensions
    asked: Any  # float32, questions x dimensions

    def write(self, folder: Path) -> None:
        """Write the files."""
        for name in ("rows", "facts", "questions"):
            (folder / f"{name}.json").write_text(json.dumps(getattr(self, name)))
        np.save(folder / "vectors.npy", self.vectors)
        np.save(folder / "asked.npy", self.asked)

    @classmethod
    def read(cls, folder: Path) -> "Shared":
        """Read the files."""
        rows, facts, questions = (
            json.loads((folder / f"{name}.json").read_text()) for name in ("rows", "facts", "questions")
        )
        return cls(rows, facts, questions, np.load(folder / "vectors.npy"), np.load(folder / "asked.npy"))

    def nearest(self, at: int, label: str | None = None) -> set[str]:
        """Return the keys of the 20 nearest rows to a question by comparing with every row (of a label)."""
        values = self.vectors @ self.asked[at]
        if label is not None:
            values = np.where([row["label"] == label for row in self.rows], values, -2)
        return {self.rows[n]["key"] for n in np.argsort(-values)[:K]}

    def two_hops(self, at: int) -> int:
        """Return how many other rows the facts lead to in two steps."""
        out: dict[str, list[str]] = {}
        for fact in self.facts:
            out.setdefault(fact["start"], []).append(fact["end"])
        return len({end for middle in out.get(self.questions[at]["key"], []) for end in out.get(middle, [])})
