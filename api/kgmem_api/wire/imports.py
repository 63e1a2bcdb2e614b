"""Wire shapes of imports and exports: parameters, form fields and answers."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.embedding import WhichVectors
from kgmem.domain.imports import Import, ImportItem, UndoResult
from kgmem.formats.records import Kind
from kgmem.formats.tables.mapping import LONGEST_MAPPING, parse_mapping
from kgmem.services.imports.export_records import ExportOptions
from kgmem.services.imports.exports import Compression
from kgmem.services.imports.options import ImportOptions
from kgmem_api.access import Access
from kgmem_api.wire.shapes import CURSOR, copied, many, shape

MOST_OPTIONS = 50
KindName = Kind
FormatOptions = Annotated[
    list[Annotated[str, Field(max_length=4000)]],
    Field(max_length=MOST_OPTIONS, description="An option of the format, as NAME=VALUE; may be given repeatedly."),
]
_Format = Annotated[str | None, Field(max_length=40, description="The format's name, such as jsonl or turtle.")]
_Scope = Annotated[str | None, Field(max_length=400, description="The scope to act in; default: the key's.")]


class ImportParameters(BaseModel):
    """How files are to be imported: by query parameters, and in a form also by fields of these names."""

    model_config = ConfigDict(extra="forbid")

    format: _Format = None
    kind: Annotated[KindName | None, Field(description="What records are that do not say so.")] = None
    name: Annotated[str | None, Field(max_length=1000, description="The file's name, which may tell its format.")] = (
        None
    )
    mapping: Annotated[
        str | None, Field(max_length=LONGEST_MAPPING, description="How tables become records, in TOML or JSON.")
    ] = None
    source: Annotated[str | None, Field(max_length=500, description="The source of records that name none.")] = None
    scope: Annotated[str | None, Field(max_length=400, description="The scope of records that name none.")] = None
    on_error: Annotated[Literal["reject", "stop"], Field(description="What to do about bad records.")] = "reject"
    option: FormatOptions = []
    dry_run: Annotated[bool, Field(description="Check everything, store nothing.")] = False

    def options(self, access: Access) -> ImportOptions:
        """Return the options for a key, which may keep the import to its scope. Raises InvalidInput, Forbidden."""
        return ImportOptions(
            format=self.format,
            kind=self.kind,
            on_error=self.on_error,
            dry_run=self.dry_run,
            source=self.source or None,
            scope=access.scope(self.scope),
            within=access.key.scope,
            statements_only=not access.key.may("writer"),
            mapping=parse_mapping(self.mapping.encode(), "The mapping") if self.mapping else {},
            format_options=named_options(self.option),
        )


class ExportParameters(BaseModel):
    """What is to be exported, and how."""

    format: Annotated[str, Field(max_length=40, description="The format's name, such as jsonl or turtle.")] = "jsonl"
    kind: Annotated[KindName | None, Field(description="Only these.")] = None
    scope: _Scope = None
    below: Annotated[bool, Field(description="With the scopes below the scope.")] = False
    session: Annotated[
        str | None, Field(max_length=400, description="Only what belongs to this session of the scope.")
    ] = None
    compression: Annotated[Compression | None, Field(description="How the file is compressed.")] = None
    embeddings: Annotated[
        WhichVectors, Field(description="Vectors of entities: those given with them, all of them, or none.")
    ] = "given"
    escape_formulas: Annotated[
        bool, Field(description="Tables as CSV: let no spreadsheet take a text for a formula.")
    ] = False
    option: FormatOptions = []

    def exported_scope(self, access: Access) -> str | None:
        """Return the requested scope, which may be the shared one (empty), or the key's; None for all."""
        scope = access.scope(self.scope)
        return None if self.scope is None and not access.key.scope else scope

    def options(self, access: Access) -> ExportOptions:
        """Return the options for a key: one of a scope gets nothing that is the whole graph's. Raises Forbidden."""
        return ExportOptions(
            format=self.format,
            kind=self.kind,
            scope=self.exported_scope(access),
            below=self.below,
            session=self.session,
            sources=not access.key.scope,
            embeddings=self.embeddings,
            escape_formulas=self.escape_formulas,
            format_options=named_options(self.option),
        )


