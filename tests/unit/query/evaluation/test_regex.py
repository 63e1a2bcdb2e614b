"""Regular expressions: RE2's, with the flags that tools for Java send."""

import pytest

from kgmem.query.errors import ValueProblem
from kgmem.query.evaluation.operators import matches


@pytest.mark.parametrize(
    ("text", "pattern", "found"),
    [
        ("Ada", "A.*", True),
        ("Ada", "da", False),
        ("Ada Ärmel", "(?iu).*ärm.*", True),
        ("Ada", "(?u)ada", False),
        ("Ada", "(?u:A)da", True),
        ("a\nb", "(?su)a.b", True),
        ("a(?u)", r"a\(\?u\)", True),
        (None, "a", None),
        (1, "a", None),
    ],
)
def test_a_pattern_meets_the_whole_text(text: object, pattern: str, found: bool | None) -> None:
    assert matches(text, pattern) is found


@pytest.mark.parametrize("pattern", ["(", "(?<=a)b", r"(a)\1", "a" * 10_001])
def test_what_re2_does_not_know_is_refused(pattern: str) -> None:
    with pytest.raises(ValueProblem):
        matches("ab", pattern)
