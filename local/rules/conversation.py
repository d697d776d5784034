"""Rules about turns: who speaks when, and that what is said is not blank."""

from collections.abc import Iterator
from itertools import pairwise

from local.rules.asked import Asked, Block, model_says

_SYSTEM_TURN_BLOCKS = frozenset(("text", "toolAddition", "toolRemoval", "cachePoint"))
_START = "A conversation must start with a user message. Try again with a conversation that starts with a user message."
_USER_ONLY = ("toolResult", "image", "document", "video", "audio")
_ASSISTANT_ONLY = ("toolUse", "reasoningContent")


def broken(asked: Asked) -> Iterator[str]:
    """Violations among roles, empty turns, blank texts and the last turn."""
    if not asked.messages:
        yield "messages: at least one message is required"
        return
    if asked.messages[0]["role"] != "user":
        yield _START
    yield from _alternation(asked)
    yield from _system_turns(asked)
    yield from _blank(asked)
    yield from _misplaced(asked)
    if asked.messages[-1]["role"] == "assistant":
        yield from _prefill(asked, asked.messages[-1])


def _alternation(asked: Asked) -> Iterator[str]:
    for first, second in pairwise(asked.messages):
        if first["role"] == second["role"]:
            yield model_says(
                'messages: roles must alternate between "user" and "assistant", but found multiple '
                f'"{first["role"]}" roles in a row'
            )


def _system_turns(asked: Asked) -> Iterator[str]:
    for number, message in enumerate(asked.messages):
        if message["role"] != "system":
            continue
        if not asked.facts.system_turns:
            yield f"messages.{number}.role: This model doesn't support the system role in messages."
        for block in message["content"]:
            if not _SYSTEM_TURN_BLOCKS.issuperset(block):
                yield f"messages.{number}: a system message can't contain {next(iter(block))} blocks."
    for path, role, block in asked.blocks():
        if role != "system" and ("toolAddition" in block or "toolRemoval" in block):
            yield f"{path}: toolAddition and toolRemoval are only allowed in a system message."


def _blank(asked: Asked) -> Iterator[str]:
    for number, message in enumerate(asked.messages):
        if not message["content"]:
            yield (
                f"The content field in the Message object at messages.{number} is empty. "
                "Add a ContentBlock object to the content field and try again."
            )
    for path, _role, block in asked.blocks():
        if "text" in block and not block["text"].strip():
            yield _blank_text("ContentBlock", path)
    for index, block in enumerate(asked.body.get("system") or []):
        if "text" in block and not block["text"].strip():
            yield _blank_text("SystemContentBlock", f"system.{index}")


def _blank_text(kind: str, path: str) -> str:
    return f"The text field in the {kind} object at {path} is blank. Add text to the text field, and try again."


def _misplaced(asked: Asked) -> Iterator[str]:
    for path, role, block in asked.blocks():
        barred = {"user": _ASSISTANT_ONLY, "assistant": _USER_ONLY}.get(role, ())
        for name in barred:
            if name in block:
                yield f"The {name} block at {path} isn't allowed in a message with the role {role}."


def _prefill(asked: Asked, last: Block) -> Iterator[str]:
    texts = [block["text"] for block in last["content"] if "text" in block]
    if not asked.facts.prefill:
        yield model_says(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
    elif asked.tools:
        yield (
            "Your API request included an `assistant` message in the final position, which would pre-fill the "
            "`assistant` response. When using tools, pre-filling the `assistant` response is not supported."
        )
    elif texts and asked.facts.is_claude and texts[-1] != texts[-1].rstrip():
        yield model_says("messages: final assistant content cannot end with trailing whitespace")
