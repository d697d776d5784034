"""Responses that are made while nobody waits: by a task of this process, or, on Lambda, by an invocation of their own.

queued      kept in the store; its id is the client's
worked on   one worker; every second it tells the store that it lives, what it said, and hears whether it is to stop
over        completed, incomplete, failed or cancelled: whoever writes that first has the last word
abandoned   not heard of for `SILENCE` seconds: told as failed
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from pydantic_core import to_json

from app.api.responses.create import batches
from app.api.responses.encode import response_object
from app.api.responses.ids import new_id
from app.api.responses.keeping import Keeping
from app.api.responses.live import Live, is_last, last_frame, numbered, recorded
from app.api.responses.shape import Item
from app.api.responses.state import Prepared, State
from app.api.responses.stream import ResponseStream
from app.core.lasting import start
from app.core.plan import Receipt
from app.core.ports import Call
from app.core.responses import Job, Store, StoredResponse, is_id
from app.errors import GatewayError, InvalidRequest, RateLimited, Unauthenticated, shutting_down
from app.gateway import Gateway
from app.web.entrance import BACKGROUND
from app.web.problems import as_gateway_error, problem_body

log = logging.getLogger(__name__)

SILENCE = 90
QUEUE = 600
"""Seconds that Lambda may take to begin with an invocation."""
LAST_SECONDS = 5.0


class Background:
    """Makes responses in the background: in this process, or by `keeping.invoke` where there is one."""

    def __init__(self, gateway: Gateway, state: State, store: Store, keeping: Keeping) -> None:
        self._gateway = gateway
        self._state = state
        self._store = store
        self._invoke = keeping.invoke
        self._caller_of = keeping.caller_of
        self._most = keeping.max_concurrent
        self._tick = keeping.report_seconds
        self._clock = keeping.clock
        self._live: dict[tuple[str, str], Work] = {}

    async def begin(self, call: Call, prepared: Prepared, body: Mapping[str, Any]) -> Item:
        """The queued response. Raises RateLimited, InvalidRequest where it is too large, UpstreamFailure."""
        if self._invoke is None and len(self._live) >= self._most:
            raise RateLimited(
                "Too many responses are made in the background just now.", code="too_many_responses", retry_after=10
            )
        tenant = call.caller.key_id
        created = int(self._clock())
        response = response_object(new_id("resp_"), created, prepared.decoded, status="queued")
        stored = self._state.stored(prepared, response)
        token = os.urandom(24).hex() if self._invoke else ""
        job = Job(tenant, body) if self._invoke else None
        until = created + (QUEUE if self._invoke else SILENCE)
        if not await self._store.begin(tenant, stored, until, job, token):
            raise InvalidRequest("The request is too large to be kept.", param="input", code="request_too_large")
        if self._invoke is None:
            own = replace(call, deadline=None, receipt=Receipt())
            work = Work(own)
            self._live[tenant, stored.id] = work
            work.task = start(self._work(own, prepared, stored, work))
            return response
        event = {"gateway": BACKGROUND, "response": stored.id, "tenant": tenant, "secret": token}
        try:
            await self._invoke(to_json(event))
        except GatewayError:
            await self._store.delete(tenant, stored.id)
            raise
        return response

    async def handle(self, event: Mapping[str, Any], request_id: str, deadline: float | None) -> bool:
        """Do the work of an event that `begin` has sent. False where it is none, or was handled before."""
        tenant, id, secret = event.get("tenant"), event.get("response"), event.get("secret")
        if not (isinstance(tenant, str) and isinstance(id, str) and isinstance(secret, str) and secret):
            return False
        if not (is_id(tenant) and is_id(id)):  # anybody's words: a table refuses what can't be a key
            return False
        claimed = await self._store.claim(tenant, id, secret)
        if claimed is None or claimed[1].caller != tenant:
            return False
        stored, job = claimed
        try:
            caller = await self._caller_of(tenant) if self._caller_of else None
            if caller is None:
                raise Unauthenticated("The key that asked for this response is gone.")
            prepared = await self._state.prepare(tenant, job.body)
        except Exception as problem:  # noqa: BLE001  nobody waits for it; the response tells
            await self._failed(tenant, stored, as_gateway_error(problem, request_id))
            return True
        decoded = replace(prepared.decoded, input_items=[dict(item) for item in stored.input])
        call = Call(request_id, caller, "responses", decoded.prompt.model, self._clock(), deadline)
        work = self._live[tenant, id] = Work(call)
        work.task = asyncio.current_task()
        await self._work(call, Prepared(decoded, prepared.past), stored, work)
        return True

    async def cancel(self, tenant: str, id: str) -> Item:
        """The response, cancelled, or as it is where it was over. Raises NotFound, InvalidRequest."""
        stored = await self._state.seen(tenant, id)
        if not stored.response.get("background"):
            raise InvalidRequest("Cannot cancel a synchronous response.", param="response_id", code="invalid_value")
        if not stored.live:
            return dict(stored.response)
        response = {**stored.response, "status": "cancelled"}
        if not await self._store.cancel(tenant, replace(stored, response=response)):
            return dict((await self._state.seen(tenant, id)).response)
        self.stop(tenant, id)
        return response

    def stop(self, tenant: str, id: str) -> None:
        """Whoever makes it here stops, and keeps nothing. Elsewhere the worker finds out by itself."""
        work = self._live.get((tenant, id))
        if work is not None:
            work.stop("cancelled")

    async def follow(self, tenant: str, id: str, after: int) -> AsyncGenerator[bytes, None]:
        """The frames of its stream behind a number, to the end. The first item is empty: the client is connected."""
        yield b""
        work = self._live.get((tenant, id))
        if work is not None:
            async with aclosing(work.live.after(after)) as frames:
                async for frame in frames:
                    yield frame
            return
        number, told = -1, False
        async with aclosing(recorded(self._store, tenant, id, wait=self._tick / 2, clock=self._clock)) as pieces:
            async for piece in pieces:
                fresh = []
                for number, frame in numbered(piece):
                    told = told or is_last(frame)
                    fresh.append(frame if number > after else b"")
                yield b"".join(fresh)
        if not told and (last := last_frame((await self._state.seen(tenant, id)).response, number + 1)):
            yield last

    async def finish(self) -> None:
        """At the end of the process: what is under way here has failed, and is told to have."""
        tasks = [work.task for work in self._live.values() if work.task is not None]
        for work in list(self._live.values()):
            work.stop("stopping")
        if tasks:
            await asyncio.wait(tasks, timeout=LAST_SECONDS)

    async def _work(self, call: Call, prepared: Prepared, stored: StoredResponse, work: Work) -> None:
        tenant = call.caller.key_id
        created = int(stored.response["created_at"])
        stream = ResponseStream(stored.id, created, prepared.decoded, on_event=work.live.add)
        reporter = asyncio.create_task(self._report(tenant, stored.id, work))
        try:
            stream.begin()
            await self._told(self._store.update(tenant, replace(stored, response=stream.kept)))
            async with aclosing(batches(self._gateway, call, prepared.decoded, stream=True)) as events:
                async for choice, batch in events:
                    stream.feed(choice, batch)
            stream.finish()
        except asyncio.CancelledError:
            if not work.why or work.task is None:
                raise
            work.task.uncancel()
            if work.why != "cancelled":  # no event tells that: such a stream just ends, here as in other processes
                stream.fail(problem_body(shutting_down(), call.request_id))
        except Exception as problem:  # noqa: BLE001  nobody waits for it; the response tells
            stream.fail(problem_body(as_gateway_error(problem, call.request_id), call.request_id))
        finally:
            reporter.cancel()
            await self._end(tenant, prepared, replace(stored, response=stream.kept), work)

    async def _end(self, tenant: str, prepared: Prepared, stored: StoredResponse, work: Work) -> None:
        try:
            if work.why != "cancelled":
                await self._flush(tenant, stored.id, work.live)
                if await self._store.update(tenant, stored):
                    await self._state.add_to_conversation(tenant, prepared.decoded, stored.response)
        except GatewayError as problem:
            log.error("a background response could not be kept: %s", type(problem).__name__)
        finally:
            work.live.end()
            del self._live[tenant, stored.id]

    async def _report(self, tenant: str, id: str, work: Work) -> None:
        while True:
            await asyncio.sleep(self._tick)
            try:
                if not await self._store.beat(tenant, id, int(self._clock()) + SILENCE):
                    work.stop("cancelled")
                    return
                await self._flush(tenant, id, work.live)
            except GatewayError as problem:
                log.warning("a background response can't be reported on: %s", type(problem).__name__)

    async def _flush(self, tenant: str, id: str, live: Live) -> None:
        while piece := live.untold():
            number, live.pieces = live.pieces, live.pieces + 1
            await self._store.write_events(tenant, id, number, piece)

    async def _failed(self, tenant: str, stored: StoredResponse, error: GatewayError) -> None:
        code = "insufficient_quota" if error.code == "insufficient_quota" else "server_error"
        told = {"code": code, "message": error.message}
        response = {**stored.response, "status": "failed", "error": told}
        await self._told(self._store.update(tenant, replace(stored, response=response)))

    async def _told(self, writing: Awaitable[bool]) -> None:
        try:
            await writing
        except GatewayError as problem:
            log.warning("a background response can't be reported on: %s", type(problem).__name__)


class Work:
    """A response that is made here. `why` it was told to stop: `cancelled` or `stopping`, empty for not at all."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.live = Live()
        self.task: asyncio.Task[Any] | None = None
        self.why = ""

    def stop(self, why: str) -> None:
        if not self.why and self.task is not None:
            self.why = why
            self._call.gone = why == "cancelled"  # its client wants it no more; the end of the process is a failure
            self.task.cancel()
