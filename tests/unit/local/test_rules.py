"""One row per semantic rule: a body that breaks it, and the text that says so; and bodies that break none."""

import base64
import json
from typing import Any

import pytest

from local.behaviour.reasoning import seal, sign
from local.rules import violations
from tests.unit.local.asking import CLAUDE, NOVA, WEATHER, assistant, tool, tool_result, tool_use, tools, user

OPUS_5 = "us.anthropic.claude-opus-5"
OPUS_48 = "us.anthropic.claude-opus-4-8"
OPUS_55 = "us.anthropic.claude-opus-5-5"
HAIKU_35 = "us.anthropic.claude-3-5-haiku-20241022-v1:0"
SONNET_4 = "us.anthropic.claude-sonnet-4-20250514-v1:0"
OPUS_45 = "us.anthropic.claude-opus-4-5-20251101-v1:0"
SONNET_46 = "us.anthropic.claude-sonnet-4-6"
GPT = "us.openai.gpt-5.6-sol"
GPT_61 = "us.openai.gpt-6.1-sol"
GROK = "us.xai.grok-4.7"
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"
OSS = "openai.gpt-oss-20b-1:0"
R1 = "us.deepseek.r1-v1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
MICRO = "amazon.nova-micro-v1:0"
QWEN = "qwen.qwen3-32b-v1:0"

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()
BUDGET = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
ADAPTIVE = {"thinking": {"type": "adaptive"}}
POINT: dict[str, Any] = {"cachePoint": {"type": "default"}}
HOUR: dict[str, Any] = {"cachePoint": {"type": "default", "ttl": "1h"}}
FIVE: dict[str, Any] = {"cachePoint": {"type": "default", "ttl": "5m"}}


def body(*messages: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"messages": list(messages) or [user("hi")], **members}


def loop(*leading: dict[str, Any], **members: Any) -> dict[str, Any]:
    return body(user("hi"), assistant(*leading, tool_use()), user(tool_result()), toolConfig=tools(), **members)


def reasoning(text: str = "hm", signature: str | None = None) -> dict[str, Any]:
    inner = {"text": text} | ({"signature": signature} if signature else {})
    return {"reasoningContent": {"reasoningText": inner}}


def image(kind: str = "png", data: str = PNG) -> dict[str, Any]:
    return {"image": {"format": kind, "source": {"bytes": data}}}


def document(name: str = "notes") -> dict[str, Any]:
    return {"document": {"format": "txt", "name": name, "source": {"bytes": "YWJj"}}}


def text_format(schema: Any) -> dict[str, Any]:
    text = schema if isinstance(schema, str) else json.dumps(schema)
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": text, "name": "n"}}}}


def fields(**native: Any) -> dict[str, Any]:
    return body(additionalModelRequestFields=native)


def inference(**members: Any) -> dict[str, Any]:
    return body(inferenceConfig=members)


def choice(kind: str, **members: Any) -> dict[str, Any]:
    chosen = {"name": "get_weather"} if kind == "tool" else {}
    return body(toolConfig={**tools(), "toolChoice": {kind: chosen}}, **members)


def strict() -> dict[str, Any]:
    entry = tool()
    entry["toolSpec"]["strict"] = True
    return body(toolConfig={"tools": [entry]})


CLOSED = {"type": "object", "properties": {}, "additionalProperties": False}
RESULT_IMAGE = {"toolResult": {"toolUseId": "t1", "content": [image()]}}
EMPTY_ERROR = {"toolResult": {"toolUseId": "t1", "content": [], "status": "error"}}
LIST_RESULT = {"toolResult": {"toolUseId": "t1", "content": [{"json": [1]}]}}

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
]

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

SAMPLING = [
    (
        CLAUDE,
        inference(temperature=0.5, topP=0.9),
        "`temperature` and `top_p` cannot both be specified for this model.",
    ),
    (OPUS_5, inference(temperature=0.5), "`temperature` is deprecated for this model."),
    (OPUS_5, inference(topP=0.5), "`top_p` is deprecated for this model."),
    (OPUS_5, fields(top_k=5), "`top_k` is deprecated for this model."),
    (GPT, inference(temperature=1), "doesn't support the inferenceConfig.temperature field"),
    (GPT, inference(topP=1), "doesn't support the inferenceConfig.topP field"),
    (GPT, inference(stopSequences=["x"]), "This model doesn't support the stopSequences field."),
    (GROK, inference(stopSequences=["x"]), "This model doesn't support the stopSequences field."),
    (NOVA, inference(stopSequences=list("abcde")), "exceeds the model limit of 4"),
    (CLAUDE, inference(stopSequences=["\n"]), "each stop sequence must contain non-whitespace"),
    (NOVA, inference(stopSequences=[""]), "must not be empty"),
    (GPT, inference(maxTokens=5), "Expected a value >= 16, but got 5 instead"),
    (NOVA, inference(maxTokens=10_001), "The maximum tokens you requested exceeds the model limit of 10000."),
]

