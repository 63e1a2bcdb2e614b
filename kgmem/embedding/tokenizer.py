"""Tokenizers: one whose vocabulary is installed, so that nothing is downloaded, or the estimate."""

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from kgmem.domain.agents.tokens import ESTIMATE, TokenCounter
from kgmem.domain.errors import InvalidInput

_ENCODING: Final = "o200k_base"
_BPE: Final = "bpe_openai"  # The package that has the vocabularies of OpenAI's models in it.


def make_token_counter(name: str) -> TokenCounter:
    """Return what counts tokens: auto, estimate, bpe-openai[:ENCODING], or a path of a tokenizer.json.

    Auto is bpe-openai where it is installed, and the estimate elsewhere. Raises InvalidInput for what cannot be loaded.
    """
    if name == "estimate" or (name == "auto" and importlib.util.find_spec(_BPE) is None):
        return ESTIMATE
    kind, _, encoding = name.partition(":")
    if kind in {"auto", "bpe-openai"}:
        chosen = encoding or _ENCODING
        encode = _loaded(_BPE, name, lambda package: package.get_encoding(chosen).encode_ordinary)
        return TokenCounter(f"bpe-openai:{chosen}", lambda text: len(encode(text)), exact=True)
    if name.endswith(".json") and Path(name).is_file():
        tokenizer = _loaded("tokenizers", name, lambda package: package.Tokenizer.from_file(name))
        return TokenCounter(
            Path(name).name, lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids), exact=True
        )
    raise InvalidInput(
        f"KGMEM_TOKENIZER is {name!r}, which is no tokenizer.",
        hint="Set auto, estimate, bpe-openai:o200k_base, or the path of a tokenizer.json.",
    )


def _loaded(package: str, name: str, load: Callable[[Any], Any]) -> Any:
    try:
        return load(importlib.import_module(package))
    except ImportError as error:
        raise InvalidInput(
            f"KGMEM_TOKENIZER is {name!r}, but {package} is not installed.",
            hint=f"pip install {package.replace('_', '-')}, or set KGMEM_TOKENIZER=estimate.",
        ) from error
    except Exception as error:  # Each package has errors of its own for names and files that it does not know.
        raise InvalidInput(
            f"KGMEM_TOKENIZER is {name!r}, which {package} cannot load: {error}.", hint="Check the name or the file."
        ) from error
