"""Tiers, pins and their settings as records of a file, which name items by keys.

What is hot or warm without a pin is not recorded: who writes a file into a graph has used what it contains.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, Final, get_args

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.tier import MOST_MOVED, TIERS, ItemKind, TierSettings

TIER: Final = "tier"
OF: Final = ("items", "settings")  # What a record is of.
RECORDED: Final = ("cold", "distilled")  # Tiers that items have in a file without being pinned.


def settings_of(told: Mapping[str, Any]) -> TierSettings:
    """Return the settings that a record states; what it does not state is the default. Raises InvalidInput."""
    stated, known = told.get("settings"), {field.name for field in fields(TierSettings)}
    if not isinstance(stated, Mapping) or not stated.keys() <= known:
        raise _wrong("settings", f"a map of {', '.join(sorted(known))}")
    return TierSettings(**stated).checked()


def record_of(settings: TierSettings) -> dict[str, Any]:
    """Return the fields of a record of settings."""
    return {"of": "settings", "settings": asdict(settings)}


def check_tier_record(told: Mapping[str, Any], _: str = "") -> None:
    """Raise InvalidInput for a record of tiers that kgmem would not have written."""
    if told.get("of") == "settings":
        if told.get("scope"):
            raise _wrong("scope", "absent: settings are of a graph")
        settings_of(told)
        return
    if told.get("item") not in get_args(ItemKind):
        raise _wrong("item", "entity or episode")
    pinned, keys = told.get("pinned"), told.get("keys")
    if type(pinned) is not bool:
        raise _wrong("pinned", "true or false")
    if told.get("tier") not in (TIERS if pinned else RECORDED):
        raise _wrong("tier", f"one of {', '.join(TIERS if pinned else RECORDED)}")
    if not isinstance(keys, list) or len(keys) > MOST_MOVED or not all(isinstance(each, str) for each in keys):
        raise _wrong("keys", f"a list of at most {MOST_MOVED} keys")


def _wrong(name: str, wanted: str) -> InvalidInput:
    return InvalidInput(
        f"{name} is not {wanted}.", hint="Remove the record, or write it as an export does.", field=name
    )
