"""Made-up texts of common English words: as many tokens as words, more or less, and no text twice."""

import numpy as np

_WORDS = (
    "river city engine winter doctor letter garden music captain harbour window market",
    "teacher island bridge story election factory mountain painter railway sister village soldier",
    "science camera forest kitchen lawyer museum reached opened visited described moved repaired",
    "sold learned wrote founded crossed measured carried promised old small northern famous",
    "quiet broken early yellow expensive open near after before with without between",
    "under",
)
_ALL = " ".join(_WORDS).split()


def sentences(random: np.random.Generator, count: int, shortest: int = 14, longest: int = 14) -> list[str]:
    """Return texts of so many words, and a number at the end of each."""
    lengths = random.integers(shortest, longest, count, endpoint=True)
    return [" ".join(random.choice(_ALL, length)) + f" {random.integers(10**6)}" for length in lengths]
