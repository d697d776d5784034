"""Rules about reasoning: how it is turned on, and what of it may come back in the history."""

from collections.abc import Iterator
from typing import Any

from local.behaviour.reasoning import is_sealed, is_signed
from local.models import Replay, Thinking
from local.rules.asked import Asked, Block, model_says, unsupported

_LEAST_BUDGET = 1024
_LEAST_TOP_P = 0.95


def broken(asked: Asked) -> Iterator[str]:
    """Violations among the `thinking` field, what it excludes, and replayed reasoningContent."""
    if asked.facts.is_claude:
        yield from _form(asked)
        if asked.thinks:
            yield from _company(asked)
            yield from _open_loop(asked)
    for path, _role, block in asked.blocks():
        if "reasoningContent" in block:
            yield from _replayed(asked, block["reasoningContent"], path)


def _form(asked: Asked) -> Iterator[str]:
    thinking = asked.native("thinking")
    kind = thinking.get("type")
    allowed = asked.facts.thinking
    if kind in ("enabled", "adaptive") and allowed is Thinking.NONE:
        yield model_says("thinking: Extra inputs are not permitted")
    elif kind == "enabled":
        if allowed in (Thinking.ADAPTIVE, Thinking.ALWAYS):
            yield model_says(
                '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and '
                '"output_config.effort" to control thinking behavior.'
            )
        else:
            yield from _budget(asked, thinking.get("budget_tokens"))
    elif kind == "adaptive" and allowed is Thinking.BUDGET:
        yield model_says("adaptive thinking is not supported on this model")
    elif kind == "disabled" and allowed is Thinking.ALWAYS:
        yield model_says('"thinking.type.disabled" is not supported for this model.')
    elif thinking and kind not in ("enabled", "adaptive", "disabled"):
        yield model_says(
            "thinking: Input tag does not match any of the expected tags: 'adaptive', 'disabled', 'enabled'"
        )


def _budget(asked: Asked, budget: Any) -> Iterator[str]:
    if not isinstance(budget, int):
        yield model_says("thinking.enabled.budget_tokens: Field required")
        return
    if budget < _LEAST_BUDGET:
        yield model_says(f"thinking.enabled.budget_tokens: Input should be greater than or equal to {_LEAST_BUDGET}")
    longest = asked.inference.get("maxTokens", asked.facts.max_output)
    if budget >= longest:
        yield model_says("`max_tokens` must be greater than `thinking.budget_tokens`.")


def _company(asked: Asked) -> Iterator[str]:
    """What may not stand beside thinking."""
    if asked.inference.get("temperature") not in (None, 1):
        yield model_says("`temperature` may only be set to 1 when thinking is enabled.")
    top_p = asked.inference.get("topP")
    if top_p is not None and top_p < _LEAST_TOP_P:
        yield model_says("`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.")
    if "top_k" in asked.fields:
        yield model_says("`top_k` must be unset when thinking is enabled.")
    if asked.messages and asked.messages[-1]["role"] == "assistant":
        yield model_says("Pre-filling the assistant response is not supported when thinking is enabled.")


def _open_loop(asked: Asked) -> Iterator[str]:
    """The assistant turn whose calls the last message answers must begin with the reasoning that led to them."""
    if len(asked.messages) < 2 or not any("toolResult" in block for block in asked.messages[-1]["content"]):
        return
    number = len(asked.messages) - 2
    content: list[Block] = asked.messages[number]["content"]
    if content and "reasoningContent" not in content[0]:
        found = "tool_use" if "toolUse" in content[0] else "text"
        yield model_says(
            f"messages.{number}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{found}`. "
            "When `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the "
            "lastmost set of `tool_use` and `tool_result` blocks)."
        )


def _replayed(asked: Asked, reasoning: Block, path: str) -> Iterator[str]:
    replay = asked.facts.replay
    text = reasoning.get("reasoningText")
    if replay is Replay.REFUSED:
        yield unsupported("reasoningContent")
    elif text is None:
        yield from _redacted(asked, reasoning.get("redactedContent", ""), path)
    elif replay is Replay.ENCRYPTED:
        yield unsupported("reasoningContent.reasoningText.text", "for assistant messages")
    elif replay is Replay.PLAIN:
        if "signature" in text:
            yield unsupported("reasoningContent.reasoningText.signature")
    elif not text.get("signature"):
        yield model_says(f"{path}.thinking.signature: Field required")
    elif not is_signed(text["text"], text["signature"]):
        yield model_says(f"{path}: Invalid `signature` in `thinking` block")


def _redacted(asked: Asked, blob: str, path: str) -> Iterator[str]:
    """Data is taken back by the vendor that made it; OpenAI's words for others are those of its own API."""
    replay = asked.facts.replay
    if replay is Replay.PLAIN:
        yield unsupported("reasoningContent.redactedContent")
    elif is_sealed(blob, asked.facts.provider):
        return
    elif replay is Replay.SIGNED:
        yield model_says(f"{path}: Invalid `data` in `redacted_thinking` block")
    else:
        yield model_says("The encrypted content could not be verified. Reason: it could not be decrypted or parsed.")
