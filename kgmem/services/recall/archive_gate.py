"""The gate of the archive: cold episodes are searched where hot and warm memory gives too little.

What an answer is worth is known by the relevance of its hits, which is on one scale for all questions. The store opens
the gate by itself for a question that names tiers, or a time that only cold memory covers.
"""

from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.question import Question


def may_be_enough(question: Question) -> bool:
    """Return whether hits tell if they are enough: not without a text, and not on a further page.

    A reranker behind an endpoint would be asked, and paid, twice.
    """
    return question.what.text is not None and question.cursor is None and not question.rerank


def enough(question: Question, answer: Answer, least: float) -> tuple[bool, str]:
    """Return whether an answer without the archive is enough, and why: all hits, and a best one so relevant."""
    best = max((hit.relevance or 0.0 for hit in answer.hits), default=0.0)
    if len(answer.hits) < question.k and not answer.suppressed.get("over_budget"):
        return False, f"on: {len(answer.hits)} of {question.k} hits without it."
    if best < least:
        return False, f"on: the best hit without it has a relevance of {best:.2f}, less than {least:g}."
    return True, f"off: the best hit has a relevance of {best:.2f}, at least {least:g}."
