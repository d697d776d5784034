"""Rules about what is said: one row per rule, a body that breaks it and the text that says so."""

from base64 import b64encode
from typing import Any

import pytest

from local.behaviour.reasoning import sign
from local.rules import violations
from tests.contract.words import png
from tests.unit.local.asking import CLAUDE, NOVA, WEATHER, assistant, tool, tool_result, tool_use, tools, user
from tests.unit.local.bodies import (
    BUDGET,
    EMPTY_ERROR,
    FIVE,
    GPT,
    GROK,
    HOUR,
    LIST_RESULT,
    LLAMA,
    MICRO,
    OPUS_5,
    OPUS_55,
    OSS,
    POINT,
    R1,
    RESULT_IMAGE,
    SONNET_4,
    SONNET_46,
    body,
    choice,
    document,
    image,
    reasoning,
    strict,
)

TURNS = [
    ("nothing.at-all", body(), "The provided model identifier is invalid."),
    (
        "anthropic.claude-opus-5",
        body(),
        "with on-demand throughput isn’t supported. Retry your request with the ID or ARN",
    ),
    (CLAUDE, {"messages": []}, "at least one message is required"),
    (CLAUDE, body(assistant("hi")), "A conversation must start with a user message."),
    (CLAUDE, body(user("a"), user("b")), "roles must alternate"),
    (
        CLAUDE,
        body(user(" ")),
        "The text field in the ContentBlock object at messages.0.content.0 is blank. Add text to",
    ),
    (CLAUDE, body(user()), "The content field in the Message object at messages.0 is empty."),
    (CLAUDE, body(system=[{"text": "\n"}]), "The text field in the SystemContentBlock object at system.0 is blank."),
    (CLAUDE, body(user("a"), {"role": "system", "content": [{"text": "b"}]}), "doesn't support the system role"),
    (OPUS_5, body(user("a"), {"role": "system", "content": [image()]}), "a system message can't contain image"),
    (CLAUDE, body(user({"toolRemoval": {"tool": {}}})), "only allowed in a system message"),
    (CLAUDE, body(user(tool_use()), toolConfig=tools()), "The toolUse block at messages.0.content.0 isn't allowed"),
    (CLAUDE, body(user("a"), assistant(image())), "The image block at messages.1.content.0 isn't allowed"),
    (SONNET_46, body(user("a"), assistant("b")), "does not support assistant message prefill"),
    (CLAUDE, body(user("a"), assistant("b ")), "final assistant content cannot end with trailing whitespace"),
    (CLAUDE, body(user("a"), assistant("b"), toolConfig=tools()), "When using tools, pre-filling"),
]

TOOL_TURNS = [
    (CLAUDE, body(user("a"), assistant(tool_use()), user(tool_result())), "The toolConfig field must be defined when"),
    (CLAUDE, body(user("a"), assistant(tool_use()), user("b"), toolConfig=tools()), "Expected toolResult blocks at "),
    (CLAUDE, body(user("a"), assistant(tool_use()), toolConfig=tools()), "for the following Ids: t1"),
    (
        CLAUDE,
        body(user("a"), assistant(tool_use(), tool_use("t2")), user(tool_result()), toolConfig=tools()),
        "Expected toolResult blocks at messages.2.content for the following Ids: t2",
    ),
    (CLAUDE, body(user(tool_result()), toolConfig=tools()), "exceeds the number of toolUse blocks of previous turn"),
    (
        CLAUDE,
        body(user("a"), assistant(tool_use(), tool_use("t2")), user(tool_result(), tool_result()), toolConfig=tools()),
        "Found multiple `tool_result` blocks with the same id",
    ),
    (
        CLAUDE,
        body(user("a"), assistant(tool_use()), user("b", tool_result()), toolConfig=tools()),
        "The results must come before any other content",
    ),
    (
        CLAUDE,
        body(user("a"), assistant(tool_use(), tool_use()), user(tool_result()), toolConfig=tools()),
        "`tool_use` ids must be unique",
    ),
    (
        CLAUDE,
        body(
            user("a"),
            assistant({"toolUse": {"toolUseId": "t1", "name": "f", "input": "{}"}}),
            user(tool_result()),
            toolConfig=tools(),
        ),
        "The format of the value at messages.1.content.0.toolUse.input is invalid. Provide a json object",
    ),
    (
        CLAUDE,
        body(user("a"), assistant(tool_use()), user(EMPTY_ERROR), toolConfig=tools()),
        "cannot be empty when status",
    ),
    (
        CLAUDE,
        body(user("a"), assistant(tool_use()), user(LIST_RESULT), toolConfig=tools()),
        "content.0.json is invalid",
    ),
    (
        GPT,
        body(user("a"), assistant(tool_use()), user(RESULT_IMAGE), toolConfig=tools()),
        "image content block in toolRes",
    ),
]

