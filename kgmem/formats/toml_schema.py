"""Reading graph schemas from TOML files."""

import tomllib
from collections.abc import Sequence
from functools import reduce
from importlib.resources.abc import Traversable
from pathlib import Path

from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.schema.schema import GraphSchema, from_mapping, merge, validate

# What every graph knows: the labels that all share, then what each dimension adds.
ONTOLOGY = ("core", "space", "time", "cause", "meaning", "said")


def load_schema(folder: Path | Traversable, names: Sequence[str] = ONTOLOGY) -> GraphSchema:
    """Return the schema that the TOML files of these names in a folder make together.

    Raises NotFound for a missing file, InvalidInput for one that is wrong or that contradicts another.
    """
    return validate(reduce(merge, (read_schema(folder / f"{name}.toml") for name in names), GraphSchema()))


def read_schema(file: Path | Traversable) -> GraphSchema:
    """Return the schema that one TOML file describes; it may refer to what other files declare.

    Raises NotFound, InvalidInput.
    """
    if not file.is_file():
        raise NotFound(f"There is no schema file {file.name}.", hint="Check the folder and the name.", name=file.name)
    try:
        return from_mapping(tomllib.loads(file.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file.name} is not TOML: {error}.", hint="Correct the file.", name=file.name) from error
    except InvalidInput as error:
        raise InvalidInput(f"{file.name}: {error.message}", hint=error.hint, **error.facts) from error
