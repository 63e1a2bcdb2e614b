"""`kgmem mcp`: serve a host of the Model Context Protocol."""

import asyncio
import importlib
import os
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from kgmem.cli.console import NOTES, note
from kgmem.domain.errors import InvalidInput
from kgmem.settings import PREFIX, Settings

Text = str | None


def mcp(
    tools: Annotated[
        str, typer.Option("--tools", help="Profiles and tools, with commas: memory, analyst, compat, all, or names.")
    ] = "memory",
    graph: Annotated[Text, typer.Option("--graph", "-g", help="The graph; by default main, or the only one.")] = None,
    scope: Annotated[Text, typer.Option("--scope", help="The scope, which the model cannot leave.")] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Offer no tool that writes.")] = False,
    url: Annotated[Text, typer.Option("--url", help="A kgmem server to speak to, instead of KGMEM_URL.")] = None,
    key: Annotated[
        Text, typer.Option("--key", help="The API key for it; KGMEM_KEY is better, since others see command lines.")
    ] = None,
    print_config: Annotated[
        Text, typer.Option("--print-config", help="Print the configuration of a host, such as cursor, and end.")
    ] = None,
) -> None:
    """Serve a host of the Model Context Protocol by standard input and output."""
    options = _module("caller").ConnectionOptions(tools, graph, scope, read_only).checked()
    _module("catalog").check_tools(tools)
    settings = importlib.import_module("kgmem.cli.opening").load_settings()
    if print_config is not None:
        _print_config(print_config, settings, url)
        return
    asyncio.run(_served(settings, options, url or settings.url, key))
    # A thread may still wait for a line that never comes.
    sys.stderr.flush()
    os._exit(0)


def _served(settings: Settings, options: Any, url: str | None, key: str | None) -> Any:
    """Return the work: a memory of this machine's, or a bridge to a server."""
    if url is None:
        if key is not None:
            raise InvalidInput("--key is for a server.", hint="Give --url too, or leave --key out.")
        bootstrap = importlib.import_module("kgmem.bootstrap")
        opener = partial(
            bootstrap.open_memory,
            settings,
            worker=settings.worker,
            migrating=settings.database_url is None,
            report=note,
        )
        return _module("stdio").serve(opener, options)
    secret = key or (settings.key.get_secret_value() if settings.key else None)
    if secret is None:
        raise InvalidInput("The server needs an API key.", hint="Set KGMEM_KEY; kgmem key create makes one there.")
    return _module("bridge").serve(url, secret, options)


def _module(name: str) -> Any:
    return importlib.import_module(f"kgmem.mcp.{name}")


def _print_config(host: str, settings: Settings, url: str | None) -> None:
    """Print the configuration of a host for this program, with the options that it was given."""
    hosts = _module("hosts")
    command = shutil.which(sys.argv[0]) or shutil.which("kgmem") or sys.argv[0]
    arguments = _without(sys.argv[1:], "--print-config", "--key") or ["mcp"]
    environment = _environment(settings)
    if url is not None or settings.url is not None:
        environment["KGMEM_KEY"] = "YOUR_KEY"
    place, text = hosts.config_for(host, hosts.Launch(os.path.realpath(command), arguments, environment))
    NOTES.print(f"[dim]{host}: {place}[/]", soft_wrap=True)
    typer.echo(text)


def _environment(settings: Settings) -> dict[str, str]:
    """Return the variables that are set here, for the program that the host starts; of secrets a placeholder."""
    told: dict[str, str] = {}
    for name in sorted(settings.model_fields_set):
        value = getattr(settings, name)
        variable = PREFIX + name.upper()
        if isinstance(value, SecretStr):
            told[variable] = f"YOUR_{name.upper()}"
        elif isinstance(value, Path):
            told[variable] = str(value.expanduser().resolve())
        else:
            told[variable] = str(value).lower() if isinstance(value, bool) else str(value)
    return told


def _without(arguments: list[str], *options: str) -> list[str]:
    """Return arguments without some options and their values."""
    kept: list[str] = []
    skip = False
    for each in arguments:
        if skip:
            skip = False
        elif each in options:
            skip = True
        elif each.partition("=")[0] not in options:
            kept.append(each)
    return kept
