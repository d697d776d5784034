"""Starts the emulator from the command line and prints the address."""

import argparse
import asyncio
import contextlib
import gc
import signal
import sys

from local.emulator.http import Connection
from local.emulator.server import listen, serve
from local.emulator.service import Service
from local.emulator.settings import Settings


def parse(arguments: list[str]) -> argparse.Namespace:
    """The flags; their defaults are those of `Settings`."""
    parser = argparse.ArgumentParser(prog="python -m local.emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--no-validate", action="store_true", help="accept any body")
    parser.add_argument("--token-delay", type=float, default=0.0, help="seconds between tokens")
    parser.add_argument("--no-chop", action="store_true", help="leave stream frames whole")
    parser.add_argument("--no-pad", action="store_true", help="leave the padding key out of stream events")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", type=int, default=1000, help="requests to remember")
    parser.add_argument("--guardrail-word", default="forbidden", help="what a guardrail blocks")
    return parser.parse_args(arguments)


async def run(flags: argparse.Namespace) -> None:
    """Serves until a signal comes."""
    settings = Settings(
        validate=not flags.no_validate,
        token_delay=flags.token_delay,
        chop=not flags.no_chop,
        pad=not flags.no_pad,
        seed=flags.seed,
        record=flags.record,
        guardrail_word=flags.guardrail_word,
    )
    listener = listen(flags.host, flags.port)
    loop = asyncio.get_running_loop()
    connections: set[Connection] = set()
    server = await serve(loop, listener, Service(settings), connections)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    host, port = listener.getsockname()[:2]
    sys.stdout.write(f"listening on http://{host}:{port}\n")
    sys.stdout.flush()
    # The tables live as long as the process; collecting them again and again only delays tokens.
    gc.freeze()
    await stopped.wait()
    server.close()
    for connection in list(connections):
        connection.close()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(parse(sys.argv[1:])))
