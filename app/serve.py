"""`python -m app.serve`: one uvicorn process, configured by the environment; the same on Lambda and on a laptop."""

from __future__ import annotations

import argparse
import logging
import sys

from app.settings import Settings, SettingsError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m app.serve", description="Serve the gateway.")
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on")
    host = parser.parse_args().host
    try:
        settings = Settings.from_env()
        settings.require_key()
        from app.main import create_app

        app = create_app(settings)
    except SettingsError as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    logging.basicConfig(level=settings.log_level.upper(), format="%(message)s", stream=sys.stdout)
    import uvicorn

    config = uvicorn.Config(
        app,
        host=host,  # 0.0.0.0 by default: the Web Adapter and containers connect from outside the process
        port=settings.port,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # X-Forwarded-For is whatever a client says
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,  # longer than the adapter's, so that only one side closes idle connections
        timeout_graceful_shutdown=25,
        lifespan="on",
        ws="none",
    )
    uvicorn.Server(config).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
