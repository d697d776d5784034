"""One function per check. Each asks a model something and gives a short detail of what was right; otherwise it raises:
Failed, Unsupported or Declined (see errors).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from app.canary import questions
from app.canary.bill import Probe
from app.canary.calls import assembled, calls_of, city_of, message_of
from app.canary.client import Answer, Stream
from app.canary.errors import Declined, Failed, Refused, Unsupported
from app.canary.prices import Price

ROOM = 800
"""Tokens an answer may have: enough for models that always think a little first."""
THINKING_ROOM = 1600
"""More than the least budget of thinking, 1,024, below which the gateway leaves thinking out."""
CACHE_ROOM = 64
LEAST_CHUNKS = 5
LEAST_SHARE = 0.1
LEAST_SPREAD = 0.25


class Check(NamedTuple):
    """`tokens_in` and `tokens_out`: the most that all its requests together can use."""

    name: str
    run: Callable[[Probe], str]
    tokens_in: int
    tokens_out: int

    def estimate(self, price: Price) -> int:
        """Microcents at most."""
        return price.most(self.tokens_in, self.tokens_out)


def user(content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


def chunking(probe: Probe) -> str:
    """Tokens come one after the other, not all at the end."""
    stream = probe.stream(messages=user(questions.COUNT), max_completion_tokens=ROOM)
    if stream.buffered:
        raise Unsupported("this deployment answers streams whole (x-gateway-stream: buffered)")
    deltas = [(at, delta) for at, delta, _ in assembled(stream)]
    times = [at for at, delta in deltas if delta.get("content") or delta.get("reasoning_content")]
    _ended(stream)
    if len(times) < LEAST_CHUNKS:
        raise Failed(f"{len(times)} chunks with text, expected at least {LEAST_CHUNKS}")
    spread = times[-1] - times[0]
    detail = f"{len(times)} chunks over {spread * 1000:.0f} of {stream.seconds * 1000:.0f} ms"
    # Either will do: a slow first token makes the share small, a fast model the spread.
    if spread < LEAST_SPREAD and spread < LEAST_SHARE * stream.seconds:
        raise Failed(f"all at once: {detail}")
    return detail


def tools(probe: Probe) -> str:
    """One call, whose arguments parse."""
    answer = _or_unsupported(
        lambda: probe.chat(messages=user(questions.WEATHER), tools=[questions.GET_WEATHER], max_completion_tokens=ROOM)
    )
    message, reason = message_of(answer)
    calls = calls_of(message)
    if not calls:
        raise Failed(f"no tool call, finish_reason {probe.redact(str(reason))}")
    if reason != "tool_calls":
        raise Failed(f"a tool call, but finish_reason {probe.redact(str(reason))}")
    cities = [city_of(call, {"get_weather"}) for call in calls]
    return f"{len(cities)} call"


def parallel_tools(probe: Probe) -> str:
    """Two calls in one streamed turn, kept apart by their indexes. A model may prefer to make one after the other."""
    stream = _or_unsupported(
        lambda: probe.stream(
            messages=user(questions.BOTH),
            tools=[questions.GET_WEATHER, questions.GET_TIME],
            max_completion_tokens=ROOM,
        )
    )
    _ended(stream)
    calls: dict[Any, dict[str, Any]] = {}
    for _, delta, _ in assembled(stream):
        for fragment in calls_of(delta):
            index, id_, part = fragment.get("index"), fragment.get("id"), fragment["function"]
            call = calls.setdefault(index, {"id": id_, "function": {"name": part.get("name"), "arguments": ""}})
            if id_ and id_ != call["id"]:
                raise Failed("two calls share an index")
            call["function"]["arguments"] += part.get("arguments") or ""
    if set(calls) != set(range(len(calls))):
        raise Failed("the indexes of the calls are not 0, 1, ...")
    for call in calls.values():
        city_of(call, {"get_weather", "get_time"})
    if len(calls) < 2:
        raise Declined(f"the model made {len(calls)} call in this turn")
    if len({call["id"] for call in calls.values()}) < len(calls):
        raise Failed("two calls share an id")
    return f"{len(calls)} calls"


def thinking(probe: Probe) -> str:
    """A tool loop of two turns whose second sends the thoughts of the first back."""
    fields: dict[str, Any] = {
        "tools": [questions.GET_WEATHER],
        "reasoning_effort": "low",
        "max_completion_tokens": THINKING_ROOM,
    }
    asked = user(questions.WEATHER)
    first = _or_unsupported(lambda: probe.chat(messages=asked, **fields))
    message, _ = message_of(first)
    if not (message.get("reasoning_details") or message.get("reasoning_content")):
        if "reasoning_effort" in first.ignored:
            raise Unsupported("the model takes no reasoning_effort")
        raise Declined("the model gave no reasoning")
    calls = calls_of(message)
    if not calls:
        raise Declined("the model thought, but did not call the tool")
    for call in calls:
        city_of(call, {"get_weather"})
    results = [{"role": "tool", "tool_call_id": call.get("id"), "content": "Sunny, 21 degrees."} for call in calls]
    second, _ = message_of(probe.chat(messages=[*asked, message, *results], **fields))
    if not _text(second) and not calls_of(second):
        raise Failed("the turn after the tool's result is empty")
    return "thoughts went back and were taken"


def json_schema(probe: Probe) -> str:
    """An answer that fits a strict schema."""
    form = {"type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": questions.SCHEMA}}
    answer = _or_unsupported(
        lambda: probe.chat(messages=user(questions.CITY), response_format=form, max_completion_tokens=ROOM)
    )
    try:
        value = json.loads(_said(answer))
    except (ValueError, RecursionError):
        raise Failed("the answer is no JSON") from None
    if not questions.fits(value):
        raise Failed("the answer does not fit the schema")
    return "fits the schema"


def image(probe: Probe) -> str:
    """A small picture is seen."""
    parts = [
        {"type": "text", "text": questions.COLOUR},
        {"type": "image_url", "image_url": {"url": questions.red_square()}},
    ]
    answer = _or_unsupported(lambda: probe.chat(messages=user(parts), max_completion_tokens=ROOM))
    return "named the colour" if "red" in _said(answer).lower() else "answered, but did not name the colour"


def cache(probe: Probe) -> str:
    """A long prefix is written by one request and read by the next."""
    prefix = {"type": "text", "text": questions.long_text(), "cache_control": {"type": "ephemeral"}}
    messages = [{"role": "system", "content": [prefix]}, *user("Say yes.")]
    counts = []
    for _ in range(2):
        answer = probe.chat(messages=messages, max_completion_tokens=CACHE_ROOM)
        message_of(answer)
        usage = answer.body.get("usage")
        if not isinstance(usage, dict):
            raise Failed("the answer has no usage")
        details = usage.get("prompt_tokens_details")
        details = details if isinstance(details, dict) else {}
        counts.append((details.get("cache_write_tokens"), details.get("cached_tokens")))
        if not _positive(counts[0][0]):
            raise Unsupported("no cache write is reported")
    if not _positive(counts[1][1]):
        raise Failed("written by the first request, but not read by the second")
    return f"{counts[0][0]} tokens written, {counts[1][1]} read"


def embeddings(probe: Probe) -> str:
    """A vector of numbers."""
    data = probe.embed(questions.SENTENCE).body.get("data")
    first = data[0] if isinstance(data, list) and data else None
    vector = first.get("embedding") if isinstance(first, dict) else None
    if not isinstance(vector, list) or not vector:
        raise Failed("the answer has no data[0].embedding")
    if not all(isinstance(number, int | float) and math.isfinite(number) for number in vector) or not any(vector):
        raise Failed("the embedding is no vector of numbers")
    return f"{len(vector)} dimensions"


CHAT = (
    Check("chunking", chunking, 400, ROOM),
    Check("tools", tools, 2_000, ROOM),  # a tool costs its model some hundred tokens of instructions
    Check("parallel_tools", parallel_tools, 2_500, ROOM),
    Check("thinking", thinking, 2 * 2_000 + THINKING_ROOM, 2 * THINKING_ROOM),
    Check("json_schema", json_schema, 2_000, ROOM),
    Check("image", image, 3_000, ROOM),
    Check("cache", cache, 2 * 9_000, 2 * CACHE_ROOM),
)
EMBEDDING = (Check("embeddings", embeddings, 50, 0),)


def checks_for(model: str) -> tuple[Check, ...]:
    """By the entry of DEEP_PROBE_MODELS: what has `embed` in it, the mark `embed:` included, is an embedding model."""
    return EMBEDDING if "embed" in model else CHAT


def _or_unsupported(ask: Callable[[], Any]) -> Any:
    """A 400 to a question in itself right means that the model, or the gateway for it, can't do this."""
    try:
        return ask()
    except Refused as refusal:
        if refusal.status == 400:
            raise Unsupported(str(refusal)) from None
        raise


def _ended(stream: Stream) -> None:
    """Raises Failed for a stream that was broken off, which looks like an early end to those who don't look."""
    if not stream.done:
        raise Failed("the stream ended without [DONE]")
    if not any(reason for _, _, reason in assembled(stream)):
        raise Failed("the stream ended without a finish_reason")


def _said(answer: Answer) -> str:
    """The answer's text. Raises Failed where there is none, Declined where the model thought until it had to stop."""
    message, reason = message_of(answer)
    text = _text(message)
    if not text:
        if reason == "length":
            raise Declined("the model used all its tokens before it answered")
        raise Failed("the answer is empty")
    return text


def _text(message: dict[str, Any]) -> str:
    content = message.get("content")
    return content.strip() if isinstance(content, str) else ""


def _positive(count: Any) -> bool:
    return type(count) is int and count > 0
