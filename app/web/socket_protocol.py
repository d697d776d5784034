"""uvicorn's WebSocket protocol, with a limit on how long a client may not read. Needs wsproto."""

from __future__ import annotations

from uvicorn.protocols.websockets.wsproto_impl import WSProtocol

from app.web.stall import StallGuard


class SocketProtocol(StallGuard, WSProtocol):
    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._watch_end()  # uvicorn waits until the client has taken the close frame, behind all that it does not read

    def _has_ended(self) -> bool:
        return self.transport.is_closing()