THINKING = [
    (HAIKU_35, fields(**BUDGET), "thinking: Extra inputs are not permitted"),
    (OPUS_5, fields(**BUDGET), '"thinking.type.enabled" is not supported for this model'),
    (CLAUDE, fields(**ADAPTIVE), "adaptive thinking is not supported"),
    (OPUS_55, fields(thinking={"type": "disabled"}), '"thinking.type.disabled" is not supported'),
    (CLAUDE, fields(thinking={"type": "on"}), "Input tag does not match"),
    (CLAUDE, fields(thinking={"type": "enabled"}), "budget_tokens: Field required"),
    (CLAUDE, fields(thinking={"type": "enabled", "budget_tokens": 10}), "greater than or equal to 1024"),
    (CLAUDE, {**fields(**BUDGET), "inferenceConfig": {"maxTokens": 1024}}, "`max_tokens` must be greater than"),
    (CLAUDE, {**fields(**BUDGET), "inferenceConfig": {"temperature": 0.2}}, "`temperature` may only be set to 1"),
    (CLAUDE, {**fields(**BUDGET), "inferenceConfig": {"topP": 0.2}}, "`top_p` must be greater than or equal to 0.95"),
    (CLAUDE, fields(**BUDGET, top_k=3), "`top_k` must be unset when thinking"),
    (CLAUDE, {**fields(**BUDGET), "messages": [user("a"), assistant("b")]}, "not supported when thinking is enabled"),
    (
        CLAUDE,
        loop(additionalModelRequestFields=BUDGET),
        "Expected `thinking` or `redacted_thinking`, but found `tool_use`",
    ),
    (CLAUDE, loop({"text": "words"}, additionalModelRequestFields=BUDGET), "but found `text`"),
    (CLAUDE, loop(reasoning("hm", sign("hm!"))), "messages.1.content.0: Invalid `signature` in `thinking` block"),
    (CLAUDE, loop(reasoning("hm")), "thinking.signature: Field required"),
    (CLAUDE, loop({"reasoningContent": {"redactedContent": "YWJj"}}), "Invalid `data` in `redacted_thinking` block"),
    (R1, body(user("a"), assistant(reasoning(), "b"), user("c")), "doesn't support the reasoningContent field"),
    (NOVA, body(user("a"), assistant(reasoning(), "b"), user("c")), "doesn't support the reasoningContent field"),
    (OSS, body(user("a"), assistant(reasoning("hm", "sig"), "b"), user("c")), "reasoningText.signature field"),
    (
        OSS,
        body(user("a"), assistant({"reasoningContent": {"redactedContent": seal("x")}}, "b"), user("c")),
        "redactedContent",
    ),
]

FIELDS = [
    (CLAUDE, body(additionalModelRequestFields=[1]), "Provide a json object for the field"),
    (CLAUDE, fields(reasoning_effort="low"), "reasoning_effort: Extra inputs are not permitted"),
    (
        R1,
        fields(reasoning_effort="low"),
        "extraneous key [reasoning_effort] is not permitted, please reformat your input",
    ),
    (NOVA, fields(anthropic_beta=["x"]), "extraneous key [anthropic_beta] is not permitted"),
    (CLAUDE, fields(anthropic_beta=["prompt-caching-2024-07-31"]), "invalid beta flag"),
    (CLAUDE, fields(anthropic_beta="x"), "anthropic_beta: Input should be a valid list"),
    (CLAUDE, fields(output_config={"effort": "low"}), "does not support the effort parameter"),
    (OPUS_45, fields(output_config={"effort": "low"}), "output_config: Extra inputs are not permitted"),
    (SONNET_46, fields(output_config={"effort": "xhigh"}), "output_config.effort: Input should be one of 'low'"),
    (
        OPUS_5,
        {**fields(output_config={"effort": "low"}), "outputConfig": {"effort": "low"}},
        "not both",
    ),
    (NOVA, body(outputConfig={"effort": "low"}), "doesn't support the outputConfig.effort field"),
    (OSS, fields(reasoning_effort="minimal"), "reasoning_effort: Input should be one of"),
    (GROK, fields(reasoning_effort="none"), "reasoning_effort: Input should be one of"),
    (GPT, fields(reasoning={"effort": "minimal"}), "reasoning.effort: Input should be one of"),
    (GPT_61, fields(reasoning={"effort": "none"}), "reasoning.effort: Input should be one of"),
    (NOVA_2, fields(reasoningConfig={"type": "on"}), "reasoningConfig.type: must be one of"),
    (
        NOVA_2,
        fields(reasoningConfig={"type": "enabled", "maxReasoningEffort": "max"}),
        "maxReasoningEffort: Input should",
    ),
    (
        NOVA_2,
        {
            **fields(reasoningConfig={"type": "enabled", "maxReasoningEffort": "high"}),
            "inferenceConfig": {"maxTokens": 9},
        },
        "maxTokens must be unset",
    ),
]

