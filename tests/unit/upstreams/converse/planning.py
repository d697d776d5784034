"""Plans for tests, as the real planner makes them: a prompt and a model id are enough."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from app.core.plan import Plan, Target
from app.core.ports import Call, Caller
from app.core.prompt import Message, Prompt, Text
from app.plan.planner import ModelPlanner, Policy
from tests.unit.upstreams.converse.histories import target

T = TypeVar("T")


def now(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise AssertionError("it waits for something")


def planned(prompt: Prompt, *, stream: bool = True, call: Call | None = None, policy: Policy | None = None) -> Plan:
    async def resolve(name: str) -> Target:
        return target(name)

    async def profile_for(base_id: str) -> str | None:
        return None

    call = call or Call("req-1", Caller("key-1"), "chat")
    return now(ModelPlanner(resolve, profile_for, policy or Policy()).plan(prompt, call, stream=stream))


def plan(model: str, *messages: Message, stream: bool = True, **members: Any) -> Plan:
    messages = messages or (Message("user", (Text("hi"),)),)
    return planned(Prompt(model, messages, **members), stream=stream)
