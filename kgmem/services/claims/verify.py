"""Judge: a claim, or what a text says, compared with what the graph knows. Offline: no model takes part."""

import re
from dataclasses import replace
from typing import Any

from kgmem.domain.claims.claim import ClaimStatement, Option, StoredFact, Verification, check_claims
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.relationship import kind_in_words
from kgmem.domain.recall.question import Question, What
from kgmem.services import merged_keys
from kgmem.services.ports import Ports
from kgmem.services.recall.recall import recall
from kgmem.services.texts.remember import schema_of

# Whether a claimed value is one that the graph holds, by plain comparison.

_NUMBER = re.compile(r"\s*([+-]?\d[\d,]*(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(.*)$")


def same_value(one: Any, other: Any, tolerance: tuple[float, float] = (0.0, 0.0)) -> bool:
    """Return whether two values are the same: texts without letter case and spaces, numbers within a tolerance.

    `tolerance` is absolute, and as a share of the larger. Lists are the same with the same parts in any order.
    """
    if isinstance(one, list | tuple) or isinstance(other, list | tuple):
        ones, others = (list(each) if isinstance(each, list | tuple) else [each] for each in (one, other))
        return sorted(map(_folded, ones)) == sorted(map(_folded, others))
    first, second = _number(one), _number(other)
    if first is not None and second is not None and first[1] == second[1]:
        allowed = max(tolerance[0], tolerance[1] * max(abs(first[0]), abs(second[0])))
        return abs(first[0] - second[0]) <= allowed
    return _folded(one) == _folded(other)


def _number(value: Any) -> tuple[float, str] | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value), ""
    found = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    return (float(found[1].replace(",", "")), found[2].strip().casefold()) if found else None


def _folded(value: Any) -> str:
    return " ".join(re.sub(r"[^\w]+", " ", str(value).casefold()).split())


_NEAREST = 10  # Hits that may tell what a text is about.
_SUPPORTS = 0.5  # From this probability on a value is what the graph holds.


async def verify(ports: Ports, graph: str, claim: ClaimStatement | None, text: str | None, scope: str) -> Verification:
    """Return whether the graph supports or contradicts a claim or a text, or neither. Raises InvalidInput."""
    if (claim is None) == (text is None):
        raise InvalidInput("Either a claim or a text is verified.", hint="Give one of the two.")
    if claim is not None:
        check_claims([claim])
        (claim,) = await merged_keys.of_claims(ports, graph, [replace(claim, scope=scope)])
        return await _claim(ports, graph, claim, scope)
    return await _text(ports, graph, text or "", scope)


async def _claim(ports: Ports, graph: str, claim: ClaimStatement, scope: str) -> Verification:
    held = await ports.claims.facts_of(graph, scope, claim.subject, claim.predicate)
    known = [fact for fact in held if fact.about == claim.about]
    if not known:
        known = await _unweighed(ports, graph, claim, scope)
    if not known:
        return Verification(
            "unknown", None, f"Nothing is known of {claim.predicate} of {claim.subject!r}.", claim=claim
        )
    schema = schema_of(ports.core_schema, await ports.graphs.get(graph))
    rule = schema.rules.get(claim.predicate)
    wanted = claim.value if claim.value is not None else claim.object
    tolerance = (rule.tolerance, rule.relative) if rule else (0.0, 0.0)
    same = [(fact, option) for fact in known for option in fact.options if same_value(option.value, wanted, tolerance)]
    best = max(same, key=lambda pair: pair[1].probability, default=None)
    if best and best[1].probability >= _SUPPORTS and best[0].state not in {"superseded", "invalidated"}:
        return Verification("supports", best[1].probability, _told(*best), [best[0]], claim)
    kind = schema.kinds.get(claim.predicate)
    several = claim.value is None and not (kind and kind.functional) and not (rule and rule.functional)
    against = [fact for fact in known if _stands(fact) and not same_value(fact.value, wanted, tolerance)]
    if best is None and several:
        return Verification(
            "unknown", None, f"{claim.predicate} may have several values, and nobody claims this.", known, claim
        )
    if against:
        fact = max(against, key=lambda each: each.probability)
        sure = best[1].probability if best else 0.0
        reason = f"The graph holds {fact.value!r} ({fact.probability:.2f}, {fact.state}). {fact.reason}"
        return Verification("contradicts", sure, reason, against, claim)
    reason = f"It is open: {known[0].reason}"
    return Verification("unknown", best[1].probability if best else None, reason, known, claim)


