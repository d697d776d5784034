"""The only effect of this room: puts a plan to Bedrock and yields what comes back, without blocking the event loop."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Executor
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from app.core.events import Batch, Event
from app.core.json_values import parse_or_mend, parse_with_halves
from app.core.plan import Plan
from app.core.ports import Call
from app.errors import ContextOverflow, GatewayError, UpstreamFailure
from app.upstreams.converse.characters import CharacterJoiner
from app.upstreams.converse.reply import ReplyMachine
from app.upstreams.converse.request import to_body, to_bytes, to_path
from app.upstreams.errors import from_aws
from app.upstreams.eventstream import FrameDecoder
from app.upstreams.exchange import Exchange
from app.upstreams.failures import from_exception
from app.upstreams.loop_reader import LoopReader
from app.upstreams.refusals import refusal
from app.upstreams.threads import in_thread

if TYPE_CHECKING:
    import urllib3

    from app.upstreams.http import Endpoint  # urllib3 is loaded when a request, or the warm-up, needs it

log = logging.getLogger(__name__)

LONGEST_SILENCE = 3600.0
LAST_WORDS = 1.0
"""Seconds that Bedrock gets to end the response properly once everything has been said."""

_HEADERS = {"content-type": "application/json", "accept": "application/json"}
_STREAM_HEADERS = {"content-type": "application/json", "accept": "application/vnd.amazon.eventstream"}


class ConverseUpstream:
    """Implements ChatUpstream. `endpoint` gives the signed endpoint of a region (empty: the usual), when first needed."""

    def __init__(self, endpoint: Callable[[str], Endpoint], executor: Executor) -> None:
        self._endpoint = endpoint
        self._executor = executor

    async def run(self, plan: Plan, call: Call) -> AsyncGenerator[Batch, None]:
        exchange = Exchange()
        if plan.whole:
            yield await in_thread(lambda: self._whole(plan, call, exchange), exchange, self._executor)
            return
        response = await in_thread(lambda: self._open(plan, call, exchange), exchange, self._executor)
        try:
            machine = ReplyMachine(plan, response.headers.get("x-amzn-requestid", ""))
            async with aclosing(_events(exchange, machine)) as batches:
                async for batch in batches:
                    yield batch
            if exchange.reusable:
                response.release_conn()
        except Exception as problem:
            raise _of_model(problem, plan) from problem
        finally:
            response.close()  # does nothing where the connection went back to the pool

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
            raise _of_model(problem, plan) from problem

    def _open(self, plan: Plan, call: Call, exchange: Exchange) -> urllib3.BaseHTTPResponse:
        """The response to a streamed request, with its head read and nothing more."""
        try:
            response = self._post(plan, call, exchange, _STREAM_HEADERS)
            if response.status != 200:
                raise refusal(response.status, response.headers, response.read())
            return response
        except Exception as problem:
            raise _of_model(problem, plan) from problem

    def _post(self, plan: Plan, call: Call, exchange: Exchange, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        body, repairs = to_body(plan)
        # A second attempt repairs the same history again: the counts are those of one request.
        call.receipt.repairs |= repairs
        return self._endpoint(plan.target.region).post(to_path(plan), to_bytes(body), dict(headers), exchange)


async def _events(exchange: Exchange, machine: ReplyMachine) -> AsyncGenerator[Batch, None]:
    """The events of a stream, a batch per read. What breaks off after the answer was complete does it no harm."""
    body = exchange.response
    framing, decoder, joiner = body.framing(), FrameDecoder(), CharacterJoiner(machine.feed)
    reader = LoopReader(exchange.sock, exchange.read_timeout or LONGEST_SILENCE)
    try:
        async with aclosing(_with(body.handed_over(), reader)) as chunks:
            async for raw in chunks:
                data = framing.feed(raw)
                batch: list[Event] = []
                failure = _decode(decoder, machine, joiner, data, batch) if data else None
                if batch:
                    yield batch
                if failure is not None:
                    raise failure
                if framing.ended:
                    break
                if machine.metered:
                    reader.hurry(LAST_WORDS)
        framing.close()
    except Exception as problem:
        if not machine.complete or isinstance(problem, GatewayError):
            raise
        log.warning("a stream broke off after its answer was complete: %s", type(problem).__name__)
        return
    machine.close()
    if framing.may_follow and not body.will_close:
        body.taken_back()


async def _with(begun: bytes, reader: LoopReader) -> AsyncGenerator[bytes, None]:
    """What had been read with the head, and then what comes."""
    yield begun
    async with aclosing(reader.chunks()) as chunks:
        async for chunk in chunks:
            yield chunk


def _decode(
    decoder: FrameDecoder, machine: ReplyMachine, joiner: CharacterJoiner, data: bytes, batch: list[Event]
) -> Exception | None:
    """Put the frames in `data` through the machine into `batch`. What went wrong on the way, with all before it kept."""
    try:
        for message_type, name, payload, text in decoder.feed(data):
            if message_type == "event":
                try:
                    event = from_json(payload) if payload else {}
                    feed = joiner.feed if joiner.waiting else machine.feed
                except ValueError:
                    event, feed = parse_with_halves(payload), joiner.feed
                if isinstance(event, dict):
                    batch += feed(name, event)
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
        value = parse_or_mend(data, from_json)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise UpstreamFailure("Bedrock answered with something that is not JSON.", code="upstream_bad_answer")
    return value


def _of_model(problem: Exception, plan: Plan) -> GatewayError:
    """What went wrong with a call, as an error of the gateway; an overflow with the length of the model's context."""
    error = from_exception(problem)
    return error.of(plan.target.traits.context_window) if isinstance(error, ContextOverflow) else error
