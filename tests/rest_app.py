"""The app over no memory, and its OpenAPI document: made once for each process, when a test first asks for them."""

from functools import cache
from typing import Any

from fastapi import FastAPI

from kgmem.settings import Settings
from kgmem_api.app import create_app


@cache
def bare_app() -> FastAPI:
    """Return the app with default settings. It answers no request."""
    return create_app(None, settings=Settings())


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document of the app."""
    return bare_app().openapi()
