"""Trains what `kgmem.extraction.updates.acts` knows, from sentences that are marked by hand.

    python -m bench.rig.act_training [--check]

The files of `tests/data/acts` hold lines of "+" (it ends what was so) and "-" (it does not) under headings that name
the kind; what stands before "=>" is what it replies to. A line of the sets in `tests/data/updates` whose expectation
denies what its context says is one that ends it. Each file is one writer's: `--check` leaves out one after the other
and shows how the rest judges it.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.rig.update_cases import sentences
from kgmem.extraction.rules import parsed
from kgmem.extraction.updates import acts

_DATA = Path(__file__).parents[2] / "tests" / "data" / "acts"
_PENALTY = 2.0  # Of the squares of the weights.
_STEPS = 40
_CLOSE = 1e-5
_SURE = 0.6
_KIND_OF = {
    "allergies": "diets", "membership": "subscriptions", "appointments": "meetings", "homes": "homes", "jobs": "jobs",
    "preferences": "preferences", "roles": "roles", "relationships": "relations", "ownership": "ownership",
    "meetings": "meetings", "plans": "talk", "advice": "talk", "times": "talk",
}  # fmt: skip


@dataclass(frozen=True)
class Example:
    """A sentence, whether it ends something, and of what kind that is; None where nobody says."""

    text: str
    ends: bool
    kind: str | None
    writer: str


def examples() -> list[Example]:
    """Return all examples, file by file."""
    found = []
    for path in sorted(_DATA.glob("*.txt")):
        kind = ""
        for line in path.read_text().splitlines():
            if line.startswith("["):
                kind = line.strip("[] ")
            elif line[:2] in {"+ ", "- "}:
                text = line[2:].rpartition("=>")[2].strip()
                found.append(Example(text, line[0] == "+", kind, path.stem))
    for part in ("develop", "held_out"):
        for case in sentences(part):
            before, said = case.turns
            gone = [each for each in said.expected if not each.holds and each.object.lower() in before.text.lower()]
            if "\n" not in said.text and case.kind not in {"corrections", "times"}:
                found.append(Example(said.text, bool(gone), _KIND_OF.get(case.kind), "updates"))
    return found


def rows_of(told: Sequence[Example]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], list[str | None]]:
    """Return a row for each example, whether it ends something, and its kind."""
    docs = list(parsed(each.text for each in told))
    return (
        acts.features([doc[:] for doc in docs]),
        np.array([each.ends for each in told], float),
        [e.kind for e in told],
    )


def fitted(rows: npt.NDArray[np.float64], ends: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the weights of a logistic regression with a penalty on their squares, the constant last (Newton)."""
    count, width = rows.shape
    wide = np.hstack([rows, np.ones((count, 1))])
    weights = np.zeros(width + 1)
    penalty = np.eye(width + 1) * _PENALTY
    penalty[-1, -1] = _CLOSE
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(wide @ weights, -30, 30)))
        slope = wide.T @ (chance - ends) + penalty @ weights
        curve = (wide * (chance * (1 - chance))[:, None]).T @ wide + penalty
        step = np.linalg.solve(curve, slope)
        weights -= step
        if np.abs(step).max() < _CLOSE:
            break
    return weights


def by_kind(
    rows: npt.NDArray[np.float64], kinds: Sequence[str | None], classes: Sequence[str]
) -> npt.NDArray[np.float64]:
    """Return the weights of each class against all others."""
    known = np.array([each is not None for each in kinds])
    named = np.array([each or "" for each in kinds])[known]
    plain = rows[known][:, : -acts.RUNS]  # Of what a clause speaks its meaning says enough.
    return np.stack([fitted(plain, (named == each).astype(float)) for each in classes])


def check(told: Sequence[Example], rows: npt.NDArray[np.float64], ends: npt.NDArray[np.float64]) -> None:
    """Show how each writer's sentences are judged by what the others wrote."""
    writers = np.array([each.writer for each in told])
    for writer in dict.fromkeys(writers):
        mine = writers == writer
        weights = fitted(rows[~mine], ends[~mine])
        chance = 1 / (1 + np.exp(-(rows[mine] @ weights[:-1] + weights[-1])))
        said, so = chance >= _SURE, ends[mine] > 0
        right = float((said == so).mean())
        precise = float(so[said].mean()) if said.any() else 0.0
        recall = float(said[so].mean()) if so.any() else 0.0
        print(f"{writer}: {mine.sum()} sentences, {right:.3f} right, precision {precise:.3f}, recall {recall:.3f}")


def main() -> None:
    """Train, and write the weights beside the module that uses them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="judge each writer's sentences by the others' alone")
    asked = parser.parse_args()
    told = examples()
    rows, ends, kinds = rows_of(told)
    if asked.check:
        check(told, rows, ends)
        return
    classes = sorted({each for each in kinds if each})
    path = Path(acts.__file__).with_name("acts.npz")
    np.savez_compressed(
        path, classes=np.array(classes), ending=fitted(rows, ends).astype(np.float32),
        kinds=by_kind(rows, kinds, classes).astype(np.float32),
    )  # fmt: skip
    print(f"{len(told)} sentences, {len(classes)} kinds: {path.name}, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
