"""all-MiniLM-L6-v2 computed in int8: about twice as many texts a second, in an embedding space of its own.

The packaged model keeps its weights as int8 and computes with float32. Here onnxruntime's dynamic quantisation makes
another file of it, once: matrix products take int8 weights (one scale a column) and activations that are scaled to
uint8 while they are computed. Weights have 7 bits, because sums of 8-bit products overflow on processors without VNNI.
The optional package `onnx` is needed to make the file; it is kept in a folder with its sha256 beside it.

One text is computed at a time: the scale of activations is that of a whole batch, and the vector of a text would
depend on the texts beside it.
"""

import importlib
import os
import tempfile
from dataclasses import replace
from functools import partial
from hashlib import file_digest
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import platformdirs

from kgmem.domain.errors import EmbedderUnavailable, InvalidInput
from kgmem.embedding.minilm import SHA256, SPACE, Arithmetic, MiniLMEmbedder
from kgmem.log import EventLog

INT8_SPACE: Final = replace(SPACE, provider="minilm-int8", revision=f"dynamic-int8-{SHA256[:12]}")
_FILE: Final = f"all-MiniLM-L6-v2-dynamic-int8-{SHA256[:12]}.onnx"

log = EventLog(__name__)


def int8_minilm(folder: Path | None = None) -> MiniLMEmbedder:
    """Return the embedder, which keeps its file in the folder. Raises InvalidInput where `onnx` is not installed."""
    if find_spec("onnx") is None:
        raise InvalidInput(
            "The embedder minilm-int8 needs the package onnx.",
            hint="pip install 'kgmem[int8]', or set KGMEM_EMBEDDER=minilm.",
        )
    place = folder or platformdirs.user_cache_path("kgmem", appauthor=False)
    return MiniLMEmbedder(arithmetic=Arithmetic(INT8_SPACE, alone=True, prepared=partial(quantised, folder=place)))


def quantised(model: Path, folder: Path) -> Path:
    """Return the int8 file of a model, made if it is not in the folder or is damaged (5 s). Raises EmbedderUnavailable.

    Several processes may make it at once: each file takes its place whole, and they are the same.
    """
    path = folder / _FILE
    noted = path.with_suffix(".sha256")
    try:
        if path.is_file() and noted.is_file() and noted.read_text(encoding="ascii") == _sha256(path):
            return path
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            made = _make(model, Path(work))
            log.info("model_quantised", path=path)
            digest = Path(work) / "sha256"
            digest.write_text(_sha256(made), encoding="ascii")
            os.replace(made, path)  # noqa: PTH105 - as the next line
            os.replace(digest, noted)  # noqa: PTH105 - one atomic step each
    except OSError as error:
        raise EmbedderUnavailable(
            f"The int8 model cannot be stored in {folder}: {error.strerror}.",
            hint="Set KGMEM_HOME to a folder with 200 MB of room, or set KGMEM_EMBEDDER=minilm.",
        ) from error
    return path


def _make(model: Path, work: Path) -> Path:
    """Quantise a model into the folder `work`."""
    runtime: Any = importlib.import_module("onnxruntime")
    quantization: Any = importlib.import_module("onnxruntime.quantization")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    # The packaged weights are int8 behind a Cast and a Mul. Folded, they are constants, which can be quantised.
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(work / "folded.onnx")
    runtime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    quantization.quantize_dynamic(
        work / "folded.onnx",
        work / "int8.onnx",
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        reduce_range=True,
        weight_type=quantization.QuantType.QInt8,
        extra_options={"MatMulConstBOnly": True},
    )
    return work / "int8.onnx"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
