"""Recipes: named presets of a question. What the question sets itself takes precedence."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from kgmem.domain.errors import InvalidInput
from kgmem.domain.recall.question import Fusion, Mode, Part, Question


@dataclass(frozen=True, slots=True)
class Recipe:
    """The values of a recipe for what a question omits."""

    purpose: str
    weights: Mapping[str, float] = field(default_factory=dict)
    modes: Mapping[Part, Mode] = field(default_factory=dict)
    fusion: Fusion | None = None
    expand: bool = False
    context: bool | None = None
    half_life_days: float | None = None
    in_text: bool = False
    diversity: float = 0.0


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "balanced": Recipe("Keywords and semantic similarity with equal weights."),
        "exact_words": Recipe("Names, codes and quotations: keywords count more.", weights={"meaning": 0.3}),
        "same_sense": Recipe("Paraphrases: semantic similarity counts more.", weights={"words": 0.3}),
        "multi_hop": Recipe(
            "Answers spread over several texts: graph expansion from the matches.",
            expand=True,
            weights={"expansion": 4.0},
        ),
        "conversation": Recipe("Turns of conversations: the adjacent turns count too.", context=True),
        "recent": Recipe("Recent items first, with a half-life of 30 days.", half_life_days=30.0),
        "timeline": Recipe(
            "Times in the text of the question rank what was valid then.", in_text=True, modes={"when": "should"}
        ),
        "nearby": Recipe("Ranked by distance, without a limit.", modes={"where": "should"}),
        "root_cause": Recipe("Ranked by causal links, without filtering.", modes={"why": "should"}),
        "trusted": Recipe("Ranked by trust, without filtering.", weights={"trust": 1.0}),
        "overview": Recipe("Diverse hits.", diversity=0.5),
    }
)


def check_recipe(name: str | None) -> str | None:
    """Return the name of a recipe if it exists. Raises InvalidInput."""
    if name is not None and name not in RECIPES:
        raise InvalidInput(f"There is no recipe {name!r}.", hint=f"Recipes are {', '.join(RECIPES)}.")
    return name


def with_recipe(question: Question, default: str | None = None) -> Question:
    """Return a question completed by its recipe, or by the default recipe. Raises InvalidInput for an unknown one."""
    name = check_recipe(question.recipe or default)
    if name is None:
        return question
    recipe = RECIPES[name]
    when, graph = question.when, question.graph
    return replace(
        question,
        weights={**recipe.weights, **question.weights},
        modes={**recipe.modes, **question.modes},
        fusion=question.fusion or recipe.fusion,
        graph=replace(
            graph,
            expand=recipe.expand or None if graph.expand is None else graph.expand,
            context=recipe.context if graph.context is None else graph.context,
        ),
        when=replace(
            when,
            half_life_days=when.half_life_days or recipe.half_life_days,
            in_text=when.in_text or recipe.in_text,
        ),
        diversity=question.diversity or recipe.diversity,
    )
