"""Rules about what a model can do: one row per rule, a body that breaks it and the text that says so."""

from typing import Any

import pytest

from local.behaviour.reasoning import seal, sign
from local.rules import violations
from tests.unit.local.asking import CLAUDE, NOVA, assistant, tool_result, tool_use, tools, user
from tests.unit.local.bodies import (
    ADAPTIVE,
    BUDGET,
    CLOSED,
    FIVE,
    GPT,
    GPT_61,
    GROK,
    HAIKU_35,
    HOUR,
    NOVA_2,
    OPUS_5,
    OPUS_45,
    OPUS_48,
    OPUS_55,
    OSS,
    QWEN,
    R1,
    SONNET_46,
    body,
    choice,
    fields,
    inference,
    loop,
    reasoning,
    redacted,
    strict,
    text_format,
)

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
    (CLAUDE, loop(redacted(seal("x", "OpenAI"))), "Invalid `data` in `redacted_thinking` block"),
    (CLAUDE, loop(reasoning("hm", "\u00e9")), "Invalid `signature` in `thinking` block"),
    (GPT, loop(redacted(seal("x"))), "encrypted content could not be verified"),
    (GROK, loop(redacted(seal("x", "OpenAI"))), "encrypted content could not be verified"),
    (
        GPT,
        loop(reasoning("hm", sign("hm"))),
        "reasoningContent.reasoningText.text field for assistant messages. Remove",
    ),
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
    (CLAUDE, body(outputConfig=text_format({**CLOSED, "properties": 5})), "Invalid value for 'properties'"),
    (CLAUDE, body(outputConfig=text_format({**CLOSED, "anyOf": {}})), "Invalid value for 'anyOf'"),
    (CLAUDE, body(outputConfig=text_format({"$ref": "https://example.com"})), "External references are not supported"),
    (OPUS_48, fields(output_config={"format": {"schema": {"type": "object"}}}), "must be explicitly set to false"),
]


@pytest.mark.parametrize(
    ("model", "posted", "expected"),
    [*SAMPLING, *THINKING, *FIELDS, *STRUCTURED],
)
def test_a_broken_rule_is_named_in_aws_words(model: str, posted: dict[str, Any], expected: str) -> None:
    assert any(expected in text for text in violations(model, posted)), violations(model, posted)


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
        (GPT, loop(redacted(seal("hm", "OpenAI")))),
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
