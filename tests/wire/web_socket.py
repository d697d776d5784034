"""A client of WebSockets. Needs wsproto."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

from tests.wire.gateway import KEY


class Socket:
    def __init__(self, port: int, key: str = KEY, path: str = "/v1/responses", extensions: Any = ()) -> None:
        from wsproto import ConnectionType, WSConnection
        from wsproto.events import Request

        self.tcp = socket.create_connection(("127.0.0.1", port), 10)
        self.ws = WSConnection(ConnectionType.CLIENT)
        headers = [(b"authorization", b"Bearer " + key.encode())]
        self.tcp.sendall(
            self.ws.send(Request(host="gateway", target=path, extra_headers=headers, extensions=[*extensions]))
        )
        self.events = self._events()
        self.close_code: int | None = None

    def _events(self) -> Iterator[Any]:
        while True:
            yield from self.ws.events()
            self.ws.receive_data(self.tcp.recv(65536) or None)

    def say(self, message: Any) -> None:
        from wsproto.events import Message

        self.tcp.sendall(self.ws.send(Message(data=message if isinstance(message, str) else json.dumps(message))))

    def hear(self) -> Any:
        """The next message, or the name of another event."""
        text = ""
        for event in self.events:
            if type(event).__name__ != "TextMessage":
                self.close_code = getattr(event, "code", None)
                return type(event).__name__
            text += event.data
            if event.message_finished:
                return json.loads(text)

    def close(self) -> None:
        self.tcp.close()
