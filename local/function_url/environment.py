"""One execution environment: the adapter as extension, run.sh as runtime, and what Lambda does to them."""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import socket
import sys
import time
from collections.abc import Awaitable

from local.function_url.ground import HANDLER, Ground, arn_of, lambda_variables
from local.function_url.invocation import FunctionError, Invocation
from local.function_url.processes import Group, memory_mb
from local.function_url.runtime_api import RuntimeApi

LAST_WORDS = 1.0  # seconds that the adapter has to pass on the end of a runtime that has died
LAST_BREATH = 0.2  # seconds from the last sign of a dying process to its end


class Ended(Exception):
    """A process of the environment has ended by itself."""

    def __init__(self, group: Group) -> None:
        super().__init__(f"the {group.name} ended with exit code {group.code}")
        self.group = group


class Environment:
    """Starts with `boot`, serves one invocation at a time, ends with `end`. States: new, idle, busy, ending, gone."""

    def __init__(self, number: int, ground: Ground) -> None:
        self.number = number
        self.state = "new"
        self.frozen = False
        self.invocations = 0
        self.born = time.monotonic()
        self.init_ms = 0.0
        self.end_seconds: float | None = None  # from SIGTERM to the exit of the runtime; None where it had to be killed
        self.exit_code: int | None = None
        self._ground = ground
        self._settings = ground.settings
        self._api = RuntimeApi(ground.settings.name, HANDLER, arn_of(ground.settings))
        self._runtime: Group | None = None
        self._extension: Group | None = None
        self._tmp = ground.work / f"tmp-{number}"
        self._reservation = socket.socket()
        self._port = 0
        self._current: Invocation | None = None
        self._dismantling: asyncio.Future[None] | None = None
        self._output = -1

    @property
    def pids(self) -> dict[str, int]:
        """Of `runtime` and `extension`, as far as they run; each leads a process group of its own."""
        groups = {"runtime": self._runtime, "extension": self._extension}
        return {name: group.pid for name, group in groups.items() if group is not None and group.code is None}

    @property
    def ready(self) -> bool:
        """Whether it waits for an invocation. One whose processes have ended in the meantime does not."""
        groups = (self._runtime, self._extension)
        return self.state == "idle" and all(group is not None and not group.dead for group in groups)

    @property
    def finishing(self) -> bool:
        """Whether the response is complete, and the adapter has yet to ask for the next event."""
        return self.state == "busy" and self._current is not None and self._current.finished.is_set()

    @property
    def memory_mb(self) -> dict[str, float]:
        """Resident memory of both, in MB."""
        return {name: memory_mb(pid) for name, pid in self.pids.items()}

    async def boot(self) -> None:
        """The init phase. Where it fails, the first invocation tries it once more."""
        self._tmp.mkdir()
        self._output = await self._ground.log.attach(self.number)
        await self._api.start()
        self._reserve()
        with contextlib.suppress(FunctionError):
            await self._init(self._settings.init_limit)
            self._rest()

    def _reserve(self) -> None:
        """A port for the function. Bound and not listening: nobody else is given it, and the function may listen there."""
        self._reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reservation.bind(("0.0.0.0", 0))
        self._port = self._reservation.getsockname()[1]
        if sys.platform != "linux":
            self._reservation.close()  # other systems would not let the function listen

    async def _init(self, limit: float) -> None:
        """Start both, and wait until the adapter asks for an event. Raises FunctionError."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(limit):
                self._extension = await self._start("extension", [self._ground.layout.extension])
                await self._unless_ended(self._api.registered.wait())
                # The arguments are what the wrapper is given on Lambda, and ignores.
                wrapped = [self._ground.layout.bootstrap, "/var/lang/bin/python3", "/var/runtime/bootstrap.py"]
                self._runtime = await self._start("runtime", wrapped)
                await self._unless_ended(self._api.idle.wait())
        except TimeoutError:
            await self._failed_init("timeout", began)
            raise FunctionError("Sandbox.Timedout", f"Init timed out after {limit:.2f} seconds") from None
        except Ended as problem:
            await self._failed_init("error", began)
            kind = "Runtime.ExitError" if problem.group.name == "runtime" else "Extension.Crash"
            raise FunctionError(kind, str(problem)) from None
        self.init_ms = (time.monotonic() - began) * 1000
        for group in (self._extension, self._runtime):
            group.exited.add_done_callback(self._lost)

    def _lost(self, exited: object) -> None:
        """A process has ended while nothing was asked of it, or just after: nobody is to find this environment again."""
        if self.state == "idle":
            self.state = "ending"
            self._dismantling = asyncio.ensure_future(self._dismantle())

    async def _failed_init(self, status: str, began: float) -> None:
        self._say(f"INIT_REPORT Init Duration: {(time.monotonic() - began) * 1000:.2f} ms Phase: init Status: {status}")
        await self._kill()
        self._runtime = self._extension = None
        self._api.forget()

    async def _start(self, name: str, arguments: list[str]) -> Group:
        layout = self._ground.layout
        return await Group.start(
            name,
            layout.command(self._tmp, arguments),
            env=self._variables(),
            cwd=self._ground.work,
            output=self._output,
            guard=self._ground.guard,
        )

    def _variables(self) -> dict[str, str]:
        """Nothing of the caller's environment; Lambda's own variables can't be overridden, as there."""
        own = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._api.port}",
            "AWS_LAMBDA_LOG_STREAM_NAME": f"local/[$LATEST]{self.number:032x}",
            # Environments share the ports of this machine; on Lambda all of them use the template's 8000.
            "AWS_LWA_PORT": str(self._port),
        }
        return {**self._ground.variables, **lambda_variables(self._settings, self._ground.layout), **own}

    async def invoke(self, invocation: Invocation) -> None:
        """Run one invocation to its end, whatever that is. Afterwards the environment is idle or gone."""
        self.invocations += 1
        self._current = invocation
        began = time.monotonic()
        invocation.deadline_ms = int((time.time() + self._settings.timeout) * 1000)
        self._say(f"START RequestId: {invocation.request_id} Version: $LATEST")
        try:
            async with asyncio.timeout(self._settings.timeout):
                await self._serve(invocation)
        except TimeoutError:
            limit = self._settings.timeout
            self._say(f"{invocation.request_id} Task timed out after {limit:.2f} seconds")
            invocation.fail(FunctionError("Sandbox.Timedout", f"Task timed out after {limit:.2f} seconds"))
            await self._leave()
        except (Ended, FunctionError) as problem:
            self._say(f"RequestId: {invocation.request_id} Error: {problem}")
            kind = problem.kind if isinstance(problem, FunctionError) else "Runtime.ExitError"
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(invocation.finished.wait(), LAST_WORDS if self.pids else 0)
            invocation.fail(FunctionError(kind, str(problem)))
            await self._leave()
        finally:
            self._current = None
            self._report(invocation, time.monotonic() - began)

    async def _serve(self, invocation: Invocation) -> None:
        """Raises Ended, FunctionError."""
        if self.state == "new":
            await self._init(self._settings.timeout)
        elif self.state != "idle":
            raise FunctionError("Sandbox.Shutdown", "the environment is about to end")
        elif self.frozen:
            self._thaw()
        self.state = "busy"
        self._api.deliver(invocation)
        await self._unless_ended(invocation.finished.wait())
        await self._unless_ended(self._api.idle.wait())
        if invocation.record.outcome != "ok":
            with contextlib.suppress(TimeoutError):  # it may be because the runtime is just dying
                await asyncio.wait_for(self._unless_ended(asyncio.Event().wait()), LAST_BREATH)
        self._rest()

    def _rest(self) -> None:
        if self.state == "ending":
            return
        self.state = "idle"
        if self._settings.freeze:
            self.frozen = True
            self._signal(signal.SIGSTOP)

    def _thaw(self) -> None:
        self.frozen = False
        self._signal(signal.SIGCONT)

    async def end(self) -> None:
        """SIGTERM to the runtime, after the limit SIGKILL; then SIGKILL to the adapter, which asks for no shutdown event.

        A response under way has the same time to come to its end.
        """
        if self._dismantling is not None:
            await asyncio.shield(self._dismantling)
        if self.state in ("ending", "gone"):
            return
        self.state = "ending"
        self._thaw()
        began = time.monotonic()
        if self._runtime is not None and self._runtime.code is None:
            runtime = self._runtime
            runtime.signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.shutdown_limit):
                    await asyncio.shield(runtime.exited)
                    self.end_seconds = time.monotonic() - began
                    if self._current is not None:
                        await self._current.finished.wait()
            if self._current is not None:
                self._current.fail(FunctionError("Sandbox.Shutdown", "the environment has ended"))
        await self._leave()

    async def _leave(self) -> None:
        """What is left ends at once; the number is never used again."""
        self.state = "ending"
        if self._dismantling is None:
            self._dismantling = asyncio.ensure_future(self._dismantle())
        await asyncio.shield(self._dismantling)

    async def _dismantle(self) -> None:
        await self._kill()
        self.state = "gone"
        await self._api.close()
        self._reservation.close()
        self._ground.log.detach(self._output)

    async def _kill(self) -> None:
        for group in (self._runtime, self._extension):
            if group is not None:
                await group.end()
        if self._runtime is not None:
            self.exit_code = self._runtime.code

    def _signal(self, number: signal.Signals) -> None:
        for group in (self._runtime, self._extension):
            if group is not None and group.code is None:
                group.signal(number)

    async def _unless_ended(self, work: Awaitable[object]) -> None:
        """Wait for `work`, or raise Ended where a process ends first."""
        waiting = asyncio.ensure_future(work)
        groups = [group for group in (self._runtime, self._extension) if group is not None]
        try:
            await asyncio.wait({waiting, *(group.exited for group in groups)}, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                raise Ended(next(group for group in groups if group.exited.done()))
        finally:
            waiting.cancel()

    def _report(self, invocation: Invocation, seconds: float) -> None:
        record = invocation.record
        record.environment = self.number
        record.duration_ms = seconds * 1000
        if self.invocations == 1:
            record.init_ms = self.init_ms
        record.billed_ms = math.ceil(record.duration_ms + (record.init_ms or 0.0))
        self._say(f"END RequestId: {record.request_id}")
        init = "" if record.init_ms is None else f"\tInit Duration: {record.init_ms:.2f} ms"
        used = sum(memory_mb(pid, "VmHWM") for pid in self.pids.values())
        self._say(
            f"REPORT RequestId: {record.request_id}\tDuration: {record.duration_ms:.2f} ms\t"
            f"Billed Duration: {record.billed_ms} ms\tMemory Size: {self._settings.memory} MB\t"
            f"Max Memory Used: {used:.0f} MB{init}"
        )

    def _say(self, text: str) -> None:
        self._ground.log.write(self.number, text)
