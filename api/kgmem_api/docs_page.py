"""The documentation page: the OpenAPI document as plain HTML, which needs no scripts and no network."""

import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code { font: 0.9em ui-monospace, monospace; overflow-wrap: anywhere; }
section { border-top: 1px solid var(--line); padding: 0.5rem 0 1rem; }
h2 { margin-top: 3rem; } h3 { margin: 0.5rem 0; } h3 b { display: inline-block; min-width: 5rem; }
table { border-collapse: collapse; width: 100%; }
td { border-top: 1px solid var(--line); padding: 0.2rem 0.5rem 0.2rem 0;
vertical-align: top; } nav a { margin-right: 1rem; }
"""
Schema = Mapping[str, Any]


def page(document: Mapping[str, Any]) -> str:
    """Give the page for an OpenAPI document."""
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            group = (operation.get("tags") or ["other"])[0]
            groups.setdefault(group, []).append(_operation(method, path, operation))
    links = " ".join(f'<a href="#{_anchor(name)}">{escape(name)}</a>' for name in [*groups, "shapes"])
    parts = [f'<h2 id="{_anchor(name)}">{escape(name)}</h2>{"".join(told)}' for name, told in groups.items()]
    shapes = "".join(_shape(name, schema) for name, schema in document["components"]["schemas"].items())
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>kgmem: REST</title><style>{_STYLE}</style><h1>kgmem</h1>{_prose(document['info']['description'])}"
        f'<p>For programs: <a href="/openapi.json">/openapi.json</a>.</p><nav>{links}</nav>{"".join(parts)}'
        f'<h2 id="shapes">shapes</h2>{shapes}</html>'
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    rows = [
        _row(
            f"{one['name']} ({one['in']})", _type(one["schema"]), one.get("required", False), one.get("description", "")
        )
        for one in operation.get("parameters", ())
    ]
    body = operation.get("requestBody")
    told = [f"<p>Body: {_content(body['content'])}</p>"] if body else []
    for status, answer in operation["responses"].items():
        shape = _content(answer.get("content", {}))
        told.append(f"<p><code>{escape(status)}</code> {escape(answer['description'])} {shape}</p>")
    return (
        f"<section><h3><b>{method.upper()}</b> <code>{escape(path)}</code></h3>"
        f"{_prose(operation.get('description', ''))}{_table(rows)}{''.join(told)}</section>"
    )


def _shape(name: str, schema: Schema) -> str:
    required = schema.get("required", ())
    rows = [
        _row(field, _type(inner), field in required, inner.get("description", ""))
        for field, inner in schema.get("properties", {}).items()
    ]
    return (
        f'<section id="shape-{escape(name)}"><h3><code>{escape(name)}</code></h3>'
        f"{_prose(schema.get('description', ''))}{_table(rows)}</section>"
    )


def _content(content: Mapping[str, Any]) -> str:
    return " ".join(_type(inner["schema"]) for inner in content.values() if "schema" in inner)


def _type(schema: Schema) -> str:
    """Give a schema in a few words, with links to the shapes that it names."""
    if "$ref" in schema:
        name = escape(str(schema["$ref"]).rsplit("/", 1)[1])
        return f'<a href="#shape-{name}"><code>{name}</code></a>'
    if "anyOf" in schema:
        return " or ".join(_type(inner) for inner in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(", ".join([str(schema.get("type", "anything")), *_bounds(schema)]))


def _bounds(schema: Schema) -> Iterator[str]:
    words = {"minimum": "at least", "maximum": "at most", "maxLength": "length at most", "maxItems": "items at most"}
    for name, word in words.items():
        if name in schema:
            yield f"{word} {schema[name]}"


def _row(name: str, type_: str, required: bool, text: str) -> str:
    need = "required" if required else ""
    return f"<tr><td><code>{escape(name)}</code></td><td>{type_}</td><td>{need}</td><td>{escape(text)}</td></tr>"


def _table(rows: list[str]) -> str:
    return f"<table>{''.join(rows)}</table>" if rows else ""


def _prose(text: str) -> str:
    paragraphs = [escape(part).replace("\n", " ") for part in text.split("\n\n") if part.strip()]
    return "".join("<p>" + re.sub(r"`([^`]+)`", r"<code>\1</code>", part) + "</p>" for part in paragraphs)


def _anchor(name: str) -> str:
    return re.sub(r"\W+", "-", name)
