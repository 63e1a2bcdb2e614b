"""The functions there are, by name in lower case.

PURE ones are null where an argument is, WITH_NULLS are given nulls, and SETTLED ones are made for a setting (and are
null where an argument is).
"""

from collections.abc import Callable, Mapping

from kgmem.query.evaluation.environment import Environment
from kgmem.query.evaluation.functions import conversion, general, numeric, spatial, temporal, text
from kgmem.query.values import Value

Function = Callable[..., Value]

PURE: Mapping[str, Function] = {
    **general.PURE,
    **conversion.PURE,
    **numeric.PURE,
    **text.PURE,
    **temporal.PURE,
    **spatial.PURE,
}
WITH_NULLS: Mapping[str, Function] = {**general.WITH_NULLS, **conversion.WITH_NULLS}
SETTLED: Mapping[str, Callable[[Environment], Function]] = {**general.SETTLED, **temporal.SETTLED}
