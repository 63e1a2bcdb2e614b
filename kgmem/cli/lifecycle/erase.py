"""`kgmem erase`: a person or a scope leaves the graph, its history and its copies; a signed report proves it."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.table import Table

from kgmem.bootstrap import verify_signature
from kgmem.cli.console import OUT, AsJSON, GraphName, Limit, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.erasure.erasure import ErasurePlan, ErasureRequest, SignedReport
from kgmem.domain.errors import InvalidInput
from kgmem.memory import DEFAULT_GRAPH

app = typer.Typer(help="Erase a person or a scope, and prove it.", invoke_without_command=True)


@app.callback()
def erase(
    context: typer.Context,
    graph: GraphName = DEFAULT_GRAPH,
    scope: Annotated[
        str | None, typer.Option("--scope", help="A scope with everything in it, and those below.")
    ] = None,
    entities: Annotated[list[str] | None, typer.Option("--entity", help="The key of an entity; repeatable.")] = None,
    keys_in: Annotated[str, typer.Option("--keys-in", help="The scope of these entities.")] = "",
    texts: Annotated[list[str] | None, typer.Option("--text", help="A name or an address; repeatable.")] = None,
    whole_words: Annotated[bool, typer.Option("--whole-words", help="Texts within longer words do not count.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="The reason.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Only search for the texts again.")] = False,
    report: Annotated[str | None, typer.Option("--report", help="The report that --verify is of.")] = None,
    output: Annotated[Path | None, typer.Option("--output", help="A file for the signed report.")] = None,
    as_json: AsJSON = False,
) -> None:
    """Erase a person or a scope, and prove it."""
    if context.invoked_subcommand is not None:
        return
    if verify:
        _verify(graph, texts or (), report, as_json=as_json)
        return
    request = ErasureRequest(
        scope, True, entities or (), keys_in, texts or (), whole_words, reason, "cli"
    )  # fmt: skip
    if dry_run:
        _show_plan(with_memory(lambda m: m.erasures.plan(graph, request, progress=_progress)), as_json=as_json)
        return
    signed = with_memory(lambda m: m.erasures.erase(graph, request, progress=_progress))
    if output is not None:
        output.write_bytes(orjson.dumps(asdict(signed), option=orjson.OPT_INDENT_2))
        note(f"Written to {output}.")
    if as_json:
        print_json(signed)
    else:
        _show(signed)
    if not signed.report["complete"]:
        raise typer.Exit(1)


@app.command("reports")
def reports(graph: GraphName = DEFAULT_GRAPH, limit: Limit = 100, as_json: AsJSON = False) -> None:
    """List the reports of erasures."""
    page = with_memory(lambda m: m.erasures.reports(graph, limit=limit))
    if as_json:
        print_json(page.items)
        return
    table = Table("report", "at", "by", "complete")
    for each in page.items:
        told = each.report
        table.add_row(told["id"], told["at"], told["by"], "yes" if told["complete"] else "no")
    OUT.print(table)


@app.command("report")
def report_(id_: Annotated[str, typer.Argument(metavar="REPORT")], graph: GraphName = DEFAULT_GRAPH) -> None:
    """Print a signed report as JSON."""
    print_json(with_memory(lambda m: m.erasures.report(graph, id_)))


@app.command("verify-report")
def verify_report(
    file: Annotated[Path, typer.Argument(help="A signed report.")],
    public_key: Annotated[
        str | None, typer.Option("--public-key", help="The key that it has to be signed with.")
    ] = None,
) -> None:
    """Verify the signature of a report; exits with 1 where it does not hold. It needs no database."""
    try:
        told = orjson.loads(file.read_bytes())
        signed = SignedReport(told["report"], told["algorithm"], told["public_key"], told["signature"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{file} is no signed report.", hint="kgmem erase report REPORT prints one.") from error
    if not verify_signature(signed) or public_key not in {None, signed.public_key}:
        OUT.print("The signature does not hold.")
        raise typer.Exit(1)
    OUT.print(f"The signature holds. Public key: {signed.public_key}")


@app.command("public-key")
def public_key() -> None:
    """Print the public key of this server's reports."""
    typer.echo(with_memory(lambda m: _key(m.erasures.public_key())))


async def _key(key: str) -> str:
    return key


def _progress(step: str, done: int, total: int) -> None:
    if not done % 20:
        note(f"{step}: {done} of {total}")


def _verify(graph: str, texts: Sequence[str], report: str | None, *, as_json: bool) -> None:
    found = with_memory(lambda m: m.erasures.verify(graph, texts, report=report))
    if as_json:
        print_json(found)
    elif found.clean:
        keys = f" and {found.keys:,} keys of Redis" if found.keys else ""
        OUT.print(f"No trace in {found.tables} tables{keys}.")
    else:
        for name in found.unsearched:
            note(f"{name.title()} is away, or something waits to be erased there. Try again in a few minutes.")
        table = Table("where", "rows")
        for each in found.found:
            table.add_row(each.table, f"{each.rows:,}")
        for name in found.files:
            table.add_row(name, "")
        OUT.print(table)
    if not found.clean:
        raise typer.Exit(1)


def _show_plan(plan: ErasurePlan, *, as_json: bool) -> None:
    if as_json:
        print_json(plan)
        return
    table = Table("what", "number", "such as")
    for kind, number in plan.counts.items():
        if number:
            table.add_row(kind, f"{number:,}", ", ".join(plan.samples.get(kind, ())[:3]))
    OUT.print(table)
    if plan.common_names:
        note(f"Not searched for, since others may bear it: {', '.join(plan.common_names)}. Give it with --text.")


def _show(signed: SignedReport) -> None:
    told = signed.report
    table = Table("what", "removed")
    for kind, number in told["removed"].items():
        if number:
            table.add_row(kind, f"{number:,}")
    OUT.print(table)
    for each in told["kept"]:
        note(f"Kept: {each['what']}: {each['why']}.")
    OUT.print(f"{'Complete' if told['complete'] else 'NOT complete'}: {told['id']}")