def _stands(fact: StoredFact) -> bool:
    return fact.state == "verified" or (fact.state != "superseded" and fact.probability >= _SUPPORTS)


def _told(fact: StoredFact, option: Option) -> str:
    said = ", ".join(option.sources) or "nobody who is named"
    return f"Said by {said}; it has {option.probability:.2f}. {fact.reason}"


async def _unweighed(ports: Ports, graph: str, claim: ClaimStatement, scope: str) -> list[StoredFact]:
    """Return relationships that nobody's claims compete with, as facts."""
    if claim.object is None:
        return []
    page = await ports.store.list_relationships(
        graph, scope=scope, kind=claim.predicate, entity=claim.subject, cursor=None, limit=200
    )
    mine = [each.id for each in page.items if each.start == claim.subject and each.id is not None]
    return [await ports.claims.fact(graph, id_, scope) for id_ in mine]


async def _text(ports: Ports, graph: str, text: str, scope: str) -> Verification:
    """Find what a text claims: of the facts that recall finds near it, the one whose parts it names.

    Subject and predicate must be named in it; then it supports the value that it names, and contradicts the fact when
    it names another of its values, or an entity of the same label in its place.
    """
    question = Question(what=What(text=text, kinds=("fact",)), scope=scope, k=_NEAREST)
    hits = (await recall(ports, graph, question)).hits
    words = _words(text)
    held = await ports.claims.facts_by_id(graph, [hit.id for hit in hits], scope)
    for hit in hits:
        start = hit.start
        if start is None or not _named(words, start.name or start.key):
            continue
        fact = held.get(hit.id) or await ports.claims.fact(graph, hit.id, scope)
        if not set(kind_in_words(fact.predicate).split()) & words:
            continue
        named = [option for option in fact.options if _named(words, await _name(ports, graph, option.value, scope))]
        if named:
            option = max(named, key=lambda each: each.probability)
            claim = ClaimStatement("", fact.subject, fact.predicate, object=str(option.value), scope=scope)
            return await _claim(ports, graph, claim, scope)
        other = await _other(ports, graph, (text, scope), words, {start.key})
        if other is not None:
            claim = ClaimStatement("", fact.subject, fact.predicate, object=other, scope=scope)
            return await _claim(ports, graph, claim, scope)
    return Verification("unknown", None, "No fact of the graph has the parts that this text names.")


async def _other(ports: Ports, graph: str, asked: tuple[str, str], words: set[str], but: set[str]) -> str | None:
    """Return the entity that a text names beside its subject."""
    text, scope = asked
    found = await recall(ports, graph, Question(what=What(text=text, kinds=("entity",)), scope=scope, k=_NEAREST))
    return next((hit.key for hit in found.hits if hit.key not in but and _named(words, hit.name or hit.key)), None)


async def _name(ports: Ports, graph: str, value: object, scope: str) -> str:
    """Return the name of the entity that a value names, or else the value as text."""
    try:
        held = await ports.store.get_entity(graph, str(value), scope)
    except NotFound:
        return str(value)
    return held.name or held.key


def _words(text: str) -> set[str]:
    return {word for word in "".join(c if c.isalnum() else " " for c in text.casefold()).split() if word}


def _named(words: set[str], name: str) -> bool:
    """Return whether a text has all words of a name."""
    parts = _words(name)
    return bool(parts) and parts <= words
