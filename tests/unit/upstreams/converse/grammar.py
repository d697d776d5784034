"""The rules of Converse for a sequence of messages, written down a second time from AWS documentation, by another hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from app.core.plan import Traits

ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
PLACES = {
    "user": {"text", "image", "document", "video", "audio", "toolResult", "cachePoint"},
    "assistant": {"text", "toolUse", "reasoningContent", "cachePoint"},
    "system": {"text", "cachePoint"},
}
IN_RESULTS = {"text", "image", "document", "video"}


def broken(body: dict[str, Any], traits: Traits) -> list[str]:
    """What is wrong with a Converse body's conversation; nothing for one that Bedrock takes."""
    messages = body["messages"]
    return [
        *_turns(messages, traits),
        *(complaint for message in messages for complaint in _blocks(message, traits)),
        *_pairs(messages),
        *_points(body),
        *(["tool blocks without toolConfig"] if _has_tools(messages) and "toolConfig" not in body else []),
        *_ending(messages[-1], traits, "toolConfig" in body),
    ]


def _turns(messages: list[dict[str, Any]], traits: Traits) -> Iterator[str]:
    if messages[0]["role"] != "user":
        yield "the first turn is not the user's"
    for before, after in pairwise(messages):
        if before["role"] == after["role"]:
            yield f"two {after['role']} turns in a row"
    if not traits.system_role and any(message["role"] == "system" for message in messages):
        yield "a system turn"


def _blocks(message: dict[str, Any], traits: Traits) -> Iterator[str]:
    content = message["content"]
    kinds = [next(iter(block)) for block in content]
    if not content or any(len(block) != 1 for block in content):
        yield "an empty turn, or a block of two kinds"
    if set(kinds) - PLACES[message["role"]]:
        yield f"{set(kinds) - PLACES[message['role']]} in a {message['role']} turn"
    if "document" in kinds and "text" not in kinds:
        yield "a document without text"
    if "reasoningContent" in kinds and kinds[0] != "reasoningContent":
        yield "reasoning that is not first"
    if all(kind in ("reasoningContent", "cachePoint") for kind in kinds):
        yield "a turn that says nothing"
    for block in content:
        if "text" in block and not block["text"].strip():
            yield "blank text"
        if "reasoningContent" in block:
            yield from _reasoning(block["reasoningContent"], traits)
        if "toolUse" in block:
            yield from _call(block["toolUse"])
        if "toolResult" in block:
            yield from _result(block["toolResult"], traits)


def _reasoning(block: dict[str, Any], traits: Traits) -> Iterator[str]:
    text = block.get("reasoningText")
    if traits.replay == "no":
        yield "reasoning for a model that takes none back"
    elif text is None and traits.replay not in ("signed", "redacted"):
        yield "sealed reasoning for another vendor's model"
    elif text is not None and traits.replay == "redacted":
        yield "reasoning as text for a model that takes encrypted reasoning only"
    elif text is not None and ("signature" in text) != (traits.replay == "signed"):
        yield "a signature missing, or too many"


def _call(call: dict[str, Any]) -> Iterator[str]:
    if not ID.fullmatch(call["toolUseId"]) or not NAME.fullmatch(call["name"]) or not isinstance(call["input"], dict):
        yield f"a call that Converse refuses: {call}"


def _result(result: dict[str, Any], traits: Traits) -> Iterator[str]:
    kinds = {kind for block in result["content"] for kind in block}
    if not result["content"] or kinds - IN_RESULTS:
        yield f"a result of {kinds}"
    if "image" in kinds and not traits.tool_result_images:
        yield "an image in a result"
    if any(not block.get("text", "x").strip() for block in result["content"]):
        yield "blank text in a result"


def _pairs(messages: list[dict[str, Any]]) -> Iterator[str]:
    seen: set[str] = set()
    asked: list[str] = []
    for message in messages:
        content = message["content"]
        answered = [block["toolResult"]["toolUseId"] for block in content if "toolResult" in block]
        if answered != asked:
            yield f"asked {asked}, answered {answered}"
        if any("toolResult" not in block for block in content[: len(answered)]):
            yield "something before the results"
        asked = [block["toolUse"]["toolUseId"] for block in content if "toolUse" in block]
        if len(set(asked)) < len(asked) or seen & set(asked):
            yield f"an id used twice: {asked}"
        seen |= set(asked)
    if asked:
        yield "calls at the end"


def _points(body: dict[str, Any]) -> Iterator[str]:
    lists = [body.get("toolConfig", {}).get("tools", []), body.get("system", [])]
    lists += [message["content"] for message in body["messages"]]
    if sum("cachePoint" in block for blocks in lists for block in blocks) > 4:
        yield "more than four cache points"
    for blocks in lists:
        if blocks and "cachePoint" in blocks[0]:
            yield "a cache point at the start"
        for before, after in pairwise(blocks):
            if "cachePoint" in after and ("cachePoint" in before or "reasoningContent" in before):
                yield "a cache point behind another, or behind reasoning"


def _ending(last: dict[str, Any], traits: Traits, tools: bool) -> Iterator[str]:
    if last["role"] == "user":
        return
    if last["role"] == "system" or tools or not traits.prefill:
        yield "the last word is not the user's"
    said = [block["text"] for block in last["content"] if "text" in block]
    if said[-1] != said[-1].rstrip():
        yield "a prefill that ends in blanks"


def _has_tools(messages: list[dict[str, Any]]) -> bool:
    return any("toolUse" in block or "toolResult" in block for message in messages for block in message["content"])
