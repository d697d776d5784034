"""Plays replies on a connection, one timer at a time: no task and no future per token."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from http import HTTPStatus

from local.emulator.messages import Act, Reply, Step

_log = logging.getLogger(__name__)
_TURN = 256 * 1024


class Playback:
    """Plays one reply on a transport, each step at its own absolute time, so that delays never add up."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        reply: Reply,
        finished: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._reply = reply
        self._finished = finished
        self._due = loop.time()
        self._step: Step | None = None
        self._timer: asyncio.Handle | None = None
        self._head_sent = False

    def start(self) -> None:
        """Sends the head, unless the reply begins with waiting or hanging, and whatever is due."""
        if self._reply.chunked:
            self._send_head([])
        self._turn()

    def hang_up(self) -> None:
        """The client left: nothing more is sent."""
        if self._timer is not None:
            self._timer.cancel()
        self._reply.delivery.hung_up = True
        self._reply.delivery.ended.set()

    def _turn(self) -> None:
        try:
            self._play_due()
        except Exception:  # noqa: BLE001 - steps are made while they are played; a fault there must not leave a hang
            _log.exception("the emulator failed in the middle of a reply")
            self._break_off(Act.CUT)

    def _play_due(self) -> None:
        batch: list[bytes] = []
        size = 0
        for step in self._due_steps():
            if step.act is not Act.SEND:
                self._write(batch)
                self._break_off(step.act)
                return
            batch.append(step.data)
            size += len(step.data)
            self._reply.delivery.events += step.events
            if size > _TURN:
                break
        self._write(batch)
        if self._step is None and size <= _TURN:
            self._end()
        elif size > _TURN:
            self._timer = self._loop.call_soon(self._turn)
        else:
            self._timer = self._loop.call_at(self._due, self._turn)

    def _due_steps(self) -> Iterator[Step]:
        """Steps whose time has come; the first that must wait stays in `_step`."""
        now = self._loop.time()
        if self._step is not None:
            step, self._step = self._step, None
            yield step
        for step in self._reply.steps:
            if step.wait:
                self._due += step.wait
                if self._due > now:
                    self._step = step
                    return
            yield step

    def _write(self, batch: list[bytes]) -> None:
        if not batch or self._transport.is_closing():
            return
        if not self._reply.chunked:
            self._send_head(batch)
            return
        data = b"".join(batch)
        if not data:
            return  # a stall says nothing, and an empty chunk would be the end
        for piece in self._reply.cut_up(data) if self._reply.cut_up else [data]:
            self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    def _send_head(self, batch: list[bytes]) -> None:
        """The head; a reply that is not chunked is one body, which goes out with it."""
        body = b"".join(batch)
        if self._head_sent:
            self._transport.write(body)
            return
        self._head_sent = True
        reply = self._reply
        lines = [f"HTTP/1.1 {reply.status} {_reason(reply.status)}"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        if reply.chunked:
            lines.append("Transfer-Encoding: chunked")
        elif "Content-Length" not in reply.headers:
            lines.append(f"Content-Length: {len(body)}")
        self._transport.write("\r\n".join((*lines, "\r\n")).encode("latin-1") + body)

    def _break_off(self, act: Act) -> None:
        """A cut closes the connection with the reply unfinished; a hang says nothing until the client leaves."""
        if act is Act.CUT:
            self._transport.close()
            self._finished()
            self._reply.delivery.ended.set()

    def _end(self) -> None:
        if self._reply.chunked:
            self._transport.write(b"0\r\n\r\n")
        self._finished()
        self._reply.delivery.ended.set()


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Status"
