"""Rules about tool calls in the history: each one answered at once, by exactly its result."""

from collections.abc import Iterator

from local.rules.asked import Asked, Block, model_says

_TOOL_CONFIG = "The toolConfig field must be defined when using toolUse and toolResult content blocks."


def broken(asked: Asked) -> Iterator[str]:
    """Violations among toolUse and toolResult blocks."""
    tool_blocks = [block for _, _, block in asked.blocks() if "toolUse" in block or "toolResult" in block]
    if not tool_blocks:
        return
    if not asked.tools:
        yield _TOOL_CONFIG
    pending: list[str] = []
    for number, message in enumerate(asked.messages):
        yield from _answers(message, number, pending)
        pending = _called(message)
        if len(set(pending)) < len(pending):
            yield model_says(f"messages.{number}: `tool_use` ids must be unique")
    if pending:
        yield _unanswered(len(asked.messages), pending)
    for path, _role, block in asked.blocks():
        if "toolUse" in block:
            yield from _call(block["toolUse"], path)
        if "toolResult" in block:
            yield from _result(asked, block["toolResult"], path)


def _answers(message: Block, number: int, pending: list[str]) -> Iterator[str]:
    """The results of one message against the calls of the message before it."""
    results = [block["toolResult"]["toolUseId"] for block in message["content"] if "toolResult" in block]
    missing = [call_id for call_id in pending if call_id not in results]
    if missing:
        yield _unanswered(number, missing)
    if len(results) > len(pending) or set(results) - set(pending):
        yield (
            f"The number of toolResult blocks at messages.{number}.content exceeds the number of toolUse blocks "
            "of previous turn."
        )
    elif len(set(results)) < len(results):
        yield model_says(f"messages.{number}: each `tool_use` must have a single result. Found multiple "
                         "`tool_result` blocks with the same id")  # fmt: skip
    kinds = ["toolResult" in block for block in message["content"]]
    if pending and kinds != sorted(kinds, reverse=True):
        yield model_says(
            f"messages.{number}: `tool_use` ids were found without `tool_result` blocks immediately after: "
            f"{', '.join(pending)}. The results must come before any other content."
        )


def _unanswered(number: int, missing: list[str]) -> str:
    return f"Expected toolResult blocks at messages.{number}.content for the following Ids: {', '.join(missing)}"


def _called(message: Block) -> list[str]:
    return [
        block["toolUse"]["toolUseId"]
        for block in message["content"]
        if "toolUse" in block and block["toolUse"].get("type") != "server_tool_use"
    ]


def _call(tool_use: Block, path: str) -> Iterator[str]:
    if not isinstance(tool_use["input"], dict):
        yield (
            f"The format of the value at {path}.toolUse.input is invalid. "
            "Provide a json object for the field and try again."
        )


def _result(asked: Asked, result: Block, path: str) -> Iterator[str]:
    content = result["content"]
    if not content and result.get("status") == "error":
        yield f"The content field at {path}.toolResult cannot be empty when status value is error."
    for index, block in enumerate(content):
        if "json" in block and not isinstance(block["json"], dict):
            yield (
                f"The format of the value at {path}.toolResult.content.{index}.json is invalid. "
                "Provide a json object for the field and try again."
            )
        if "image" in block and not asked.facts.tool_result_images:
            yield (
                "This model doesn't support the image content block in toolResult. "
                f"Remove {path}.toolResult.content.{index}.image and try again."
            )
