"""The emulator as an object: a listening socket, its own thread and event loop."""

import asyncio
import socket
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from local.emulator.http import Connection
from local.emulator.record import Recorded
from local.emulator.service import Service
from local.emulator.settings import Settings

_BACKLOG = 1024


class Emulator:
    """A Bedrock on loopback, running between `with Emulator() as e:` and the end of the block.

    `e.url` is the endpoint for both services. Keyword arguments are the fields of `Settings`.
    """

    def __init__(self, port: int = 0, host: str = "127.0.0.1", **settings: Any) -> None:
        self._socket = listen(host, port)
        self._service = Service(Settings(**settings))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="bedrock-emulator", daemon=True)
        self._started = threading.Event()
        self._connections: set[Connection] = set()

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        host, port = self._socket.getsockname()[:2]
        return f"http://{host}:{port}"

    @property
    def requests(self) -> Sequence[Recorded]:
        """What was asked so far, oldest first (see `record.Recorded`)."""
        return self._service.journal.entries()

    @property
    def connections(self) -> Sequence[Connection]:
        """The connections that are open now."""
        return tuple(self._connections)

    def drop_connections(self) -> None:
        """Closes every open connection, as Bedrock does with idle ones. Returns before they are closed."""
        for connection in self.connections:
            self._loop.call_soon_threadsafe(connection.close)

    def script(self, *entries: Mapping[str, Any]) -> None:
        """Sets exact answers for the next requests, in order (see `script` for the forms of an entry)."""
        self._service.scripts.add(entries)

    def reset(self) -> None:
        """Forgets requests, scripts, caches and what `fail-once` has counted."""
        self._service.reset()

    def __enter__(self) -> "Emulator":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Serves from now on, in a thread of its own."""
        self._thread.start()
        self._started.wait()

    def close(self) -> None:
        """Drops all connections and stops; returns when the thread has ended."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(serve(self._loop, self._socket, self._service, self._connections))
        self._started.set()
        try:
            self._loop.run_forever()
        finally:
            server.close()
            for connection in list(self._connections):
                connection.close()
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()


def listen(host: str, port: int) -> socket.socket:
    """A bound, listening socket; port 0 takes any free one."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(_BACKLOG)
    return listener


async def serve(
    loop: asyncio.AbstractEventLoop, listener: socket.socket, service: Service, connections: set[Connection]
) -> asyncio.Server:
    """Answers every connection to `listener` from `service`."""
    return await loop.create_server(lambda: Connection(service.answer, connections), sock=listener, backlog=_BACKLOG)
