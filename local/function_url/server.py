"""The local Function URL as an object: its thread, its event loop, its work folder."""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from local.function_url import adapter as web_adapter
from local.function_url.build import Build
from local.function_url.environment import Environment
from local.function_url.events import Url, trace_id
from local.function_url.front import Front
from local.function_url.ground import Ground
from local.function_url.invocation import Invocation, Record
from local.function_url.invoke_api import InvokeApi
from local.function_url.layout import Layout, laid_out
from local.function_url.logs import Line, Log
from local.function_url.pool import Pool
from local.function_url.processes import Guard
from local.function_url.settings import Settings

T = TypeVar("T")

HOST = "127.0.0.1"
TEMPLATE = {  # what template.yaml sets for the adapter
    "AWS_LWA_ASYNC_INIT": "true",
    "AWS_LWA_INVOKE_MODE": "response_stream",
    "AWS_LWA_READINESS_CHECK_PATH": "/health",
}


class FunctionUrl:
    """A Function URL on loopback, running between `with FunctionUrl(build=...) as url:` and the end of the block.

    build: a folder that prepare_source.sh has staged for this machine. env: the function's own variables, as in the
    template. adapter: the Web Adapter's program; by default the one that `adapter.find_or_build` has. echo: told every
    log line as it comes. Further keyword arguments are the fields of `Settings`. Raises Failed where something is missing.
    """

    def __init__(
        self,
        build: Path,
        env: Mapping[str, str],
        *,
        adapter: Path | None = None,
        port: int = 0,
        echo: Callable[[Line], None] | None = None,
        **settings: Any,
    ) -> None:
        self.settings = Settings(**settings)
        self._build = Build(build)
        self._adapter = adapter or web_adapter.find_or_build(os.environ)
        self._env = {**TEMPLATE, **env}
        self._port = port
        self._log = Log(echo)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="function-url", daemon=True)
        self._layout: Layout | None = None
        self._guard: Guard | None = None

    @property
    def base(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://{HOST}:{self._port}"

    @property
    def variables(self) -> Mapping[str, str]:
        """The function's own."""
        return dict(self._env)

    @property
    def environments(self) -> Sequence[Environment]:
        """All that ever were, oldest first."""
        return list(self._pool.all)

    @property
    def invocations(self) -> Sequence[Record]:
        """All that have ended, oldest first. A refused request is none."""
        return list(self._front.records)

    @property
    def open_invocations(self) -> int:
        """How many have begun and are not among `invocations` yet."""
        return self._front.open_invocations

    @property
    def logs(self) -> Sequence[Line]:
        """What the functions printed, between Lambda's own START, END and REPORT lines."""
        return list(self._log.lines)

    @property
    def isolated(self) -> bool:
        """Whether the function sees /var/task and /opt."""
        return self._layout is not None and self._layout.bootstrap == "/opt/bootstrap"

    def warm(self, count: int) -> None:
        """Start environments until so many are idle."""
        self._do(self._pool.warm(count))

    def end_environments(self) -> None:
        """End all of them as Lambda does, even those with a request under way; the next request starts a new one."""
        self._do(self._pool.end())

    def invoke(self, event: bytes) -> bytes:
        """Lambda's Invoke API: any event, past the URL. The whole response, which for a streaming function begins with
        the prelude. Raises FunctionError, Throttled.
        """
        return self._do(self._invoke(event))

    def __enter__(self) -> FunctionUrl:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Serves from now on, in a thread of its own. No environment is started before the first request."""
        work = Path(tempfile.mkdtemp(prefix="function-url-"))
        self._guard = Guard(work)
        self._thread.start()
        try:
            self._layout = laid_out(self._build, self._adapter, work, isolate=self.settings.isolate)
            ground = Ground(self.settings, self._layout, work, self._guard, self._log, self._env)
            self._do(self._start(ground))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End all environments and drop all connections; returns when nothing of it is left."""
        if self._guard is None:
            return
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if self._layout is not None:
            self._layout.close()
        self._guard.close()
        self._guard = None

    async def _start(self, ground: Ground) -> None:
        self._pool = Pool(ground)
        self._front = Front(self.settings, Url("local" + "0" * 27, self.settings.region), self._pool)
        self._invoke_api = InvokeApi(self.settings, self._pool)
        own = f"http://{HOST}:{await self._invoke_api.start(HOST)}"
        self._env.setdefault("AWS_ENDPOINT_URL_LAMBDA", own)  # where the function invokes itself
        self._port = await self._front.start(HOST, self._port)

    async def _stop(self) -> None:
        if hasattr(self, "_front"):
            self._front.stop_listening()
            self._invoke_api.stop_listening()
            await self._pool.close()
            await self._front.close()
            await self._invoke_api.close()
        await self._log.close()

    async def _invoke(self, event: bytes) -> bytes:
        invocation = Invocation(str(uuid.uuid4()), event, trace_id(), self.settings.response_limit)
        self._pool.run(await self._pool.acquire(), invocation)
        return b"".join([piece async for piece in invocation.pieces()])

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
