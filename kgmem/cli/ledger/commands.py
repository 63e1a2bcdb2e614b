"""`kgmem ledger`: accounts, postings, holds, statements, and the proof that nothing was changed."""

import sys
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.table import Table

from kgmem.cli.console import OUT, AsJSON, GraphName, Limit, ScopeName, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.errors import InvalidInput
from kgmem.domain.ledger.amounts import parse_amount, text_of
from kgmem.domain.ledger.ledger import (
    AS_IT_IS,
    KINDS,
    Account,
    AccountLimits,
    AccountSpec,
    HoldState,
    LedgerNote,
    Posting,
    Reservation,
    StatementQuery,
    Transaction,
)
from kgmem.formats.ledger import (
    account_wire,
    hold_wire,
    notice_wire,
    statement_wire,
    transaction_wire,
    verification_wire,
)
from kgmem.memory import DEFAULT_GRAPH, Memory

app = typer.Typer(help="Accounts, postings, holds and statements of a budget ledger.", no_args_is_help=True)

AccountName = Annotated[str, typer.Argument(help="The account's name.")]
Key = Annotated[str | None, typer.Option("--key", help="An idempotency key: makes it safe to repeat.")]
Text = Annotated[str, typer.Option("--description", help="For people.")]
Agent = Annotated[str | None, typer.Option("--agent", help="The agent.")]
Session = Annotated[str | None, typer.Option("--session", help="The session.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag; may be repeated.")]
Number = Annotated[int, typer.Argument(min=1, help="The number that it got.")]
Bound = Annotated[str | None, typer.Option(help="A limit, a decimal number.")]


