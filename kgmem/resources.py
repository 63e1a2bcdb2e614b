"""Files that are part of kgmem: graph_schema/, migrations/, cypher/, sample/."""

from pathlib import Path

from kgmem.domain.errors import NotFound

_PACKAGE = Path(__file__).resolve().parent


def resource(name: str) -> Path:
    """Return a file or folder by its name: from an installed kgmem, else from the checkout. Raises NotFound."""
    for root in (_PACKAGE / "_resources", _PACKAGE.parent):
        if (root / name).exists():
            return root / name
    raise NotFound(f"{name} is missing from this installation of kgmem.", hint="Install kgmem again.", name=name)
