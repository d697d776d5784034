"""The only effect of this room: puts a plan to Bedrock and yields what comes back, off the event loop."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Executor
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from app.core.events import Batch, Event
from app.core.plan import Plan
from app.core.ports import Call
from app.errors import GatewayError, UpstreamFailure
from app.upstreams.converse.reply import ReplyMachine
from app.upstreams.converse.request import to_body, to_bytes, to_path
from app.upstreams.errors import from_aws
from app.upstreams.eventstream import FrameDecoder
from app.upstreams.exchange import Exchange
from app.upstreams.failures import from_exception
from app.upstreams.refusals import refusal
from app.upstreams.threads import Pump, in_thread

if TYPE_CHECKING:
    from app.upstreams.http import Endpoint  # urllib3 is loaded when a request, or the warm-up, needs it

log = logging.getLogger(__name__)

READ_SIZE = 16384
"""Bytes per read of a stream. Every waiting stream holds a buffer of this size: 400 of them at 64 KB were 25 MB."""
LAST_WORDS = 1.0
"""Seconds that Bedrock gets to end the response properly once everything has been said."""

_HEADERS = {"content-type": "application/json", "accept": "application/json"}
_STREAM_HEADERS = {"content-type": "application/json", "accept": "application/vnd.amazon.eventstream"}


class ConverseUpstream:
    """Implements ChatUpstream. `endpoint` gives the signed endpoint, when first needed."""

    def __init__(self, endpoint: Callable[[], Endpoint], executor: Executor) -> None:
        self._endpoint = endpoint
        self._executor = executor

    async def run(self, plan: Plan, call: Call) -> AsyncGenerator[Batch, None]:
        exchange = Exchange()
        if plan.whole:
            yield await in_thread(lambda: self._whole(plan, call, exchange), exchange, self._executor)
            return
        pump = Pump(lambda: self._stream(plan, call, exchange), exchange, self._executor)
        async with aclosing(pump.items()) as items:
            async for gathered in items:
                yield gathered[0] if len(gathered) == 1 else [event for batch in gathered for event in batch]

    def _whole(self, plan: Plan, call: Call, exchange: Exchange) -> Batch:
        try:
            response = self._post(plan, call, exchange, _HEADERS)
            data = response.read()
            exchange.detach()
            response.release_conn()
            upstream_id = response.headers.get("x-amzn-requestid", "")
            if response.status != 200:
                raise refusal(response.status, response.headers, data)
            return ReplyMachine(plan, upstream_id).whole(_decoded(data))
        except Exception as problem:
            raise _translated(problem) from problem

    def _stream(self, plan: Plan, call: Call, exchange: Exchange) -> Iterator[list[Event]]:
        response = machine = None
        try:
            response = self._post(plan, call, exchange, _STREAM_HEADERS)
            if response.status != 200:
                raise refusal(response.status, response.headers, response.read())
            machine = ReplyMachine(plan, response.headers.get("x-amzn-requestid", ""))
            decoder = FrameDecoder()
            while data := response.read1(READ_SIZE):
                batch: list[Event] = []
                failure = _decode(decoder, machine, data, batch)
                if batch:
                    yield batch
                if failure is not None:
                    raise failure
                if machine.metered:
                    exchange.hurry(LAST_WORDS)
            machine.close()
            exchange.detach()
        except Exception as problem:
            if machine is not None and machine.complete and not isinstance(problem, GatewayError):
                log.warning("a stream broke off after its answer was complete: %s", type(problem).__name__)
                return
            raise _translated(problem) from problem
        finally:
            if response is not None:
                response.close()

    def _post(self, plan: Plan, call: Call, exchange: Exchange, headers: dict[str, str]) -> Any:
        body, repairs = to_body(plan)
        # A second attempt repairs the same history again: the counts are those of one request.
        call.receipt.repairs |= repairs
        return self._endpoint().post(to_path(plan), to_bytes(body), dict(headers), exchange)


def _decode(decoder: FrameDecoder, machine: ReplyMachine, data: bytes, batch: list[Event]) -> Exception | None:
    """Put the frames in `data` through the machine into `batch`. What went wrong on the way, with all before it kept."""
    try:
        for message_type, name, payload, text in decoder.feed(data):
            if message_type == "event":
                event = from_json(payload) if payload else {}
                if isinstance(event, dict):
                    batch += machine.feed(name, event)
            elif message_type == "exception":
                members = _decoded(payload)
                return from_aws(name, str(members.get("message") or members.get("Message") or ""), 500, members)
            else:
                return from_aws(name, text, 500)
    except Exception as problem:  # noqa: BLE001  handed to the border above
        return problem
    return None


def _decoded(data: bytes) -> dict[str, Any]:
    try:
        value = from_json(data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise UpstreamFailure("Bedrock answered with something that is not JSON.", code="upstream_bad_answer")
    return value


def _translated(problem: Exception) -> GatewayError:
    return from_exception(problem)
