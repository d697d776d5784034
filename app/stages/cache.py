"""The response cache: the same request of the same caller gets the same answer again, if it asks for that (docs/cache.md).

It stands round the whole of an answer, all choices together, after the caller was let in and the plans were made. What goes
wrong with the cache itself is a line in the log and a miss; it never costs anybody an answer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from app.core.deadline import spare
from app.core.events import Batch, Finished
from app.core.model_fields import client_limit
from app.core.plan import Plan, Target
from app.core.ports import Answers, Call

if TYPE_CHECKING:
    # What only those pay for who use it.
    from app.core.codec import Answer, Item, Recording
    from app.stages.wish import Wish

log = logging.getLogger(__name__)

READ_SECONDS = 1.0
WRITE_SECONDS = 1.0
LARGE = 64 * 1024
"""Bytes, packed: to decode 350 KB takes some 20 ms."""

Choice = tuple[int, Batch]


class ResponseCache:
    """`max_seconds`: longest life of an entry; 0 turns the cache off, and who asks for it is told that it is ignored."""

    def __init__(self, answers: Answers, max_seconds: int, clock: Callable[[], float] = time.time) -> None:
        self._answers = answers
        self._most = max_seconds
        self._clock = clock

    def wrap(
        self, call: Call, plans: Sequence[Plan], n: int, produce: Callable[[], AsyncGenerator[Choice, None]]
    ) -> AsyncGenerator[Choice, None]:
        """The answers that `produce` would give, `n` to each plan. Raises InvalidRequest for a header that says nothing.

        On a hit `produce` is never called, `call.receipt.cache` is `hit`, and the usage told is that of the kept answer.
        """
        if not call.cache and call.caller.access.cache_ttl <= 0:
            return produce()
        from app.stages.wish import wished

        wish = wished(call, plans, self._most)
        return produce() if wish is None else self._cached(call, plans, n, produce, wish)

    async def _cached(
        self,
        call: Call,
        plans: Sequence[Plan],
        n: int,
        produce: Callable[[], AsyncGenerator[Choice, None]],
        wish: Wish,
    ) -> AsyncGenerator[Choice, None]:
        from app.core.codec import Recording
        from app.stages.fingerprint import fingerprint

        choices = n * len(plans)
        key = await fingerprint(call.caller.key_id, plans, n)
        answer = None if wish.refresh else await self._found(call, key, choices, wish.seconds)
        if answer is not None:
            _note_hit(call, plans[0].target, answer)
            for item in _batches(answer.events):
                yield item
            return
        call.receipt.cache = "miss"
        recording = Recording()
        async with aclosing(produce()) as items:
            async for choice, batch in items:
                recording.note(choice, batch)
                yield choice, batch
        if not _is_cut_short(call, plans, recording, choices):
            await self._keep(call, plans[0].target, key, recording, choices, wish.seconds)

    async def _found(self, call: Call, key: str, choices: int, seconds: int) -> Answer | None:
        from app.core.codec import decode

        try:
            async with asyncio.timeout(READ_SECONDS):
                body = await self._answers.get(call.caller.key_id, key)
            if body is None:
                return None
            answer = decode(body, choices) if len(body) < LARGE else await asyncio.to_thread(decode, body, choices)
        except Exception as problem:  # noqa: BLE001  the model can be asked instead
            log.warning("the response cache can't be read: %s", type(problem).__name__)
            return None
        if answer is None or answer.created + seconds <= self._clock():
            return None
        return answer

    async def _keep(
        self, call: Call, target: Target, key: str, recording: Recording, choices: int, seconds: int
    ) -> None:
        """Before the stream ends, because a function on Lambda is frozen once it has."""
        limit = spare(call.deadline, WRITE_SECONDS)
        if not limit:
            return
        try:
            async with asyncio.timeout(limit):
                body = await asyncio.to_thread(_body, call, target, recording, choices, int(self._clock()))
                if body is not None:
                    await self._answers.put(call.caller.key_id, key, body, seconds)
        except Exception as problem:  # noqa: BLE001  the client has its answer
            log.warning("the response cache can't be written: %s", type(problem).__name__)


def _note_hit(call: Call, target: Target, answer: Answer) -> None:
    """The receipt names the model that answered then, which after a fallback is not the one that was planned."""
    model_id, base_id, region, priced_id = answer.target
    call.receipt.cache, call.receipt.max_tokens = "hit", None
    call.receipt.model = answer.model
    call.receipt.target = replace(target, model_id=model_id, base_id=base_id, region=region, priced_id=priced_id)


def _is_cut_short(call: Call, plans: Sequence[Plan], recording: Recording, choices: int) -> bool:
    """Whether the limit that a hard budget set has ended an answer: with more money left, it would be longer."""
    if call.output_limit is None or client_limit(plans[0].prompt) is not None:
        return False
    events = recording.events(choices) or ()
    return any(isinstance(event, Finished) and event.reason == "length" for _, event in events)


def _batches(events: Sequence[Item]) -> list[Choice]:
    return [(choice, (event,)) for choice, event in events]


def _body(call: Call, planned: Target, recording: Recording, choices: int, now: int) -> bytes | None:
    from app.core.codec import Answer, encode

    events = recording.events(choices)
    if events is None:
        return None
    target = call.receipt.target or planned
    names = (target.model_id, target.base_id, target.region, target.priced_id)
    return encode(Answer(events, now, call.receipt.model, names))
