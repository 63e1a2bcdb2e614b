"""What a graph believes, as records that travel: claims, decisions, facts, correlations, trust, merges and pairs.

Unlike statements of entities and relationships these name nothing by number: a claim is known by what it states, a
decision by what it decided when. So they can be taken into any graph, and again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

BeliefKind = Literal["claim", "decision", "fact", "correlation", "trust", "merge", "pair"]
# In the order in which they can be stored: decisions and facts refer to claims, facts to decisions.
BELIEF_KINDS: tuple[BeliefKind, ...] = ("claim", "decision", "fact", "correlation", "trust", "merge", "pair")


@dataclass(frozen=True, slots=True)
class BeliefRecord:
    """One record: what it is, and its fields as they stand in files (formats/claims.py lists them)."""

    kind: BeliefKind
    told: Mapping[str, Any]

    @property
    def scope(self) -> str:
        """The scope that it belongs to."""
        return str(self.told.get("scope") or "")
