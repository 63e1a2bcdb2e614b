"""How a graph's schema says that claims are weighed: a rule for each predicate that is weighed in a way of its own."""

from dataclasses import dataclass

from kgmem.domain.claims.consensus import SUCCESSION, VERIFIED, Method, Policy, ValueKind, ValueRule
from kgmem.domain.schema.document import Section, read_bool, read_names, read_text
from kgmem.domain.time.interval import DAY

_MOST_DAYS = 1_000_000.0  # Of a half-life.

RULE_KEYS = (
    "values", "several", "functional", "unit", "tolerance", "relative", "exact", "names", "critical", "method",
    "policy", "domain", "verified", "succession", "half_life", "value", "description",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WeighingRule:
    """What a schema says of the claims on one predicate: a kind of relationship, or a property."""

    name: str
    values: str = ""  # A ValueKind; empty: told by each value.
    several: bool = False  # Values of a property do not compete.
    functional: bool = False  # Objects compete, as they do where the kind is declared functional.
    unit: str = ""
    tolerance: float = 0.0
    relative: float = 0.0
    exact: bool = False  # Letter case, accents and punctuation make a difference.
    names: bool = False  # The parts of a set are names of people.
    critical: bool = False  # Contested facts are for people to decide.
    method: str = ""  # A Method; empty: as the claims' shape suggests.
    policy: str = ""  # A Policy; empty: by trust.
    domain: str = ""
    verified: float = 0.0  # The probability from which a fact is verified; 0: the usual one.
    succession: float = 0.0  # The trust from which a lone later claim ends what began earlier; 0: the usual one.
    half_life: float = 0.0  # Days after which a claim counts half; 0: claims do not age.
    value: tuple[str, ...] = ()  # The properties of a relationship that hold what is claimed of it.
    description: str = ""

    def of_values(self) -> ValueRule:
        """Return the rule for claims that name a value."""
        return self._rule(functional=not self.several)

    def of_objects(self, *, functional: bool) -> ValueRule:
        """Return the rule for claims that name an entity; `functional` is what is declared of the kind."""
        return self._rule(functional=self.functional or functional)

    def _rule(self, *, functional: bool) -> ValueRule:
        policy = Policy(self.policy) if self.policy else Policy.TRUST
        usual = Method.MAJORITY if policy is Policy.MAJORITY else Method.AUTO
        return ValueRule(
            kind=ValueKind(self.values) if self.values else None,
            functional=functional,
            unit=self.unit or None,
            tolerance=self.tolerance,
            relative=self.relative,
            fold=not self.exact,
            names=self.names,
            critical=self.critical,
            method=Method(self.method) if self.method else usual,
            domain=self.domain or None,
            policy=policy,
            verified=self.verified or VERIFIED,
            succession=self.succession or SUCCESSION,
            half_life=round(self.half_life * DAY) or None,
            held_in=self.value,
        )


def read_rule(name: str, part: Section) -> WeighingRule:
    """Return the rule that a table of a schema's document states. Raises InvalidInput."""
    return WeighingRule(
        name,
        values=_one_of(part, "values", [kind.value for kind in ValueKind]),
        several=read_bool(part, "several"),
        functional=read_bool(part, "functional"),
        unit=read_text(part, "unit"),
        tolerance=_number(part, "tolerance"),
        relative=_number(part, "relative"),
        exact=read_bool(part, "exact"),
        names=read_bool(part, "names"),
        critical=read_bool(part, "critical"),
        method=_one_of(part, "method", [method.value for method in Method]),
        policy=_one_of(part, "policy", [policy.value for policy in Policy]),
        domain=read_text(part, "domain"),
        verified=_number(part, "verified", most=1.0),
        succession=_number(part, "succession", most=1.0),
        half_life=_number(part, "half_life", most=_MOST_DAYS),
        value=read_names(part, "value"),
        description=read_text(part, "description"),
    )


def _one_of(part: Section, key: str, known: list[str]) -> str:
    value = read_text(part, key)
    if value and value not in known:
        raise part.wrong(key, f"{value!r} is not known", f"Give one of {', '.join(known)}.")
    return value


def _number(part: Section, key: str, most: float = float("inf")) -> float:
    value = part.values.get(key, 0.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise part.wrong(key, f"{value!r} is not a number from 0 to {most:g}", "Correct it, or leave it out.")
    return float(value)
