"""Routes that there are, but not in this deployment: told from those that nobody has ever heard of."""

from __future__ import annotations

from app.errors import NotFound
from app.web.asgi import Endpoint, Request, Response


def absent(text: str, code: str) -> Endpoint:
    async def answer(request: Request) -> Response:
        raise NotFound(text, code=code)

    return answer
