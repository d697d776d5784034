"""Closes the connection of a client that does not read its answer.

Without it, the application waits for room in the transport for as long as the client likes: past the time limit of a Lambda
invocation, which then ends without a usage record, and without any limit elsewhere. A closed connection is a disconnect like
any other, so the answer is settled as for a client that leaves.
"""

from __future__ import annotations

import asyncio
import struct
import time
from typing import Any

CLIENT_STALL_TIMEOUT = "client_stall_timeout"
"""Key in the lifespan state: seconds in which a client must take some byte of its answer; absent or 0 for no limit."""


class StallGuard(asyncio.Protocol):
    """A mixin for uvicorn's protocols.

    It has one timer, which runs only while the transport is paused or the end of an answer is unsent: writes that complete at
    once cost nothing.
    """

    transport: asyncio.Transport
    app_state: dict[str, Any]
    _stall_timer: asyncio.TimerHandle | None = None
    _unsent = 0

    def pause_writing(self) -> None:
        super().pause_writing()
        self._arm()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._disarm()
        self._watch_end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def _deadline(self) -> float | None:
        """The deadline of the request that is being answered (epoch seconds)."""
        return None

    def _has_ended(self) -> bool:
        """Whether the application writes no more, so that the transport neither pauses nor resumes."""
        raise NotImplementedError

    def _watch_end(self) -> None:
        """Watches the end of an answer until the client has taken it."""
        if self._has_ended() and self.transport.get_write_buffer_size():
            self._arm()

    def _arm(self) -> None:
        self._disarm()
        deadline = self._deadline()
        seconds = self.app_state.get(CLIENT_STALL_TIMEOUT) if deadline is None else max(0.0, deadline - time.time())
        if seconds is None or (deadline is None and not seconds):
            return
        self._unsent = unsent_bytes(self.transport)
        self._stall_timer = asyncio.get_running_loop().call_later(seconds, self._check, deadline is not None)

    def _disarm(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _check(self, is_deadline: bool) -> None:
        self._stall_timer = None
        if is_deadline or unsent_bytes(self.transport) >= self._unsent:
            self.transport.abort()  # `close` would wait until the client has taken what is unsent
        else:
            self._arm()


def unsent_bytes(transport: asyncio.Transport) -> int:
    """Bytes that the client has not taken: those of the transport, and those of the kernel where it says how many.

    A kernel asks for more only once a third of its buffer is free (megabytes on Linux), so the transport alone would make a
    slow client look like one that does not read.
    """
    size = transport.get_write_buffer_size()
    try:
        from fcntl import ioctl  # not on every platform
        from termios import TIOCOUTQ  # SIOCOUTQ of tcp(7)

        answer = ioctl(transport.get_extra_info("socket").fileno(), TIOCOUTQ, bytes(4))
    except (ImportError, OSError, AttributeError):
        return size
    return size + int(struct.unpack("i", answer)[0])
