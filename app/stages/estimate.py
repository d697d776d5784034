"""What a request will take, before it is made, and what it took where nobody says so. Rough, and rather too much.

Two bytes of text are counted as a token, where English has four, source code three and dense JSON a little over two, by
cl100k; newer tokenizers make a third more of the same text. Pictures and documents are counted by what models are known to
make of them (2026-11: up to 1,600 tokens a picture on most, 3,000 a page of a PDF).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic_core import to_json

from app.core.books import Demand
from app.core.events import Usage
from app.core.money import Prices
from app.core.plan import Plan
from app.core.ports import EmbeddingItem
from app.core.prompt import Blob, Broken, Media, Part, Reasoning, Text, ToolCall, ToolResult

TOKENS = {"image": 1_600, "document": 3_000, "audio": 2_000, "video": 20_000}
"""At least, for each."""
BYTES_PER_TOKEN = {"image": 1_000, "document": 30, "audio": 500, "video": 100}
MOST_TOKENS = {"image": 5_000, "document": 400_000, "audio": 100_000, "video": 500_000}
BROKEN_TOKENS = 50
"""Tokens of the placeholder for a file that cannot be used."""
PER_MESSAGE = 8
"""Tokens of a message beside what it says."""


def text_tokens(text: str) -> int:
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return (size + 1) // 2


def prompt_tokens(plan: Plan) -> int:
    """What the model has to read."""
    tokens = sum(PER_MESSAGE + _parts(message.parts) for message in plan.messages)
    tokens += sum(map(text_tokens, plan.instructions)) + sum(map(text_tokens, plan.notes))
    for tool in plan.tools:
        tokens += 20 + text_tokens(tool.name) + text_tokens(tool.description) + _json(tool.schema)
    if plan.text_format is not None:
        tokens += _json(plan.text_format.schema)
    if plan.fields:
        tokens += _json(plan.fields)  # a client's own may hold tools, or whatever else a model reads
    return tokens


def media_tokens(plan: Plan) -> int:
    """How much of that is pictures and files."""
    parts = [part for message in plan.messages for part in message.parts]
    inner = [item for part in parts if isinstance(part, ToolResult) for item in part.content]
    return sum(_part(part) for part in (*parts, *inner) if isinstance(part, Media))


def likely_tokens(plan: Plan) -> int:
    """A likely number, for a client that decides by it when to compact its history: three and a half bytes of text a token,
    where admission reckons with two."""
    media = media_tokens(plan)
    return media + max(1, (prompt_tokens(plan) - media) * 4 // 7)


def chat_demand(plans: Sequence[Plan], n: int, prices: Prices, output: int) -> Demand:
    """`n` answers to each of the plans. `output`: tokens expected of an answer that nothing limits."""
    tokens = cost = 0
    for plan in plans:
        read, written = prompt_tokens(plan), output_limit(plan, output)
        cost += n * answer_cost(plan, read, written, prices)
        tokens += n * (read + written)
    return Demand(plans[0].target.base_id, tokens, cost)


def answer_cost(plan: Plan, read: int, written: int, prices: Prices) -> int:
    """Nano-USD that one answer of `written` tokens to a prompt of `read` tokens may cost at most."""
    target = plan.target
    usages = [Usage(input=read, output=written)]
    if plan.cache_points or plan.cache_auto:  # more expensive with most models; and a short prompt is not kept at all
        hour = read if plan.cache_ttl == "1h" else 0
        usages.append(Usage(output=written, cache_write=read, cache_write_1h=hour))
    called = target.priced_id or target.model_id
    # A model without the tier that is asked for answers at the usual price.
    tiers = {plan.service_tier, ""}
    return max(prices.cost(called, target.base_id, usage, tier=tier).total for tier in tiers for usage in usages)


def output_limit(plan: Plan, output: int) -> int:
    """The most that an answer may say, as far as anybody said so."""
    if plan.max_tokens is not None:
        return plan.max_tokens
    limits = (plan.target.traits.max_output, plan.target.traits.max_tokens_limit)
    return min(output, *(limit for limit in limits if limit is not None), output)


def embedding_tokens(items: Iterable[EmbeddingItem]) -> int:
    return sum(text_tokens(item.text) + (TOKENS["image"] if item.image else 0) for item in items)


def _parts(parts: Iterable[Part]) -> int:
    return sum(map(_part, parts))


def _part(part: Part) -> int:
    match part:
        case Text(text):
            return text_tokens(text)
        case ToolCall(_, name, arguments):
            return 16 + text_tokens(name) + text_tokens(arguments)
        case ToolResult(_, content):
            return 16 + _parts(content)
        case Reasoning(text):
            return text_tokens(text)
        case Media(source=Broken()):
            return BROKEN_TOKENS
        case Media(kind, source):
            size = source.size if isinstance(source, Blob) else MOST_TOKENS[kind] * BYTES_PER_TOKEN[kind] // 4
            return min(max(TOKENS[kind], size // BYTES_PER_TOKEN[kind]), MOST_TOKENS[kind])
        case _:
            return 0


def _json(schema: object) -> int:
    return 0 if schema is None else text_tokens(to_json(schema, fallback=str).decode())
