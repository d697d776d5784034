"""WebSockets over real connections, where their library is installed; a plain error, where they are not served."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from typing import Any

import pytest
import uvicorn

from local.emulator import Emulator
from tests.wire import gateway as wire
from tests.wire.gateway import NOVA
from tests.wire.web_socket import Socket

needs_library = pytest.mark.skipif(find_spec("wsproto") is None, reason="wsproto is not installed: ./dev lock")
LARGEST = 100_000


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch, emulator: Emulator) -> Iterator[int]:
    """Served as `app.serve` does it."""
    made = uvicorn.Config

    def config(*given: Any, **named: Any) -> uvicorn.Config:
        own = {"ws": "wsproto", "ws_max_size": LARGEST, "ws_per_message_deflate": False}
        return made(*given, **named | own)

    monkeypatch.setattr(uvicorn, "Config", config)
    with wire.serving(emulator.url) as gateway:
        yield gateway.port


@needs_library
def test_a_response_over_a_web_socket(port: int) -> None:
    with closing(Socket(port)) as ws:
        assert ws.hear() == "AcceptConnection"
        ws.say({"type": "response.create", "model": NOVA, "input": "hello", "store": False})
        heard = [ws.hear()]
        while heard[-1]["type"] != "response.completed":
            heard.append(ws.hear())
        assert [event["sequence_number"] for event in heard] == list(range(len(heard)))
        assert heard[-1]["response"]["output"][0]["content"][0]["text"] == "You said: hello"
        ws.say("{")
        assert ws.hear()["error"]["code"] == "invalid_json"
        ws.say("x" * (LARGEST + 1))
        assert (ws.hear(), ws.close_code) == ("CloseConnection", 1009)


@needs_library
def test_a_message_of_many_frames_is_bounded_as_a_whole(port: int) -> None:
    from wsproto.events import Message

    with closing(Socket(port)) as ws:
        assert ws.hear() == "AcceptConnection"
        for _ in range(11):
            ws.tcp.sendall(ws.ws.send(Message(data="x" * (LARGEST // 10), message_finished=False)))
        assert (ws.hear(), ws.close_code) == ("CloseConnection", 1009)


@needs_library
def test_a_frame_that_inflates_is_refused_before_it_does(port: int) -> None:
    """238 MB came out of 200 KB."""
    from wsproto.extensions import PerMessageDeflate

    with closing(Socket(port, extensions=[PerMessageDeflate()])) as ws:
        accepted = next(ws.events)
        assert list(accepted.extensions) == []
        ws.tcp.sendall(b"\xc1\x85" + bytes(4) + b"\x00" * 5)  # says that it is compressed
        assert ws.hear() == "CloseConnection"


@needs_library
@pytest.mark.parametrize(("given", "status"), [({"key": "sk-wrong"}, 401), ({"path": "/v1/chat/completions"}, 404)])
def test_a_handshake_that_is_refused(port: int, given: dict[str, str], status: int) -> None:
    with closing(Socket(port, **given)) as ws:
        refused = next(ws.events)
        assert refused.status_code == status
        assert b"error" in next(ws.events).data


def test_where_there_are_none_an_upgrade_is_a_plain_error(emulator: Emulator) -> None:
    with wire.serving(emulator.url) as gateway, gateway.client() as client:
        headers = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
        reply = client.get("/v1/responses", headers=headers | {"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="})
        assert (reply.status_code, reply.json()["error"]["code"]) == (426, "upgrade_required")
