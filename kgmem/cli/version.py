"""`kgmem version`."""

import platform
from importlib.metadata import version as version_of

from kgmem.cli.console import OUT, AsJSON, print_json


def version(as_json: AsJSON = False) -> None:
    """Tell the versions of kgmem and of the Python that runs it."""
    if as_json:
        print_json({"kgmem": version_of("kgmem"), "python": platform.python_version()})
    else:
        OUT.print(f"kgmem {version_of('kgmem')}, Python {platform.python_version()}")
