"""Publications as records of a file, which name what is published by keys, and its claims by what they state."""

from collections.abc import Mapping
from typing import Any, Final

from kgmem.domain.agents.publication import STATES, PublicationRequest
from kgmem.domain.errors import InvalidInput

PUBLICATION: Final = "publication"
PUBLICATION_KINDS: Final = ("fact", "relationship", "text")
_NAMED: Final = {"text": ("key",), "fact": ("subject", "predicate"), "relationship": ("subject", "predicate")}
_STORED: Final = ("entity", "text")
_MOST_CLAIMS: Final = 100_000


def check_publication(told: Mapping[str, Any], _: str = "") -> None:
    """Raise InvalidInput for a record of a publication that kgmem would not have written."""
    kind = told.get("publication")
    if kind not in PUBLICATION_KINDS:
        raise _wrong("publication", f"one of {', '.join(PUBLICATION_KINDS)}")
    for name in _NAMED[kind]:
        if not told.get(name):
            raise _wrong(name, f"given, as it names the {kind}")
    item, key = (None, told["key"]) if kind == "text" else (1, None)
    scope = told.get("scope") or ""
    PublicationRequest(told.get("to") or "", told["by"], told["reason"], item, key, scope).checked()
    if told.get("state", STATES[0]) not in STATES:
        raise _wrong("state", f"one of {', '.join(STATES)}")
    claims = told.get("claims") or []
    if not isinstance(claims, list) or not all(isinstance(each, str) for each in claims) or len(claims) > _MOST_CLAIMS:
        raise _wrong("claims", "a list of references")
    stored = told.get("stored")
    if stored is not None and not (
        isinstance(stored, list) and len(stored) <= _MOST_CLAIMS and all(map(_is_item, stored))
    ):
        raise _wrong("stored", "a list of kinds, keys and digests")
    apart = told.get("apart")
    if apart is not None and not is_hash(apart):
        raise _wrong("apart", "a whole number of 64 bits as a text")


def _is_item(told: Any) -> bool:
    """Return whether this is a kind, a key and a digest of what a publication stored."""
    if not isinstance(told, list) or len(told) != 3 or not all(isinstance(each, str) for each in told):
        return False
    kind, key, digest = told
    return kind in _STORED and bool(key) and "\0" not in key and is_hash(digest)


def is_hash(text: str) -> bool:
    """Return whether a text is a hash of 64 bits, as a decimal number."""
    known = text.removeprefix("-").isdecimal() and text.isascii() and len(text) <= 20
    return known and -(2**63) <= int(text) < 2**63


def _wrong(name: str, wanted: str) -> InvalidInput:
    return InvalidInput(
        f"{name} is not {wanted}.", hint="Remove the record, or write it as an export does.", field=name
    )