class ImportFile(BaseModel):
    """One file of an import; no size is known of a stream."""

    name: str
    size: int | None


class DuplicateKey(BaseModel):
    """A record under a key that its file had stated before, on the line `first`."""

    line: int
    key: str
    first: int


class Duplicates(BaseModel):
    """How many records of one kind a file states under keys that it had stated before, and the first ten of them."""

    file: str
    kind: str
    count: int
    keys: list[DuplicateKey]


class ImportState(BaseModel):
    """An import: read = created + updated + unchanged + checked + rejected + linking; linking is 0 at its end."""

    id: int
    graph: str
    state: Literal["waiting", "running", "failed", "done", "undoing", "undone"]
    dry_run: bool
    files: list[ImportFile]
    options: dict[str, Any]
    source: str | None
    created_at: str
    finished_at: str | None
    error: Annotated[str | None, Field(description="Why it failed, and how that is fixed.")]
    read: int
    created: int
    updated: int
    unchanged: int
    checked: Annotated[int, Field(description="What a dry run found to be good.")]
    rejected: int
    linking: Annotated[int, Field(description="What waits until all entities are there.")]
    kinds: Annotated[dict[str, int], Field(description="What was not rejected, by kind.")]
    progress: Annotated[dict[str, Any] | None, Field(description="stage, done, total, rate.")]
    resumable: Annotated[bool, Field(description="Whether it failed and may go on: POST to links.resume.")]
    undone: Annotated[dict[str, Any] | None, Field(description="What undoing it did.")]
    duplicates: Annotated[
        list[Duplicates], Field(description="Keys that one file states more than once; such records are merged.")
    ]
    links: dict[str, str]


class ImportAccepted(ImportState):
    """An import with its job; null when the same job already waits."""

    job: int | None


class ImportPage(BaseModel):
    """A page of imports, newest first; `cursor` continues it, null at its end."""

    imports: list[ImportState]
    cursor: str | None


ImportItemShape = copied(
    ImportItem,
    "ImportItem",
    "One thing that an import did to one item; `label` is a relationship's kind.",
)


ImportItemPage = shape(
    "ImportItemPage",
    "A page of what an import did, in its order; `cursor` continues it, null at its end.",
    items=many(ImportItemShape),
    cursor=CURSOR,
)


UndoResultShape = copied(UndoResult, "UndoResult", "What taking an import back out would do.")


class ExportLosses(BaseModel):
    """The number of records of an export by kind, and what its format cannot store, each with how often."""

    format: str
    scope: Annotated[
        str | None, Field(description="The one scope that it would hold, nothing of those above; null: all scopes.")
    ]
    records: dict[str, int]
    lost: dict[str, int]


def import_out(held: Import) -> dict[str, Any]:
    """Return the shape of an import."""
    address = f"/v1/graphs/{held.graph}/imports/{held.id}"
    plain = ("id", "graph", "state", "source", "created_at", "finished_at", "error", "kinds", "progress", "undone")
    counts = ("read", "created", "updated", "unchanged", "checked", "rejected", "linking")
    options = {
        name: value
        for name, value in held.options.items()
        if name not in {"batch", "dry_run", "within", "key", "statements_only"}
    }
    return {
        **{name: getattr(held, name) for name in (*plain, *counts)},
        "dry_run": held.is_dry_run,
        "files": [{"name": file.get("name"), "size": file.get("size")} for file in held.files],
        "options": {name: value for name, value in options.items() if value not in (None, "", {})},
        "duplicates": [asdict(each) for each in held.duplicates],
        "resumable": held.state == "failed" and held.upload is not None,
        "links": {"self": address, **{name: f"{address}/{name}" for name in ("items", "rejected", "undo", "resume")}},
    }


def named_options(given: Sequence[str]) -> Mapping[str, str]:
    """Return options of a format by name. Raises InvalidInput."""
    told: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not name or not equals or name in told:
            what = "is given twice" if name in told else "names no value"
            raise InvalidInput(f"option {each[:80]!r} {what}.", hint="Give each once, as option=NAME=VALUE.")
        told[name] = value
    return told
