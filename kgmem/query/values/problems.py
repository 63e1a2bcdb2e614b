"""What is wrong with a value, before it is known where in the query it comes from."""

from kgmem.domain.errors import InvalidInput

ARGUMENT = "ArgumentError"
TYPE = "TypeError"
ARITHMETIC = "ArithmeticError"


class ValueProblem(InvalidInput):
    """A value does not do here. Evaluation turns it into a CypherError that names the place."""

    code = "cypher-error"

    def __init__(
        self,
        problem: str,
        *,
        type: str = ARGUMENT,  # noqa: A002 - the TCK's word for it
        detail: str = "InvalidArgumentValue",
        hint: str = "",
    ) -> None:
        """Take what is wrong in a sentence, and the TCK's type and detail of such an error."""
        super().__init__(problem, hint=hint)
        self.type = type
        self.detail = detail


def wrong_type(wanted: str, value: object) -> ValueProblem:
    """Return the error for a value that is of none of the types that are wanted."""
    return ValueProblem(f"{wanted[0].upper()}{wanted[1:]} is needed here, and this is {shown(value)}.", type=TYPE)


def shown(value: object) -> str:
    """Return a value as a message may show it: not longer than a line."""
    text = repr(value) if isinstance(value, str | bool | int | float) else f"a {type(value).__name__}"
    text = {"None": "null", "True": "true", "False": "false", "a list": "a list", "a dict": "a map"}.get(text, text)
    return text if len(text) <= 60 else f"{text[:57]}..."
