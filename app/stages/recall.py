"""Keeps a model's signed reasoning for clients that drop it, and puts it back when they continue a tool loop.

Converse wants the thoughts that led to a tool call back, byte for byte, before it goes on thinking; most OpenAI clients
return neither `reasoning_details` nor `extra_content`. `Remember` is a stage on the way out, `Recollect` a preparer on the
way in.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from app.core.events import Batch, Finished, Fold
from app.core.plan import Plan
from app.core.ports import Call, ChatUpstream, Stash
from app.core.prompt import Message, Part, Prompt, Reasoning, ToolCall


class Recollect:
    """Implements Preparer: assistant turns that call tools without reasoning get what the stash has for them."""

    def __init__(self, stash: Stash) -> None:
        self._stash = stash

    async def prepare(self, prompt: Prompt, call: Call) -> Prompt:
        messages = list(prompt.messages)
        changed = False
        for place, message in enumerate(messages):
            blocks = await self._missing(message, call.caller.key_id)
            if blocks:
                messages[place] = Message("assistant", (*blocks, *_without_unsigned(message)))
                changed = True
        return replace(prompt, messages=tuple(messages)) if changed else prompt

    async def _missing(self, message: Message, tenant: str) -> tuple[Reasoning, ...]:
        if message.role != "assistant" or any(_sealed(part) for part in message.parts if isinstance(part, Reasoning)):
            return ()
        for part in message.parts:
            if isinstance(part, ToolCall):
                found = await self._stash.get(tenant, part.id)
                if found:
                    return tuple(found)
        return ()


class Remember:
    """Implements ChatUpstream around another one: what was thought before a tool call is stashed under the call's id."""

    def __init__(self, inner: ChatUpstream, stash: Stash) -> None:
        self._inner = inner
        self._stash = stash

    async def run(self, plan: Plan, call: Call) -> AsyncGenerator[Batch, None]:
        if not (plan.reasoning and plan.tools and plan.target.traits.replay == "signed"):
            async with aclosing(self._inner.run(plan, call)) as batches:
                async for batch in batches:
                    yield batch
            return
        fold = Fold()
        async with aclosing(self._inner.run(plan, call)) as batches:
            async for batch in batches:
                fold.extend(batch)
                if any(isinstance(event, Finished) for event in batch):
                    # Before the client hears of the end: some go on with the next turn without reading any further.
                    await self._keep(fold, call.caller.key_id)
                yield batch

    async def _keep(self, fold: Fold, tenant: str) -> None:
        reply = fold.reply()
        sealed = tuple(block for block in reply.reasoning if _sealed(block))
        if sealed:
            for tool_call in reply.tool_calls:
                await self._stash.put(tenant, tool_call.id, sealed)


def _sealed(block: Reasoning) -> bool:
    return bool(block.signature or block.redacted)


def _without_unsigned(message: Message) -> list[Part]:
    return [part for part in message.parts if not isinstance(part, Reasoning)]
