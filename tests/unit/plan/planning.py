"""Ways to plan without a catalogue, and the emulator's word on what comes of it."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from app.api.chat.decode import decode
from app.core.plan import Plan, Target
from app.core.ports import Call, Caller
from app.core.prompt import Message, Prompt, Text
from app.plan import model_id
from app.plan.planner import ModelPlanner, Policy
from app.plan.traits import traits_of
from app.upstreams.converse.request import to_body
from local.emulator.shapes import check_body
from local.models import MODELS
from local.rules import violations

T = TypeVar("T")
USUAL = Policy()

CHAT_MODELS = tuple(facts.id for facts in MODELS.values() if facts.outputs == ("TEXT",) and not facts.provisioned_only)
"""Every model that answers in text, by its own id."""

NOVA = "amazon.nova-lite-v1:0"
SONNET_45 = "anthropic.claude-sonnet-4-5-20250929-v1:0"
SONNET_46 = "anthropic.claude-sonnet-4-6"
OPUS_5 = "anthropic.claude-opus-5"
OPUS_55 = "anthropic.claude-opus-5-5"
HAIKU_55 = "anthropic.claude-haiku-5-5"
DEEPSEEK = "deepseek.v3-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
TITAN = "amazon.titan-text-express-v1"

WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
CLOCK = {"type": "function", "function": {"name": "get_time"}}


def wire_id(base: str) -> str:
    """The model as it can be called: by a profile where it needs one."""
    facts = MODELS.get(base)
    return base if facts is None or facts.on_demand else f"{facts.profiles[0]}.{base}"


def finish(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never really waits."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("it waits")


def call() -> Call:
    return Call("req_1", Caller("key-1"), "chat.completions")


async def resolve(name: str) -> Target:
    base = model_id.base_of(name) or name
    return Target(wire_id(base), base, traits_of(base))


async def no_profile(base: str) -> str | None:
    return None


def planner(policy: Policy = USUAL) -> ModelPlanner:
    return ModelPlanner(resolve, no_profile, policy)


def planned(
    prompt: Prompt, *, stream: bool = False, quirks: frozenset[str] = frozenset(), policy: Policy = USUAL
) -> tuple[Plan, Call]:
    made = call()
    return finish(planner(policy).plan(prompt, made, stream=stream, quirks=quirks)), made


def asked(model: str, *messages: dict[str, Any], **options: Any) -> Prompt:
    """The prompt of a chat completions request."""
    turns = list(messages) or [{"role": "user", "content": "Hello"}]
    return decode({"model": model, "messages": turns} | options).prompt


def prompt_of(model: str, *messages: Message, **options: Any) -> Prompt:
    return Prompt(model, messages or (Message("user", (Text("Hello"),)),), **options)


def complaints(plan: Plan) -> list[str]:
    """What the emulator has against the request of a plan: its shape first, then the model's rules."""
    body, _ = to_body(plan)
    check_body("bedrock-runtime", "ConverseRequest", body)
    return violations(plan.target.model_id, body, streaming=not plan.whole)
