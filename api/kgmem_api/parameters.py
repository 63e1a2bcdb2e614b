"""The parameters and documented answers that several routes share."""

from typing import Annotated, Any

from fastapi import Path, Query
from starlette.convertors import Convertor, register_url_convertor

# Keys in addresses: the last part of a path takes any key, whatever characters it has once they are decoded.


class KeyConvertor(Convertor[str]):
    """Takes what is left of a path: slashes and, unlike Starlette's own `path`, line breaks too."""

    regex = r"(?s:.+)"

    def convert(self, value: str) -> str:
        """Return the key of a decoded path."""
        return value

    def to_string(self, value: str) -> str:
        """Return the key of a path that is not encoded yet."""
        return value


register_url_convertor("key", KeyConvertor())
KEY = "{key:key}"  # The end of a route's address.


GraphName = Annotated[str, Path(description="The graph's name.")]
ItemKey = Annotated[
    str, Path(min_length=1, max_length=500, description="The key, percent-encoded; a / in it may stay as it is.")
]
ScopeQuery = Annotated[
    str | None, Query(alias="scope", max_length=400, description="The scope to act in; default: the key's.")
]
Cursor = Annotated[str | None, Query(max_length=1000, description="Where the last page ended.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Most items of a page.")]
# A web address has an end; a thousand keys of fifty characters fit.
MOST_KEYS = 1000
Keys = Annotated[
    list[str], Query(alias="key", min_length=1, max_length=MOST_KEYS, description="A key; may be given repeatedly.")
]


def gives(model: type, status: int = 200, text: str = "Done.") -> dict[int | str, dict[str, Any]]:
    """Return what a route says of its answer; errors are added for all routes at once."""
    return {status: {"model": model, "description": text}}
