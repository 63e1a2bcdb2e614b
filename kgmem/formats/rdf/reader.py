"""From canonical N-Quads to records: a subject is an entity, a link a relationship, all in the file's order."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Final

from kgmem.domain.claims.claim import Source
from kgmem.domain.errors import InvalidInput
from kgmem.domain.fields import LONGEST_KEY
from kgmem.domain.graph.batch import Columns
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.formats.property_graph.elements import relationship
from kgmem.formats.rdf.columns import EntityColumns, Plain
from kgmem.formats.rdf.entities import Entities, Group, is_label
from kgmem.formats.rdf.links import Links
from kgmem.formats.rdf.names import LONGEST_NAME, PREFIX_KIND, RDF, digest_of, graph_key, with_prefixes
from kgmem.formats.rdf.options import RDFOptions, read_options
from kgmem.formats.rdf.own import FIELDS, PARTS, own_record
from kgmem.formats.rdf.parse import Parsed, Syntax, parse_rdf
from kgmem.formats.rdf.plain import PlainSubjects
from kgmem.formats.rdf.quads import Row, Seen, stated_hash
from kgmem.formats.rdf.subjects import BlankNodes, Scattered, subjects
from kgmem.formats.rdf.values import IRI_MARK, TRIPLE_MARK, Literals
from kgmem.formats.records import Located, ReadOptions, Rejected, rejected

Found = Columns | Located | Rejected
_TYPE: Final = RDF + "type"
_REMEMBERED: Final = 200_000  # Nodes whose keys are kept at hand.
_MOST_LINKS: Final = 100_000  # Links of one subject among which repeated ones are found.
_SHOWN: Final = 20  # Quads of a rejected subject that are shown.


def read_rdf(stream: BinaryIO, options: ReadOptions, syntax: Syntax) -> Iterator[Located | Rejected]:
    """The records of RDF in one of its syntaxes, entities first. Raises InvalidInput before any for what is none.

    The lines are those of N-Triples and N-Quads; other syntaxes do not tell them, and their records have 0.
    """
    for found in _read(stream, options, syntax, in_columns=False):
        if not isinstance(found, Columns):
            yield found


def read_columns(stream: BinaryIO, options: ReadOptions, syntax: Syntax) -> Iterator[Found]:
    """Return the same records as `read_rdf`, plain ones in columns."""
    yield from _read(stream, options, syntax, in_columns=True)


def _read(stream: BinaryIO, options: ReadOptions, syntax: Syntax, *, in_columns: bool) -> Iterator[Found]:
    told = read_options(options)
    with TemporaryDirectory(prefix="kgmem-rdf-") as folder:
        parsed = parse_rdf(stream, syntax, told, Path(folder))
        if told.own_prefixes:
            known = told.names.prefixes
            told = replace(told, names=with_prefixes(told.names, parsed.prefixes))
            for prefix in sorted(told.names.prefixes.keys() - known.keys()):
                yield Located(0, Source(told.names.prefixes[prefix], prefix, PREFIX_KIND))
        yield from _Walk(parsed, told, Path(folder), in_columns=in_columns).records()


class _Walk:
    """The way through all quads, subject by subject."""

    def __init__(self, parsed: Parsed, options: RDFOptions, folder: Path, *, in_columns: bool) -> None:
        self._parsed = parsed
        self._options = options
        self._folder = folder
        self._kgmem = f"<{options.names.namespace}"
        # What kgmem writes describes these; where it does not, they are the graph's already.
        self._described = (f"{self._kgmem}entity/", f"{self._kgmem}scope/")
        self._blank = BlankNodes(parsed.survey.nameless(), options.blank_nodes, parsed.digest)
        self._subjects = parsed.survey.subjects()
        self._only_linked = Seen()
        self._stated = parsed.survey.stated()
        self._any_stated = len(self._stated) > 0
        self._keys: dict[str, str] = {}
        self._names: dict[str, str] = {_TYPE: ""}  # Predicate -> name; empty for those that mean something else.
        self._sources = _Sources(self)
        self._entities = Entities(options, self._sources)
        self._out: list[Located | Rejected] = []
        self._links = Links(folder)
        self._columns = EntityColumns() if in_columns else None
        self._stubs: list[str] = []
        self._plain: PlainSubjects | None = None
        if self._columns is not None and not options.lifts and options.languages is None and not self._any_stated:
            literals, tell = Literals(options.names, options.datatypes), {"name": self._name, "label": self._label}
            self._plain = PlainSubjects(self._columns, self._links, literals, tell, (self._keys, self.key_of))
        self._labels: dict[str, str] = {}  # A type's term -> label; empty for one that is none.
        self._group: Group | None = None
        self._scoped: list[Located] = []  # Links of one scope, which kgmem itself writes as statements.
        self._own: dict[str, str] | None = None  # Of a node of kgmem's own: predicate -> what it links to.
        self._shown: list[Row] = []

    def records(self) -> Iterator[Found]:
        """Return all records: entities as they come, then the relationships that are links."""
        scattered = Scattered(self._parsed.survey.scattered(), self._folder, self._parsed.quads.stat().st_size)
        with self._parsed.quads.open("rb") as quads:
            for chunk in subjects(quads, self._parsed.lines):
                for subject, rows, line, whole in chunk:
                    if not scattered.take(subject, rows) and not (whole and self._is_plain(subject, rows, line)):
                        self._take(subject, rows, line)
                    if self._stubs:
                        self._add_stubs()
                yield from self._given()
        for subject, rows in scattered.gathered():
            self._take(subject, rows, 0)
            self._add_stubs()
            yield from self._given()
        self._finish()
        self._add_stubs()
        yield from self._given(last=True)
        yield from self._links.given(in_columns=self._columns is not None)
        yield from self._scoped

    def key_of(self, term: str) -> str | None:
        """The key that a node has, and give out an entity for one that only links name; None if it is too long."""
        found = self._keys.get(term)
        if found is not None:
            return found
        key = self._blank.key(term[2:]) if term[0] == "_" else self._options.names.key(term[1:-1])
        if len(key) > LONGEST_KEY:
            return None
        if len(self._keys) >= _REMEMBERED:
            self._keys.clear()
        self._keys[term] = key
        hash_ = hash(term)
        if self._subjects.place(hash_) < 0 and not term.startswith(self._described) and self._only_linked.first(hash_):
            self._stubs.append(key)
        return key

    def _is_plain(self, subject: str, rows: Sequence[Row], line: int) -> bool:
        """Take a subject into columns if it is plain, and say whether it was."""
        if self._plain is None or subject.startswith(self._kgmem):
            return False
        key = self._keys.get(subject) or self._subject_key(subject)
        if self._group is not None:
            self._finish()
        return len(key) <= LONGEST_KEY and self._plain.add(key, rows, line)

    def _add_stubs(self) -> None:
        """Return out entities for nodes that only links name, now that no other is being made."""
        for key in self._stubs:
            self._add(0, Plain(key, None, None, {}, None, None))
        self._stubs.clear()

    def _given(self, *, last: bool = False) -> Iterator[Found]:
        """Return what was made since the last time."""
        self._links.settle()
        out, self._out = self._out, []
        yield from out
        if self._columns is not None and (last or self._columns.full):
            yield from self._columns.taken()

    def _add(self, line: int, entity: Entity | Plain) -> None:
        """Return out an entity."""
        if isinstance(entity, Entity):
            self._out.append(Located(line, entity))
        elif self._columns is None or not self._columns.add(line, entity):
            self._out.append(Located(line, entity.entity()))

    def _take(self, subject: str, rows: Sequence[Row], line: int) -> None:
        """Take some rows of a subject, all that follow each other."""
        group = self._group
        if group is None or group.subject != subject:
            self._finish()
            group = self._group = self._begun(subject, line)
            self._shown = list(rows[:_SHOWN])
        if self._own is not None:
            self._take_own(group, rows)
            return
        names, keys, values = self._names, self._keys, group.values
        for row in rows:
            _, predicate, object_, text, tail, term, graph = row
            name = names.get(predicate)
            if name is None:
                name = self._learnt(predicate)
            if not name or graph or term:
                if predicate != _TYPE or graph or not self._is_typed(group, object_):
                    self._take_odd(group, row, name)
            elif object_:
                end = keys.get(object_) or self.key_of(object_)
                if end is None:
                    values.setdefault(name, []).append((object_[1:-1], IRI_MARK, ""))
                elif self._is_new(group, predicate, object_, ""):
                    self._add_link(group, name, end)
            else:
                values.setdefault(name, []).append((text, tail, ""))
        if len(group.links) > _MOST_LINKS:
            group.links.clear()

    def _is_typed(self, group: Group, object_: str) -> bool:
        """Take a type that is a label, and say whether it was one."""
        label = self._label(object_)
        if label:
            group.types.append((label, ""))
        return bool(label)

    def _label(self, type_: str) -> str:
        """Return the label that a type's term stands for; empty for none."""
        label = self._labels.get(type_)
        if label is None:
            name = self._options.names.name(type_[1:-1]) if type_.startswith("<") else ""
            label = self._labels[type_] = name if is_label(name) and type_ != f"{self._kgmem}Entity>" else ""
        return label

    def _name(self, predicate: str) -> str:
        """Return the name of a predicate; empty for those that mean something else."""
        name = self._names.get(predicate)
        return self._learnt(predicate) if name is None else name

    def _is_new(self, group: Group, predicate: str, object_: str, graph: str) -> bool:
        """Return whether a link is given for the first time, and no statement says more of it."""
        link = (predicate, object_, graph)
        if link in group.links:
            return False
        group.links.add(link)
        if not self._any_stated:
            return True
        return self._stated.place(stated_hash(digest_of(group.subject, predicate, object_, graph))) < 0

    def _take_odd(self, group: Group, row: Row, name: str) -> None:
        """Take a row that is no plain property and no plain link."""
        _, predicate, object_, text, tail, term, graph = row
        if self._options.named_graphs != "source" and graph:
            if self._options.named_graphs == "property":
                group.named.add(self._sources[graph])
                self._link_property(group, name, predicate, object_, graph)
                if object_ and name:
                    return
            graph = ""
        group.graphs = group.graphs or bool(graph)
        if predicate == _TYPE and object_:
            if object_ == f"{self._kgmem}Entity>":
                group.stands.add(graph)
                return
            label = self._options.names.name(object_[1:-1]) if object_[0] == "<" else ""
            if label and is_label(label):
                group.types.append((label, graph))
                return
            name = self._options.names.short(_TYPE)
        field = FIELDS.get(predicate.removeprefix(self._options.names.namespace))
        if field is not None and not object_:
            group.fields[field] = (text, tail, graph)
        elif not name and predicate != _TYPE:
            object_ = object_ or term or f'"{text}"{tail}'
            object_ = self._blank.relabelled(object_) + (f" {self._blank.relabelled(graph)}" if graph else "")
            group.more.append(f"<{predicate}> {object_} .")
        elif object_:
            self._link(group, name or self._options.names.short(_TYPE), row, graph)
        else:
            item = (self._blank.relabelled(term), TRIPLE_MARK, graph) if term else (text, tail, graph)
            group.values.setdefault(name or self._options.names.short(_TYPE), []).append(item)

    def _link(self, group: Group, name: str, row: Row, graph: str) -> None:
        """Take a link that stands in a graph, or a type that is no label."""
        end = self.key_of(row[2])
        if end is None:
            group.values.setdefault(name, []).append((row[2][1:-1], IRI_MARK, graph))
            return
        if row[1] == _TYPE and row[2][0] == "<":
            self._stubs.append(end)
        if group.scope:
            if self._is_new(group, row[1], row[2], graph):
                self._link_in_scope(group, name, end, self._sources[graph] if graph else None)
            return
        if self._is_new(group, row[1], row[2], graph):
            source = self._sources[graph] if graph else None
            key = graph_key(name, group.key, end, source) if source and self._sources.is_graph(graph) else None
            self._links.add(group.line, name, (group.key, end), key, source)

    def _add_link(self, group: Group, name: str, end: str) -> None:
        """Take a link of the default graph."""
        if group.scope:
            self._link_in_scope(group, name, end, None)
            return
        links = self._links
        links.lines.append(group.line)
        links.kinds.append(name)
        links.starts.append(group.key)
        links.ends.append(end)

    def _link_in_scope(self, group: Group, name: str, end: str, source: str | None) -> None:
        self._scoped.append(Located(group.line, Relationship(name, group.key, end, source=source, scope=group.scope)))

    def _link_property(self, group: Group, name: str, predicate: str, object_: str, graph: str) -> None:
        """Return out a link with its graph as a property."""
        end = self.key_of(object_) if object_ and name else None
        if end is not None and self._is_new(group, predicate, object_, graph):
            told = {"graph": self._sources[graph]}
            self._out.append(Located(group.line, relationship(name, (group.key, end), told)))

    def _take_own(self, group: Group, rows: Sequence[Row]) -> None:
        """Take rows of a node that is an episode, a source or a relationship."""
        assert self._own is not None  # noqa: S101  # Its only caller looked.
        for _, predicate, object_, text, tail, _, _ in rows:
            if object_:
                self._own[predicate] = object_
            elif (field := FIELDS.get(predicate.removeprefix(self._options.names.namespace))) is not None:
                group.fields[field] = (text, tail, "")
            elif name := self._names.get(predicate) or self._learnt(predicate):
                group.values.setdefault(name, []).append((text, tail, ""))

    def _begun(self, subject: str, line: int) -> Group:
        names = self._options.names
        self._own = None
        if subject.startswith(self._kgmem):
            inner = subject[len(self._kgmem) : -1]
            if inner.startswith(PARTS):
                self._own = {}
                return Group(subject, inner, "", line)
            scoped = names.scoped(subject[1:-1])
            if scoped:
                return Group(subject, scoped[1], scoped[0], line)
        return Group(subject, self._subject_key(subject), "", line)

    def _subject_key(self, subject: str) -> str:
        return self._blank.key(subject[2:]) if subject[0] == "_" else self._options.names.key(subject[1:-1])

    def _learnt(self, predicate: str) -> str:
        """Return the name of a predicate; empty when it is too long for one, or kgmem's own."""
        name = self._options.names.name(predicate)
        if len(name) > LONGEST_NAME or predicate.removeprefix(self._options.names.namespace) in FIELDS:
            name = ""
        self._names[predicate] = name
        return name

    def _finish(self) -> None:
        """Return out what a subject is, now that all of it was taken."""
        group, self._group = self._group, None
        if group is None:
            return
        try:
            if self._own is not None:
                record = own_record(group, self._own, self._entities, self._options.names, self.key_of)
                self._out.append(Located(group.line, record))
                return
            _check_key(group.key)
            if group.named:
                group.values["graph"] = [(name, "", "") for name in sorted(group.named)]
            entity, too_large = self._entities.made(group)
            self._add(group.line, entity)
            for name, reason in too_large:
                self._out.append(rejected(group.line, f"{group.key}, {name}: {reason}", self._text()))
        except InvalidInput as error:
            self._out.append(rejected(group.line, f"{group.key}: {error}", self._text()))

    def _text(self) -> str:
        """Return the first rows of the subject as N-Quads."""
        shown: list[str] = []
        for subject, predicate, object_, text, tail, term, graph in self._shown:
            end = object_ or term or f'"{text}"{tail}'
            shown.append(f"{subject} <{predicate}> {end}{' ' if graph else ''}{graph} .")
        return "\n".join(shown)


class _Sources(dict[str, str]):
    """The source that each graph's term stands for."""

    def __init__(self, walk: Any) -> None:
        super().__init__()
        self._walk = walk

    def __missing__(self, graph: str) -> str:
        blank, names = self._walk._blank, self._walk._options.names
        source: str = blank.key(graph[2:]) if graph[0] == "_" else names.source(graph[1:-1])
        self[graph] = source
        return source

    def is_graph(self, graph: str) -> bool:
        """Return whether a graph is one of RDF's, and not a source that kgmem wrote as one."""
        return not graph.startswith(f"{self._walk._kgmem}source/")


def _check_key(key: str) -> None:
    if len(key) > LONGEST_KEY:
        raise InvalidInput(f"Its IRI has {len(key)} characters.", hint=f"{LONGEST_KEY} is the most.")
