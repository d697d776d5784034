"""`python -m app.serve`: one uvicorn process, configured by the environment; the same on Lambda and on a laptop.

Exit codes: 0 after a signal, 2 where the settings can't be used, 1 or 3 where the server can't start.
"""

from __future__ import annotations

import signal
import sys

from app.settings import Settings, SettingsError

GRACE = 25
"""Seconds that requests under way have at the end. Streams that are not done by then tell their clients so."""
LAMBDA_GRACE = 0.3
"""Lambda kills the process 0.6 s after SIGTERM (its published RAPID: 2 s less the extensions' share)."""


def main() -> int:
    arguments = sys.argv[1:]  # argparse would be a thirtieth of a cold start
    if arguments and (len(arguments) != 2 or arguments[0] != "--host"):
        sys.stderr.write("usage: python -m app.serve [--host ADDRESS]\n")
        return 2
    # 0.0.0.0 by default: the Web Adapter and containers connect from outside the process.
    host = arguments[1] if arguments else "0.0.0.0"
    try:
        settings = Settings.from_env()
        settings.require_key()
        from app.main import create_app
        from app.meter.log import start_logging

        app = create_app(settings)
    except SettingsError as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    start_logging("DEBUG" if settings.debug else settings.log_level.upper(), as_json=settings.on_lambda)
    import uvicorn

    config = uvicorn.Config(
        app,
        host=host,
        port=settings.listens_on,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # X-Forwarded-For is whatever a client says
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,  # longer than the adapter's, so that only one side closes idle connections
        timeout_graceful_shutdown=LAMBDA_GRACE if settings.on_lambda else GRACE,  # type: ignore[arg-type]  # asyncio's
        lifespan="on",
        ws="none",
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _ended)
    server = uvicorn.Server(config)
    server.run()
    return 0 if server.started else 3


def _ended(number: int, frame: object) -> None:
    """uvicorn raises the signal again once it has shut down in good order; that must not end the process with -15."""


if __name__ == "__main__":
    sys.exit(main())