@app.command("open")
def open_(
    account: AccountName,
    unit: Annotated[str, typer.Option("--unit", help="Such as USD, tokens or requests.")],
    kind: Annotated[str, typer.Option("--kind", help="asset, liability, income, expense or budget.")] = "budget",
    scale: Annotated[
        int | None,
        typer.Option("--scale", min=0, max=18, help="Most digits behind the point. As it is; 9 for a new account."),
    ] = None,
    hard_min: Bound = None,
    hard_max: Bound = None,
    soft_min: Bound = None,
    soft_max: Bound = None,
    description: Text = "",
    closed: Annotated[bool, typer.Option("--closed", help="Close it: it takes nothing more.")] = False,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Open an account, or set its limits and description; with --closed, close it."""
    if kind not in KINDS:
        raise InvalidInput(f"Unknown value of --kind: {kind!r}.", hint=f"Use one of {', '.join(KINDS)}.")
    given = {"hard_min": hard_min, "hard_max": hard_max, "soft_min": soft_min, "soft_max": soft_max}
    limits = AccountLimits(**{name: None if text is None else parse_amount(text, name) for name, text in given.items()})
    digits = AS_IT_IS if scale is None else scale
    spec = AccountSpec(account, kind, unit, digits, limits, description, closed)  # type: ignore[arg-type]
    put = with_memory(lambda m: m.ledger.put_account(graph, spec, scope=scope))
    if as_json:
        print_json(account_wire(put))
    else:
        OUT.print(f"{account}: {_shown(put)}")


@app.command()
def accounts(
    graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", limit: Limit = 100, as_json: AsJSON = False
) -> None:
    """List the accounts in this scope, with their balances."""
    page = with_memory(lambda m: m.ledger.accounts(graph, scope=scope, limit=limit))
    if as_json:
        print_json({"accounts": [account_wire(each) for each in page.items], "cursor": page.cursor})
        return
    table = Table("account", "kind", "unit", "posted", "reserved", "available", "")
    for each in page.items:
        balance = each.balance
        table.add_row(
            each.spec.name, each.spec.kind, each.spec.unit, text_of(balance.posted), text_of(balance.held),
            text_of(balance.available), "closed" if each.spec.closed else "",
        )  # fmt: skip
    OUT.print(table)
    _more(page.cursor)


@app.command()
def balance(
    account: AccountName,
    at: Annotated[str | None, typer.Option("--at", help="As of this time.")] = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Show the balance of an account, now or as of a time."""
    found = with_memory(lambda m: m.ledger.account(graph, account, scope=scope, at=at))
    if as_json:
        print_json(account_wire(found))
    else:
        OUT.print(_shown(found))


@app.command()
def post(
    entries: Annotated[list[str], typer.Argument(help="ACCOUNT=AMOUNT, two or more, which sum to zero.")],
    description: Text = "",
    agent: Agent = None,
    session: Session = None,
    tag: Tags = None,
    key: Key = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Post a transaction, such as: kgmem ledger post budget=-5 spent=5."""
    postings = []
    for each in entries:
        account, equals, amount = each.rpartition("=")
        if not equals:
            raise InvalidInput(f"{each!r} is no entry.", hint="Write ACCOUNT=AMOUNT, such as budget=-5.")
        postings.append(Posting(account, amount))
    about = LedgerNote(description, agent, session, tuple(tag or ()))
    made = with_memory(lambda m: m.ledger.post(graph, postings, scope=scope, note=about, idempotency_key=key))
    _print_transaction(made, as_json)


@app.command()
def reverse(
    transaction: Number,
    description: Text = "",
    key: Key = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Post the opposite of a transaction as a new one."""
    about = LedgerNote(description)
    made = with_memory(lambda m: m.ledger.reverse(graph, transaction, scope=scope, note=about, idempotency_key=key))
    _print_transaction(made, as_json)


@app.command()
def hold(
    source: Annotated[str, typer.Argument(help="The account on which it is reserved.")],
    destination: Annotated[str, typer.Argument(help="The account that receives it.")],
    amount: Annotated[str, typer.Argument(help="A decimal number.")],
    seconds: Annotated[int | None, typer.Option("--seconds", min=1, help="After which it expires.")] = None,
    description: Text = "",
    agent: Agent = None,
    session: Session = None,
    tag: Tags = None,
    key: Key = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Reserve an amount on one account for another."""
    about = LedgerNote(description, agent, session, tuple(tag or ()))
    wanted = Reservation(source, destination, amount, seconds)
    made = with_memory(lambda m: m.ledger.hold(graph, wanted, scope=scope, note=about, idempotency_key=key))
    if as_json:
        print_json(hold_wire(made))
    else:
        OUT.print(f"hold {made.id}: {text_of(made.amount)} {made.unit} of {source} for {destination}")


@app.command()
def settle(
    number: Number,
    amount: Annotated[str | None, typer.Option("--amount", help="By default all of it.")] = None,
    key: Key = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Post what a hold reserves, in whole or in part; the rest is released."""
    made = with_memory(lambda m: m.ledger.settle(graph, number, amount, scope=scope, idempotency_key=key))
    _print_transaction(made, as_json)


@app.command()
def release(
    number: Number, key: Key = None, graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", as_json: AsJSON = False
) -> None:
    """Release a hold without posting anything."""
    made = with_memory(lambda m: m.ledger.release(graph, number, scope=scope, idempotency_key=key))
    if as_json:
        print_json(hold_wire(made))
    else:
        OUT.print(f"hold {made.id}: {made.state}")


@app.command()
def holds(
    state: Annotated[str | None, typer.Option("--state", help="open, settled, released or expired.")] = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    limit: Limit = 100,
    as_json: AsJSON = False,
) -> None:
    """List the holds in this scope, the newest first."""
    states: tuple[HoldState, ...] = get_args(HoldState)
    if state is not None and state not in states:
        raise InvalidInput(f"Unknown value of --state: {state!r}.", hint=f"Use one of {', '.join(states)}.")
    wanted = next((each for each in states if each == state), None)
    page = with_memory(lambda m: m.ledger.holds(graph, scope=scope, state=wanted, limit=limit))
    if as_json:
        print_json({"holds": [hold_wire(each) for each in page.items], "cursor": page.cursor})
        return
    table = Table("hold", "from", "to", "amount", "unit", "state", "expires")
    for each in page.items:
        table.add_row(
            str(each.id), each.source, each.destination, text_of(each.amount), each.unit, each.state,
            each.expires_at or "",
        )  # fmt: skip
    OUT.print(table)
    _more(page.cursor)


@app.command()
def statement(
    account: Annotated[str | None, typer.Argument(help="The account; by default all.")] = None,
    agent: Agent = None,
    session: Session = None,
    tag: Annotated[str | None, typer.Option("--tag", help="A tag.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="From this time on.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Before this time.")] = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    limit: Limit = 100,
    as_json: AsJSON = False,
) -> None:
    """List the entries of an account, agent, session or tag, oldest first, with what they add up to."""
    query = StatementQuery(account, agent, session, tag, start, end)
    found = with_memory(lambda m: m.ledger.statement(graph, query, scope=scope, limit=limit))
    if as_json:
        print_json(statement_wire(found))
        return
    table = Table("transaction", "at", "account", "amount", "balance", "unit", "description")
    for each in found.lines:
        table.add_row(
            str(each.transaction), each.at, each.account, text_of(each.amount), text_of(each.balance), each.unit,
            each.note.description,
        )  # fmt: skip
    OUT.print(table)
    for total in found.totals:
        OUT.print(f"{total.account}: +{text_of(total.added)} -{text_of(total.deducted)} {total.unit}")
    _more(found.cursor)


@app.command()
def notices(
    graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", limit: Limit = 100, as_json: AsJSON = False
) -> None:
    """List what passed a soft limit in this scope, the newest first."""
    page = with_memory(lambda m: m.ledger.notices(graph, scope=scope, limit=limit))
    if as_json:
        print_json({"notices": [notice_wire(each) for each in page.items], "cursor": page.cursor})
        return
    table = Table("record", "at", "account", "limit", "value", "balance", "unit")
    for each in page.items:
        table.add_row(
            str(each.record), each.at, each.account, each.limit, text_of(each.value), text_of(each.balance), each.unit
        )
    OUT.print(table)
    _more(page.cursor)


@app.command()
def head(graph: GraphName = DEFAULT_GRAPH, as_json: AsJSON = False) -> None:
    """Print how many records there are, and the hash of the last: keep it outside of this database."""
    found = with_memory(lambda m: m.ledger.head(graph))
    if as_json:
        print_json(found)
    else:
        OUT.print(f"{found.records}:{found.hash}", soft_wrap=True)


@app.command()
def verify(
    anchor: Annotated[
        list[str] | None, typer.Option("--head", help="A head that was kept (RECORDS:HASH); may be repeated.")
    ] = None,
    graph: GraphName = DEFAULT_GRAPH,
    as_json: AsJSON = False,
) -> None:
    """Check the sums, the chain and the balances of a graph's ledger; exit code 1 names the first broken row."""
    anchors = []
    for each in anchor or ():
        records, _, hash_ = each.partition(":")
        if not records.isdigit():
            raise InvalidInput(f"{each[:100]!r} is no head.", hint="Give what kgmem ledger head printed.")
        anchors.append((int(records), hash_))
    found = with_memory(lambda m: m.ledger.verify(graph, anchors=anchors))
    if as_json:
        print_json(verification_wire(found))
    elif found.broken is None:
        OUT.print(
            f"{found.records:,} records, {found.entries:,} entries, {found.accounts:,} accounts and "
            f"{found.holds:,} holds are as they were written."
        )
        OUT.print(f"head {found.head.records}:{found.head.hash}", soft_wrap=True)
    else:
        OUT.print(f"[bold red]broken:[/] {found.broken.table}, {found.broken.row}: {found.broken.problem}")
    if not found.ok:
        raise typer.Exit(1)


@app.command("export")
def export_(
    file: Annotated[Path, typer.Argument(help="A file to write; - for standard output.")],
    graph: GraphName = DEFAULT_GRAPH,
) -> None:
    """Write the records of a graph's ledger as lines of JSON, sealed as they are."""

    async def write(memory: Memory) -> int:
        count = 0
        target = sys.stdout if str(file) == "-" else file.open("w", encoding="utf-8")
        try:
            async for line in memory.ledger.export(graph):
                target.write(line + "\n")
                count += 1
        finally:
            if target is not sys.stdout:
                target.close()
        return count

    note(f"{with_memory(write):,} records exported.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="What kgmem ledger export wrote.")], graph: GraphName = DEFAULT_GRAPH
) -> None:
    """Append the records of an export that are not there yet, all or none; a broken chain is refused."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} cannot be read: {error}.", hint="Name a file of kgmem ledger export.") from error
    added = with_memory(lambda m: m.ledger.restore(graph, lines))
    OUT.print(f"{added:,} records imported; {len(lines) - added:,} were there.")


def _print_transaction(made: Transaction, as_json: bool) -> None:
    if as_json:
        print_json(transaction_wire(made))
        return
    OUT.print(f"transaction {made.id}" + ("" if made.created else " (posted before)"))
    for each in made.entries:
        OUT.print(f"  {each.account} {text_of(each.amount)} {each.unit}, now {text_of(each.balance)}")
    for notice in made.notices:
        note(f"{notice.account} is at {text_of(notice.balance)}, beyond {notice.limit} of {text_of(notice.value)}.")


def _shown(account: Account) -> str:
    balance = account.balance
    return (
        f"{text_of(balance.posted)} {account.spec.unit} posted, {text_of(balance.held)} reserved, "
        f"{text_of(balance.available)} available"
    )


def _more(cursor: str | None) -> None:
    if cursor:
        note("There are more: raise --limit.")
