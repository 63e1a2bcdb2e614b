"""Budget: how many tokens the texts of hits take, and which hits fit."""

from collections.abc import Iterable

from kgmem.domain.answer import Hit


def tokens(text: str) -> int:
    """Estimate the tokens of a text: four characters make one where letters are Latin, other scripts one each.

    It is made to be rather too high than too low for the tokenizers of today's language models.
    """
    plain = sum(character < "\u0250" for character in text)
    return -(-plain // 4) + len(text) - plain


def within_budget(hits: Iterable[Hit], budget: int) -> tuple[list[Hit], int]:
    """Give the hits, in their order, whose names and texts fit into so many tokens, and how many were left out."""
    kept: list[Hit] = []
    left, out = budget, 0
    for hit in hits:
        cost = tokens(hit.name or hit.key) + tokens(hit.text or "")
        if cost <= left:
            left -= cost
            kept.append(hit)
        else:
            out += 1
    return kept, out
