"""The documentation page: Swagger UI over the OpenAPI document. Its files come with kgmem; nothing is loaded elsewhere.

The folder swagger_ui holds swagger-ui-dist 5.35.0 (Apache-2.0), unchanged but for a reference to a source map, and
index.html and start.js, which are kgmem's own.
"""

from pathlib import Path
from typing import Final

from starlette.responses import FileResponse

from kgmem.domain.errors import NotFound

_FOLDER: Final = Path(__file__).with_name("swagger_ui")
_PAGE: Final = "index.html"
_TYPES: Final = {
    _PAGE: "text/html; charset=utf-8",
    "start.js": "text/javascript; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "favicon-32x32.png": "image/png",
}
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_KEPT: Final = "max-age=3600"  # A browser may keep the scripts for an hour; another version has other ones.


def docs_file(name: str = _PAGE) -> FileResponse:
    """Return a file of the documentation page, the page itself without a name. Raises NotFound for any other file."""
    kind = _TYPES.get(name)
    if kind is None:
        raise NotFound(f"The documentation has no file {name!r}.", mend="Open /docs.")
    kept = "no-cache" if name == _PAGE else _KEPT
    return FileResponse(_FOLDER / name, media_type=kind, headers={**_HEADERS, "Cache-Control": kept})
