"""Keeps a model's signed reasoning for clients that drop it, and puts it back when they continue a tool loop.

Converse wants the thoughts that led to a tool call back, byte for byte, before it goes on thinking; most OpenAI clients
return neither `reasoning_details` nor `extra_content`. `Remember` is a stage on the way out, `Recollect` a preparer on the
way in. The stored values carry the mark of the model family that produced them, so that the planner drops them where
another family is called.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace

from app.core.deadline import spare
from app.core.events import Batch, Finished, Fold
from app.core.plan import Plan
from app.core.ports import Call, ChatUpstream, Stash
from app.core.prompt import Message, Part, Prompt, Reasoning, ToolCall

WRITE_SECONDS = 1.0
SEALED = ("signed", "redacted")
"""Values of `Traits.replay` for models that take back only what they have signed or encrypted."""


class Recollect:
    """Implements Preparer: assistant turns that call tools without reasoning get what the stash has for them.

    `wanted`: whether the model may want it; where not, the stash is not asked, which may be far away.
    """

    def __init__(self, stash: Stash, wanted: Callable[[Prompt], bool] = lambda prompt: True) -> None:
        self._stash = stash
        self._wanted = wanted

    async def prepare(self, prompt: Prompt, call: Call) -> Prompt:
        lacking = {place: _call_ids(message) for place, message in enumerate(prompt.messages) if _lacks(message)}
        if not lacking or not self._wanted(prompt):
            return prompt
        newest_first = [call_id for call_ids in reversed(lacking.values()) for call_id in call_ids]
        found = await self._stash.get_many(call.caller.key_id, newest_first)
        messages = list(prompt.messages)
        for place, call_ids in lacking.items():
            blocks = next((found[call_id] for call_id in call_ids if call_id in found), ())
            if blocks:
                messages[place] = Message("assistant", (*blocks, *_without_unsigned(messages[place])))
        return replace(prompt, messages=tuple(messages)) if found else prompt


class Remember:
    """Implements ChatUpstream around another one: what was thought before a tool call is stashed under the call's id."""

    def __init__(self, inner: ChatUpstream, stash: Stash) -> None:
        self._inner = inner
        self._stash = stash

    async def run(self, plan: Plan, call: Call) -> AsyncGenerator[Batch, None]:
        if not (plan.reasoning and plan.tools and plan.target.traits.replay in SEALED):
            async with aclosing(self._inner.run(plan, call)) as batches:
                async for batch in batches:
                    yield batch
            return
        fold = Fold()
        writing: list[Awaitable[None]] = []
        async with aclosing(self._inner.run(plan, call)) as batches:
            async for batch in batches:
                fold.extend(batch)
                if any(isinstance(event, Finished) for event in batch):
                    # Before the client hears of the end: some go on with the next turn without reading any further.
                    writing += await self._keep(fold, call.caller.key_id)
                yield batch
        if writing:
            # After it has heard, because that takes a while; before the end, because a function is frozen then.
            await asyncio.wait(
                [asyncio.ensure_future(each) for each in writing], timeout=spare(call.deadline, WRITE_SECONDS)
            )

    async def _keep(self, fold: Fold, tenant: str) -> list[Awaitable[None]]:
        """What is still being written."""
        reply = fold.reply()
        sealed = tuple(block for block in reply.reasoning if _sealed(block))
        if not sealed:
            return []
        kept = [await self._stash.put(tenant, tool_call.id, sealed) for tool_call in reply.tool_calls]
        return [writing for writing in kept if writing is not None]


def _lacks(message: Message) -> bool:
    """Whether an assistant's turn calls tools without the thoughts that led there."""
    if message.role != "assistant" or any(_sealed(part) for part in message.parts if isinstance(part, Reasoning)):
        return False
    return any(isinstance(part, ToolCall) for part in message.parts)


def _call_ids(message: Message) -> list[str]:
    return [part.id for part in message.parts if isinstance(part, ToolCall)]


def _sealed(block: Reasoning) -> bool:
    return bool(block.signature or block.redacted)


def _without_unsigned(message: Message) -> list[Part]:
    return [part for part in message.parts if not isinstance(part, Reasoning)]
