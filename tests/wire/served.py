"""A gateway as its own process on a free port, which it prints: `python -m tests.wire.served`."""

from __future__ import annotations

import asyncio
import socket

import uvicorn

from app.main import create_app
from app.meter.log import start_logging
from app.settings import Settings
from app.web.protocol import HttpProtocol


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        assert sockets is not None
        print(sockets[0].getsockname()[1], flush=True)


def main() -> None:
    start_logging("ERROR", as_json=False)
    config = uvicorn.Config(
        create_app(Settings.from_env()), http=HttpProtocol, log_config=None, lifespan="on", ws="none"
    )
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        asyncio.run(_Server(config).serve([listener]))


if __name__ == "__main__":
    main()
