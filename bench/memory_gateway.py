"""The gateway with its table in memory and a key with limits, which it prints: the yardstick for what DynamoDB adds."""

from __future__ import annotations

import asyncio
import sys
from typing import NoReturn

from app.core.access import Budget, Rates
from app.core.records import KeyRecord
from app.main import create_app
from app.settings import Settings
from app.stores.directory.store import TableDirectory
from app.stores.table.memory import MemoryTable

LIMITED = KeyRecord("", "bench", budget=Budget(10**15), rates=Rates(rpm=10**6, tpm=10**9))
"""Limits that are asked for every request and never reached."""


def main() -> NoReturn:
    import uvicorn

    from app.meter.log import start_logging
    from app.web.protocol import HttpProtocol

    table = MemoryTable()
    _, secret = asyncio.run(TableDirectory(table).create_key(LIMITED))
    print(secret, flush=True)
    settings = Settings.from_env()
    start_logging("INFO", as_json=False)
    app = create_app(settings, table=table)
    uvicorn.run(app, host="127.0.0.1", port=settings.port, http=HttpProtocol, log_config=None, access_log=False)
    sys.exit(0)  # where it was interrupted


if __name__ == "__main__":
    main()
