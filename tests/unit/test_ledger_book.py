"""The book of a ledger: amounts without rounding, decisions in any order keep the money, and a chain seals all."""

from decimal import Decimal, getcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgmem.domain.errors import Conflict, InvalidInput, LimitReached
from kgmem.domain.ledger.amounts import MOST_SCALE, parse_amount, text_of
from kgmem.domain.ledger.book import Book
from kgmem.domain.ledger.chain import GENESIS, Record, canonical, parse_record, seal
from kgmem.domain.ledger.decide import decide
from kgmem.domain.ledger.ledger import (
    AccountLimits,
    AccountSpec,
    LedgerNote,
    Movement,
    Post,
    PutAccount,
    Release,
    Request,
    Reserve,
    Reverse,
    Settle,
    check_spec,
)

D = Decimal
NAMES = ("a", "b", "c", "t", "u")


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**19), max_value=10**19, places=MOST_SCALE))
def test_an_amount_comes_back_digit_for_digit(amount: Decimal) -> None:
    text = text_of(amount)
    assert parse_amount(text, "amount") == amount
    assert text_of(parse_amount(text, "amount")) == text
    assert "E" not in text
    assert text not in {"-0", ""}


@pytest.mark.parametrize(
    "value", ["NaN", "sNaN", "inf", "-Infinity", "", "1,5", "0x1", "1e21", "1" * 21, "0." + "1" * 19, "1e-999999"]
)
def test_what_is_no_amount_or_has_too_many_digits_is_refused(value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_amount(value, "entries[0].amount")
    assert caught.value.facts["field"] == "entries[0].amount"


@pytest.mark.parametrize("value", [1.5, True, None, [1]])
def test_what_is_not_text_a_whole_number_or_a_decimal_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput):
        parse_amount(value, "amount")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (AccountSpec("a b", "budget", "USD"), "account"),
        (AccountSpec("a", "budget", ""), "unit"),
        (AccountSpec("a", "savings", "USD"), "kind"),  # type: ignore[arg-type]
        (AccountSpec("a", "budget", "USD", scale=19), "scale"),
        (AccountSpec("a", "budget", "USD", limits=AccountLimits(hard_min=D(2), hard_max=D(1))), "limits.hard_min"),
    ],
)
def test_a_bad_account_is_refused_by_its_field(spec: AccountSpec, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_spec(spec)
    assert caught.value.facts["field"] == field


def book_with_accounts() -> tuple[Book, list[Record]]:
    book, records = Book(), []
    for n, name in enumerate(NAMES):
        limits = AccountLimits(hard_min=D(-50) if name == "a" else None, soft_max=D(20))
        spec = AccountSpec(name, "budget", "tokens" if name in "tu" else "USD", limits=limits)
        record, _ = decide(book, PutAccount("", spec), n + 1)
        assert record is not None
        records.append(record)
    return book, records


AMOUNTS = st.decimals(min_value=-60, max_value=60, places=9)
NOTES = st.builds(LedgerNote, st.text(max_size=5), st.none() | st.sampled_from(["planner"]), st.none())
USD = st.sampled_from("abc")
REQUESTS: st.SearchStrategy[Request] = st.one_of(
    st.builds(
        lambda source, to, amount, note: Post("", (Movement(source, amount.copy_negate()), Movement(to, amount)), note),
        st.sampled_from(NAMES), st.sampled_from(NAMES), AMOUNTS, NOTES,
    ),
    st.builds(Reserve, st.just(""), USD, USD, AMOUNTS, st.none() | st.integers(1, 20)),
    st.builds(Settle, st.just(""), st.integers(5, 30), st.none() | AMOUNTS),
    st.builds(Release, st.just(""), st.integers(5, 30)),
    st.builds(Reverse, st.just(""), st.integers(5, 30)),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(REQUESTS, st.integers(1, 5_000_000)), max_size=40))
def test_any_requests_in_any_order_keep_the_money_and_the_limits(requests: list[tuple[Request, int]]) -> None:
    book, records = book_with_accounts()
    at = 10
    for request, later in requests:
        at += later
        book.lapse(at)
        before = {name: (each.posted, each.held, each.incoming) for (_, name), each in book.accounts.items()}
        try:
            record, _ = decide(book, request, at)
        except (InvalidInput, Conflict, LimitReached):
            after = {name: (each.posted, each.held, each.incoming) for (_, name), each in book.accounts.items()}
            assert after == before
            continue
        except Exception as error:
            assert type(error).__name__ == "NotFound", error
            continue
        assert record is not None
        records.append(record)
        if record.kind == "transaction":
            book.records[record.seq] = record
        check_invariants(book)

    again, previous = Book(), GENESIS
    for record in records:
        assert seal(previous, record.content) == record.hash
        previous = record.hash
        again.lapse(record.at)
        again.take(parse_record(record.content, record.hash))
    again.lapse(at)
    assert again.accounts == book.accounts
    assert again.holds == book.holds
    assert (again.seq, again.hash) == (book.seq, book.hash)


def check_invariants(book: Book) -> None:
    """Nothing is made or lost in a unit, holds reserve what accounts say, and nothing is below a hard limit."""
    for unit in ("USD", "tokens"):
        assert sum((each.posted for each in book.by_id.values() if each.spec.unit == unit), D(0)) == 0
    for account in book.by_id.values():
        open_holds = [each for each in book.holds.values() if each.state == "open"]
        assert account.held == sum((each.amount for each in open_holds if each.source == account.id), D(0))
        assert account.incoming == sum((each.amount for each in open_holds if each.destination == account.id), D(0))
        if account.spec.limits.hard_min is not None:
            assert account.posted - account.held >= account.spec.limits.hard_min
        assert account.posted == sum((each.amount for each in book.entries if each.account == account.id), D(0))


def test_sums_are_exact_whatever_the_context_of_the_caller() -> None:
    book, _ = book_with_accounts()
    large, small = D("99999999999999999999.999999999"), D("0.000000001")
    precision, getcontext().prec = getcontext().prec, 5
    try:
        for n, amount in enumerate((large, small, large), 20):
            decide(book, Post("", (Movement("b", amount.copy_negate()), Movement("c", amount))), n)
        assert str(book.accounts["", "c"].posted) == "199999999999999999999.999999999"
    finally:
        getcontext().prec = precision


def test_canonical_text_is_one_for_one_value() -> None:
    assert canonical({"b": 1, "a": ["ü", None]}) == '{"a":["ü",null],"b":1}'
    assert canonical({"a": ["ü", None], "b": 1}) == canonical({"b": 1, "a": ["ü", None]})
    with pytest.raises(ValueError, match="not JSON"):
        canonical(float("nan"))
