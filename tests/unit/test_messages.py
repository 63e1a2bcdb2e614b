"""Messages: what of them is read and searched, the shapes of models' APIs, and the estimate of tokens."""

import random

import pytest

from kgmem.domain.agents.message import Message, message_from
from kgmem.domain.agents.tokens import ESTIMATE, estimate
from kgmem.domain.errors import InvalidInput
from kgmem.embedding.tokenizer import make_token_counter

CALL = {"id": "c", "type": "function", "function": {"name": "find", "arguments": '{"a": 1}'}}


@pytest.mark.parametrize(
    ("message", "text", "is_read"),
    [
        (Message("user", "hi"), "hi", True),
        (Message("system", "hi"), "hi", False),
        (Message("tool", "x" * 30_000), "x" * 20_000, False),
        (Message("assistant", None, tool_calls=(CALL,)), 'find({"a": 1})', False),
        (Message("assistant", "so", tool_calls=(CALL,)), "so", True),
        (
            Message("assistant", [{"type": "output_text", "text": "a"}, {"type": "thinking", "thinking": "b"}]),
            "a",
            True,
        ),
        (Message("user", [{"type": "image", "source": {}}]), "[image]", False),
        (Message("user", [{"type": "tool_result", "tool_use_id": "t", "content": "r"}]), "r", False),
        (Message("user", [{"type": "tool_result", "tool_use_id": "t"}, {"type": "text", "text": "q"}]), "q", True),
    ],
)
def test_what_of_a_message_is_read_and_searched(message: Message, text: str, is_read: bool) -> None:
    assert (message.text, message.is_read) == (text, is_read)


def test_a_digest_depends_on_all_that_is_said_but_not_on_id_and_tokens() -> None:
    one = Message("user", "hi", "a", tokens=3)
    assert one.digest() == Message("user", "hi", "b", tokens=9).digest()
    others = [
        Message("assistant", "hi"), Message("user", "ho"), Message("user", "hi", name="n"),
        Message("user", "hi", metadata={"a": 1}), Message("user", "hi", occurred_at="2026"),
        Message("user", [{"type": "text", "text": "hi"}]),
    ]  # fmt: skip
    assert len({one.digest(), *(each.digest() for each in others)}) == 7


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ("hi", "at"),
        ({"content": "x"}, "at.role"),
        ({"role": "user", "content": 1}, "at.content"),
        ({"role": "user", "tokens": True}, "at.tokens"),
        ({"role": "user", "tool_calls": ["x"]}, "at.tool_calls"),
        ({"role": "user", "contnet": "x"}, "at.contnet"),
    ],
)
def test_a_wrong_object_is_refused_by_its_field(told: object, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        message_from(told, "at")
    assert refused.value.facts["field"] == field


def test_roles_have_the_names_of_other_apis_too() -> None:
    assert message_from({"role": "developer", "content": "x"}, "").role == "system"
    assert message_from({"role": "function", "content": "x", "name": None}, "").role == "tool"


# (text, tokens of o200k_base and of cl100k_base, whichever are more), as bpe-openai counts them.
COUNTED = [
    ("The quick brown fox jumps over the lazy dog.", 10),
    ("Привет, как дела? Сегодня хорошая погода.", 21),
    ("今天天气很好，我们去公园散步吧。", 20),
    ('{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}', 27),
    ("def f(x):\n    return [y ** 2 for y in range(x)]\n", 17),
    ("3f2504e0-4f89-11d3-9a0c-0305e82c3301", 27),
    ("😀🎉🚀", 8),
]


@pytest.mark.parametrize(("text", "tokens"), COUNTED)
def test_the_estimate_is_not_below_what_models_count(text: str, tokens: int) -> None:
    assert tokens <= estimate(text) <= 3 * tokens


def test_lines_apart_never_take_less_than_together() -> None:
    drawn = random.Random(7)
    for _ in range(300):
        lines = ["".join(drawn.choices("ab eZ9ü漢😀-_{}.\t", k=drawn.randint(0, 30))) for _ in range(5)]
        assert estimate("\n".join(lines)) <= sum(estimate(line + "\n") for line in lines)


def test_tokenizers_are_chosen_by_name() -> None:
    assert make_token_counter("estimate") is ESTIMATE
    for wrong in ("gpt", "no/such.json", "bpe-openai:nonsense"):
        with pytest.raises(InvalidInput, match="KGMEM_TOKENIZER"):
            make_token_counter(wrong)
