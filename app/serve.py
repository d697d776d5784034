"""`python -m app.serve`: one uvicorn process, configured by the environment; the same on Lambda and on a laptop.

Exit codes: 0 after a signal, 2 where the settings can't be used, 1 or 3 where the server can't start.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from importlib.util import find_spec
from threading import Timer
from types import ModuleType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import socket

    from uvicorn import Config, Server

    from app.settings import Settings, SettingsError
    from app.web.asgi import ASGIApp
    from app.web.connections import ConnectionLimits
    from app.web.socket_protocol import SocketProtocol

OLDEST_PYTHON = (3, 11)
INSTALL = (
    "Install the gateway's packages: python3 -m pip install -r layers/slim/requirements.txt "
    "(in a virtual environment, such as .venv, which run.sh uses). On a laptop ./dev run does that by itself."
)
SHORTEST_KEY = 20
"""Characters of a key that the deployment template accepts (its parameter ApiKey)."""
GRACE = 25
"""Seconds that requests under way have at the end. Streams that are not done by then tell their clients so."""
LAST = 4.0
"""Seconds for the rest of the shutdown: settling, writing what is still to be written."""
LAMBDA_LAST = 1.5
LAMBDA_GRACE = 0.3
"""Lambda kills the process 0.6 s after SIGTERM (its published RAPID: 2 s less the extensions' share)."""


def main(make_app: Callable[[Settings], ASGIApp] | None = None) -> int:
    """Serves until a signal. `make_app` replaces `create_app`."""
    arguments = sys.argv[1:]  # argparse would be a thirtieth of a cold start
    if arguments and (len(arguments) != 2 or arguments[0] != "--host"):
        sys.stderr.write("usage: python -m app.serve [--host ADDRESS]\n")
        return 2
    # 0.0.0.0 by default: the Web Adapter and containers connect from outside the process.
    host = arguments[1] if arguments else "0.0.0.0"
    if sys.version_info < OLDEST_PYTHON:
        sys.stderr.write("The gateway needs Python 3.11 or newer, and this is {}.{}.\n".format(*sys.version_info))
        return 2
    gc.disable()  # imports make much that stays and little that goes: to look through it again and again takes 7 ms
    try:
        return _serve(host, make_app)
    except ModuleNotFoundError as problem:
        if (problem.name or "").partition(".")[0] == "app":
            raise
        sys.stderr.write(f"The Python package {problem.name} is not installed for {sys.executable}. {INSTALL}\n")
        return 2


def _serve(host: str, make_app: Callable[[Settings], ASGIApp] | None) -> int:
    from app.settings import Settings, SettingsError

    try:
        settings = Settings.from_env()
        settings.require_key()
        if make_app is None:
            from app.main import create_app

            make_app = create_app

        server = _server(make_app(settings), settings, host)
    except SettingsError as problem:
        _say_why(problem)
        return 2

    def end(number: int, frame: object) -> None:
        """Before uvicorn has handlers of its own, and when it raises the signal again after it has shut down."""
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    gc.freeze()  # nor is it looked through later on
    gc.enable()
    if not settings.on_lambda:
        _announce(server, settings)
    _end_in_time(server, LAMBDA_LAST if settings.on_lambda else GRACE + LAST)
    server.run()
    return 0 if server.started else 3


def _end_in_time(server: Server, seconds: float) -> None:
    """Ends the process so long after its shutdown has begun, whatever its threads do: asyncio and Python would wait for
    them."""
    shutdown = server.shutdown

    async def ending(sockets: list[socket] | None = None) -> None:
        watch = Timer(seconds, _exit, (1,))
        watch.daemon = True
        watch.start()
        await shutdown(sockets)

    server.shutdown = ending  # type: ignore[method-assign]


def _exit(code: int) -> None:
    sys.stderr.write("A thread did not end in time; the process ends without it.\n")
    sys.stderr.flush()
    os._exit(code)


def _say_why(problem: SettingsError) -> None:
    """On Lambda as a line that a search for errors finds, for a client gets a bare 502 there."""
    from app.settings import environment

    if environment().get("AWS_LAMBDA_FUNCTION_NAME"):
        from app.meter.log import start_logging

        start_logging("INFO", as_json=True)
        logging.getLogger("app.serve").error("the gateway can't start: %s", problem)
    else:
        sys.stderr.write(f"{problem}\n")


def _announce(server: Server, settings: Settings) -> None:
    """Warns of a short key now, and has the server print its address once it listens."""
    if 0 < len(settings.api_key.strip()) < SHORTEST_KEY:
        sys.stderr.write(
            f"Warning: API_KEY has fewer than {SHORTEST_KEY} characters, which is easy to guess. "
            "Make another one: openssl rand -hex 24\n"
        )
    startup = server.startup

    async def announced(sockets: list[socket] | None = None) -> None:
        await startup(sockets)
        here = "127.0.0.1" if server.config.host == "0.0.0.0" else server.config.host
        sys.stderr.write(
            f"The gateway listens on {server.config.host}:{server.config.port}. "
            f"On this machine its base URL is http://{here}:{server.config.port}/v1\n"
        )

    server.startup = announced  # type: ignore[method-assign]


def _server(app: ASGIApp, settings: Settings, host: str) -> Server:
    from app.meter.log import start_logging

    start_logging("DEBUG" if settings.debug else settings.log_level.upper(), as_json=settings.on_lambda)
    make_config, make_server = _uvicorn()
    from app.web.connections import AcceptErrorFilter
    from app.web.protocol import limited_protocol

    logging.getLogger("asyncio").addFilter(AcceptErrorFilter())
    return make_server(
        make_config(
            app,
            host=host,
            port=settings.listens_on,
            http=limited_protocol(_limits(settings)),
            log_config=None,
            access_log=False,
            proxy_headers=False,  # X-Forwarded-For is whatever a client says
            server_header=False,
            date_header=False,
            timeout_keep_alive=settings.keep_alive_timeout,
            timeout_graceful_shutdown=LAMBDA_GRACE if settings.on_lambda else GRACE,  # type: ignore[arg-type]  # asyncio's
            lifespan="on",
            ws=_sockets(settings),
            ws_max_size=settings.max_body_bytes,
            ws_per_message_deflate=False,  # wsproto inflates a frame as a whole before its size is known
        )
    )


def _limits(settings: Settings) -> ConnectionLimits:
    """The limits on connections, as far as file descriptors allow them; raises their soft limit first."""
    from app.web.connections import ConnectionLimits, connections_for, raise_file_limit

    files = raise_file_limit()
    connections = connections_for(files, settings.max_connections, settings.max_concurrency)
    if connections < settings.max_connections and not settings.on_lambda:  # there the adapter is the only client
        logging.getLogger(__name__).warning(
            "%d file descriptors allow %d client connections, not MAX_CONNECTIONS=%d beside MAX_CONCURRENCY=%d",
            files, connections, settings.max_connections, settings.max_concurrency,
        )  # fmt: skip
    return ConnectionLimits(connections, settings.head_timeout, settings.body_grace, settings.min_body_rate)


def _sockets(settings: Settings) -> Literal["none"] | type[SocketProtocol]:
    """WebSockets where a connection is one: not behind Lambda's fronts; and where their library is installed."""
    if settings.on_lambda or find_spec("wsproto") is None:
        return "none"
    from app.web.socket_protocol import SocketProtocol

    return SocketProtocol


def _uvicorn() -> tuple[type[Config], type[Server]]:
    """uvicorn less its command line, which importing it brings along: click, a supervisor, multiprocessing; 13 ms in all."""
    unused = ModuleType("uvicorn.main")
    unused.__dict__.update(Server=None, main=None, run=None)
    sys.modules.setdefault(unused.__name__, unused)
    from uvicorn.config import Config
    from uvicorn.server import Server

    return Config, Server


if __name__ == "__main__":
    sys.exit(main())
