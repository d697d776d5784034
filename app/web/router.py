"""From a path and a method to the endpoint; and whatever goes wrong in there, as an answer.

Most requests are for a fixed path, so they cost one look-up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache

from app.errors import MethodNotAllowed, NotFound
from app.web.asgi import ClientDisconnect, Endpoint, Receive, Request, Response, Scope, Send
from app.web.problems import as_gateway_error, problem_response
from app.web.receipt import receipt_headers

Methods = dict[str, Endpoint]


class Router:
    """`routes`: (method, path, endpoint). In a path, `{name}` is one segment and `{name:path}` the rest, slashes and all.

    A HEAD is answered as the GET would be, without the body.
    """

    def __init__(self, routes: Iterable[tuple[str, str, Endpoint]]) -> None:
        self._fixed: dict[str, Methods] = {}
        self._open: dict[str, Methods] = {}
        for method, path, endpoint in routes:
            (self._open if "{" in path else self._fixed).setdefault(path, {})[method] = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        methods, params = self._find(scope["path"])
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        try:
            if methods is None:
                raise NotFound("Unknown request URL. Check the path and the API prefix.", code="unknown_url")
            if method not in methods:
                raise MethodNotAllowed("This route does not take that method.", code="method_not_allowed")
            response = await methods[method](Request(scope, receive, params))
        except ClientDisconnect:
            raise
        except Exception as problem:  # noqa: BLE001  an envelope for everything
            response = _told(problem, scope, methods)
        await response(scope, receive, send)

    def _find(self, path: str) -> tuple[Methods | None, Mapping[str, str] | None]:
        methods = self._fixed.get(path)
        if methods is not None:
            return methods, None
        for pattern, methods in self._open.items():
            found = _pattern(pattern).fullmatch(path)
            if found:
                return methods, found.groupdict()
        return None, None


@cache
def _pattern(path: str) -> re.Pattern[str]:
    """Compiled when a request first needs it."""
    fixed, *rest = re.split(r"\{(\w+)(:path)?\}", path)
    text = re.escape(fixed)
    for name, whole, after in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        text += f"(?P<{name}>{'.+' if whole else '[^/]+'})" + re.escape(after)
    return re.compile(text, re.DOTALL)


def _told(problem: Exception, scope: Scope, methods: Methods | None) -> Response:
    request_id = scope["state"]["request_id"]
    error = as_gateway_error(problem, request_id)
    headers: dict[str, str] = {}
    if isinstance(error, MethodNotAllowed) and methods is not None:
        headers["allow"] = ", ".join(sorted({*methods, *(("HEAD",) if "GET" in methods else ())}))
    receipt = scope["state"].get("receipt")
    if receipt is not None:
        headers |= receipt_headers(receipt)
    return problem_response(error, request_id, headers)
