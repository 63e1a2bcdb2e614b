"""A route that calls its dependencies itself, for the most frequent requests."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class DirectRoute(APIRoute):
    """A route whose endpoint takes only the graph, the request and dependencies of the request.

    FastAPI's general way to solve dependencies took a quarter of the time of a small write. An endpoint with other
    parameters is left to it, so that a router may use this class for all of its routes.
    """

    def get_route_handler(self) -> Handler:
        """Return the function that answers a request."""
        dependant = self.dependant
        names = {parameter.name for parameter in dependant.path_params}
        others = dependant.query_params or dependant.header_params or dependant.body_params
        if others or names - {"graph"}:
            return super().get_route_handler()
        endpoint: Callable[..., Awaitable[Response]] = self.endpoint
        # In the order of the signature: whether the request may go on is known before its body is read.
        needed: list[tuple[str, Callable[[Request], Awaitable[Any]]]] = [
            (str(inner.name), inner.call) for inner in dependant.dependencies if inner.call
        ]
        wanted = dependant.request_param_name

        async def handle(request: Request) -> Response:
            values: dict[str, Any] = dict(request.path_params)
            for name, call in needed:
                values[name] = await call(request)
            if wanted:
                values[wanted] = request
            return await endpoint(**values)

        return handle
