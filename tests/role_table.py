"""The table of routes by role in docs/roles.md; `python -m tests.role_table` writes it anew."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fastapi.routing import APIRoute

from kgmem.domain.access import ROLES, Key, Role
from kgmem_api.access import Demand
from kgmem_api.app import dependencies
from tests.rest_app import bare_app

PAGE: Final = Path(__file__).parents[1] / "docs" / "roles.md"
HEAD: Final = f"| route | {' | '.join(ROLES)} |"


def demands() -> Iterator[tuple[str, str, Demand]]:
    """Yield each route that needs a key: method, address and what it needs."""
    for route in bare_app().routes:
        if isinstance(route, APIRoute):
            needed = [each for each in dependencies(route.dependant) if isinstance(each, Demand)]
            for method in sorted(route.methods or ()):
                if needed:
                    yield method, route.path_format, needed[0]


def lines() -> list[str]:
    """Return the lines of the table, by address."""
    found = [HEAD, f"|---|{'---|' * len(ROLES)}"]
    for method, address, demand in sorted(demands(), key=lambda each: (each[1], each[0])):
        cells = ["yes" if Key("", "", role).may(demand.role, demand.also) else "" for role in ROLES]
        found.append(f"| `{method} {address}` | {' | '.join(cells)} |")
    return found


def documented() -> dict[tuple[str, str], set[Role]]:
    """Return which roles the page says may use a route, by method and address."""
    rows = PAGE.read_text().partition(HEAD)[2].splitlines()[2:]
    found: dict[tuple[str, str], set[Role]] = {}
    for row in rows:
        if row.startswith("| `"):
            route, *cells = (each.strip() for each in row.strip("|").split("|"))
            method, _, address = route.strip("`").partition(" ")
            found[method, address] = {role for role, cell in zip(ROLES, cells, strict=True) if cell == "yes"}
    return found


if __name__ == "__main__":
    text = PAGE.read_text().partition(HEAD)[0]
    PAGE.write_text(text + "\n".join(lines()) + "\n")
