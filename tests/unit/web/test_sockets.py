"""Which connections may be made, and how others are refused."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

from app.errors import Unauthenticated
from app.web.asgi import ASGIApp, Receive, Scope, Send
from app.web.sockets import Sockets


async def asked(app: ASGIApp, path: str = "/v1/responses", *, told: bool = True, first: str = "connect") -> list[Any]:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": f"websocket.{first}"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Any = {"type": "websocket", "path": path, "headers": []}
    if told:
        scope["extensions"] = {"websocket.http.response": {}}
    await Sockets(app, ["/v1/responses"])(scope, receive, send)
    return sent


async def accepting(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["state"]["request_id"].startswith("req_")
    await send({"type": "websocket.accept"})


async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
    raise Unauthenticated("Incorrect API key provided.")


async def failing(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})
    raise ValueError("secret")


async def test_a_connection_is_made() -> None:
    assert await asked(accepting) == [{"type": "websocket.accept"}]
    assert await asked(accepting, "/v1/responses/") == [{"type": "websocket.accept"}]


async def test_a_refusal_is_an_http_error() -> None:
    start, body = await asked(refusing)
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
    assert body["type"] == "websocket.http.response.body"
    error = from_json(body["body"])["error"]
    assert (error["code"], dict(start["headers"])[b"x-request-id"].decode()) == ("invalid_api_key", error["request_id"])


async def test_where_the_server_has_no_words_it_just_closes() -> None:
    assert await asked(refusing, told=False) == [{"type": "websocket.close"}]


async def test_other_paths_have_none() -> None:
    start, _ = await asked(accepting, "/v1/chat/completions")
    assert start["status"] == 404
    assert (await asked(accepting, "/"))[0]["status"] == 404


async def test_a_fault_of_ours_closes_it(caplog: Any) -> None:
    assert (await asked(failing))[-1] == {"type": "websocket.close", "code": 1011}
    assert "secret" not in caplog.text


async def test_who_has_left_already() -> None:
    assert await asked(accepting, first="disconnect") == []
