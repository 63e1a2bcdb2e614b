"""Rows of publications, as the store reads them."""

from collections.abc import Mapping
from typing import Any, Final

from kgmem.domain.agents.publication import STATES, Publication, PublicationKind
from kgmem.domain.graph.entity import EPISODE, RELATIONSHIP
from kgmem.domain.time.interval import iso
from kgmem.store.claims.claim_rows import FACT
from kgmem.store.db.sql import SQL, fill
from kgmem.store.graph.layout import Layout

_FILE: Final = "publications"
_KIND_OF: Final[Mapping[int, PublicationKind]] = {EPISODE: "text", RELATIONSHIP: "relationship", FACT: "fact"}


def publication_rows(layout: Layout, name: str) -> SQL:
    """Return a statement of publications.sql that reads whole rows."""
    return fill(layout.sql(_FILE, name), {"rows": layout.sql(_FILE, "rows")})


def publication_of(row: Any) -> Publication:
    """Return the publication that a row tells."""
    return Publication(
        row["id"], _KIND_OF[row["kind"]], row["origin"], row["key"], row["subject"], row["predicate"], row["scope"],
        row["target"], row["by"], row["reason"], iso(row["at"]), STATES[row["state"] - 1], row["note"],
        iso(row["ended"]) if row["ended"] is not None else None, tuple(row["copies"]),
    )  # fmt: skip