STRUCTURED = [
    (OPUS_5, body(outputConfig=text_format(CLOSED)), "output_config.format: Extra inputs are not permitted"),
    (NOVA, body(outputConfig=text_format(CLOSED)), "doesn't support the outputConfig.textFormat field"),
    (CLAUDE, body(outputConfig=text_format("{")), "is not a valid JSON Schema"),
    (CLAUDE, body(outputConfig=text_format([1])), "Input should be an object"),
    (
        CLAUDE,
        body(outputConfig=text_format({"type": "object"})),
        "'additionalProperties' must be explicitly set to false",
    ),
    (
        CLAUDE,
        body(outputConfig=text_format({**CLOSED, "properties": {"a": {"items": {"type": ["object", "null"]}}}})),
        "'additionalProperties' must be explicitly set to false",
    ),
    (CLAUDE, body(outputConfig=text_format({"$ref": "https://example.com"})), "External references are not supported"),
    (OPUS_48, fields(output_config={"format": {"schema": {"type": "object"}}}), "must be explicitly set to false"),
]


@pytest.mark.parametrize(
    ("model", "posted", "expected"),
    [*TURNS, *TOOL_TURNS, *TOOLS, *MEDIA, *CACHING, *SAMPLING, *THINKING, *FIELDS, *STRUCTURED],
)
def test_a_broken_rule_is_named_in_aws_words(model: str, posted: dict[str, Any], expected: str) -> None:
    assert any(expected in text for text in violations(model, posted)), violations(model, posted)


@pytest.mark.parametrize("model", [LLAMA, R1, "us.writer.palmyra-x5-v1:0"])
def test_some_families_do_not_stream_with_tools(model: str) -> None:
    assert violations(model, body(toolConfig=tools())) == []
    assert violations(model, body(toolConfig=tools()), streaming=True) == [
        "This model doesn't support tool use in streaming mode."
    ]


@pytest.mark.parametrize(
    ("model", "posted"),
    [
        (CLAUDE, body(user("a"), assistant("b"), user("c"))),
        (CLAUDE, loop(reasoning("hm", sign("hm")), additionalModelRequestFields=BUDGET)),
        (CLAUDE, loop({"reasoningContent": {"redactedContent": seal("hm")}}, additionalModelRequestFields=BUDGET)),
        (CLAUDE, body(user("a"), assistant(tool_use()), user(tool_result(text=""), "more"), toolConfig=tools())),
        (CLAUDE, strict()),
        (CLAUDE, body(user("a", HOUR, "b", FIVE))),
        (CLAUDE, body(outputConfig=text_format({"$defs": {"a": CLOSED}, **CLOSED}))),
        (OPUS_5, inference(temperature=1)),
        (OPUS_5, body(user("a"), {"role": "system", "content": [{"text": "b"}]})),
        (OPUS_48, choice("tool", additionalModelRequestFields=ADAPTIVE)),
        (OPUS_45, fields(output_config={"effort": "low"}, anthropic_beta=["effort-2025-11-24"])),
        (OSS, body(user("a"), assistant(reasoning(), "b"), user("c"))),
        (NOVA, choice("tool")),
        (NOVA_2, fields(reasoningConfig={"type": "disabled"})),
        (GPT, fields(reasoning={"effort": "none"})),
        (QWEN, body(outputConfig=text_format(CLOSED))),
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6", body()),
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", body()),
        ("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/p1r2o3v4i5s6", body()),
    ],
)
def test_what_aws_takes_breaks_no_rule(model: str, posted: dict[str, Any]) -> None:
    assert violations(model, posted) == []