TOOLS = [
    (CLAUDE, body(toolConfig={"tools": [tool(), tool()]}), "Tool names must be unique"),
    (CLAUDE, body(toolConfig={"tools": [tool(schema={"properties": {}})]}), "must be one of the following: object"),
    (
        CLAUDE,
        body(toolConfig={"tools": [tool(schema={**WEATHER, "anyOf": []})]}),
        "oneOf, allOf, or anyOf at the top level",
    ),
    (SONNET_4, strict(), "tools.0.custom.strict: Extra inputs are not permitted"),
    (NOVA, strict(), "doesn't support the toolConfig.tools.0.toolSpec.strict field"),
    (
        LLAMA,
        choice("any"),
        "This model doesn't support the toolConfig.toolChoice.any field. Remove toolConfig.toolChoice",
    ),
    (OSS, choice("auto"), "This model doesn't support the toolConfig.toolChoice field"),
    (OPUS_55, choice("tool"), "doesn't support the toolConfig.toolChoice.tool field"),
    (CLAUDE, choice("any", additionalModelRequestFields=BUDGET), "Thinking may not be enabled when tool_choice forces"),
    (CLAUDE, body(toolConfig={**tools(), "toolChoice": {"tool": {"name": "x"}}}), "must match the name of a tool"),
    (CLAUDE, body(toolConfig={"tools": [POINT]}), "must contain at least one tool"),
    (
        CLAUDE,
        choice(
            "auto", additionalModelRequestFields={"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
        ),
        "not in both",
    ),
    (
        GROK,
        body(toolConfig={"tools": [tool(schema={"type": "object", "properties": {"a": {"pattern": "(?=x)"}}})]}),
        "regex lookaround is not supported",
    ),
    (
        NOVA,
        body(toolConfig={"tools": [tool(schema={"type": "object", "properties": {"filter[id]": {}}})]}),
        "Property keys should match pattern '^[a-zA-Z0-9_.-]{1,64}$'",
    ),
]


def wide(width: int) -> str:
    """A PNG of this width, in base64."""
    return b64encode(png(width, 1)).decode()


MEDIA = [
    (MICRO, body(user("a", image())), "doesn't support the image field"),
    (CLAUDE, body(user("a", {"video": {"format": "mp4", "source": {"bytes": ""}}})), "doesn't support the video field"),
    (
        CLAUDE,
        body(user("a", image("jpeg"))),
        "specified using the image/jpeg media type, but the image appears to be a image",
    ),
    (CLAUDE, body(user("a", image(data="YWJj"))), "Could not process image"),
    (CLAUDE, body(user("a", image(data="A" * 5_300_000))), "image exceeds 3.75 MB maximum"),
    (CLAUDE, body(user("a", *([image()] * 21))), "more than 20 images"),
    (CLAUDE, body(user("a", image(data=wide(8001)))), "exceed max allowed size: 8000 pixels"),
    (
        CLAUDE,
        body(user("a", image(data=wide(2001))), assistant("b"), user("c", *([image()] * 20))),
        "exceed max allowed size for many-image requests: 2000 pixels",
    ),
    (CLAUDE, body(user(document())), "Add a text block to the message"),
    (
        CLAUDE,
        body(user("a", document("report.pdf"))),
        "The document file name can only contain alphanumeric characters",
    ),
    (CLAUDE, body(user("a", document("two  spaces"))), "more than one consecutive whitespace character"),
    (CLAUDE, body(user("a", document(), document())), "Messages can't contain duplicate document names."),
    (CLAUDE, body(user("a", *(document(f"d{n}") for n in range(6)))), "You can't include more than 5 documents"),
]

CACHING = [
    (OSS, body(system=[{"text": "a"}, POINT]), "your request did not allow prompt caching"),
    (
        CLAUDE,
        body(user(*[block for _ in range(5) for block in ({"text": "a"}, POINT)])),
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    (CLAUDE, body(user("a", FIVE, "b", HOUR)), "must not come after a ttl='5m'"),
    (SONNET_4, body(user("a", HOUR)), "doesn't support the cachePoint.ttl field"),
    (NOVA, body(toolConfig={"tools": [tool(), POINT]}), "cachePoint field in toolConfig"),
    (CLAUDE, body(user(POINT, "a")), "must come after another block"),
    (CLAUDE, body(user("a", POINT, POINT)), "must come after another block"),
    (
        CLAUDE,
        body(user("a"), assistant(reasoning("hm", sign("hm")), POINT, "b"), user("c")),
        "thinking.cache_control: Extra inputs are not permitted",
    ),
]


@pytest.mark.parametrize(
    ("model", "posted", "expected"),
    [*TURNS, *TOOL_TURNS, *TOOLS, *MEDIA, *CACHING],
)
def test_a_broken_rule_is_named_in_aws_words(model: str, posted: dict[str, Any], expected: str) -> None:
    assert any(expected in text for text in violations(model, posted)), violations(model, posted)


@pytest.mark.parametrize("model", [LLAMA, R1, "us.writer.palmyra-x5-v1:0"])
def test_some_families_do_not_stream_with_tools(model: str) -> None:
    assert violations(model, body(toolConfig=tools())) == []
    assert violations(model, body(toolConfig=tools()), streaming=True) == [
        "This model doesn't support tool use in streaming mode."
    ]
