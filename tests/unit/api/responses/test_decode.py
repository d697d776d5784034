"""From a body to a prompt: what each field becomes, and what is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from app.api.responses.decode import decode, references
from app.api.responses.sealed import seal
from app.core.prompt import (
    CachePoint,
    Caching,
    Guardrail,
    Media,
    Message,
    Reasoning,
    ResponseFormat,
    Sampling,
    Text,
    ToolCall,
    ToolResult,
)
from app.errors import GatewayError, InvalidRequest, NotFound
from tests.unit.api.responses.bodies import CODEX_FIRST, MODEL, WEATHER, codex_second, decoded, message


def refused(**fields: Any) -> tuple[int, str | None, str | None]:
    with pytest.raises(GatewayError) as caught:
        decoded(**fields)
    return caught.value.status, caught.value.param, caught.value.code


def test_text_is_a_question() -> None:
    how = decoded()
    assert how.prompt.messages == (Message("user", (Text("Hello"),)),)
    (item,) = how.input_items
    assert item.pop("id").startswith("msg_")
    content = [{"type": "input_text", "text": "Hello"}]
    assert item == {"type": "message", "status": "completed", "role": "user", "content": content}
    assert (how.store, how.stream, how.background, how.summary, how.truncate) == (True, False, False, False, False)
    assert (how.previous_response_id, how.conversation, how.include) == ("", "", frozenset())


def test_codex_begins() -> None:
    how = decode(CODEX_FIRST)
    roles = [(turn.role, turn.parts) for turn in how.prompt.messages]
    assert roles == [
        ("system", (Text("Keep your answers short: only what is needed, without preamble."),)),
        ("system", (Text("You are Codex."),)),
        ("system", (Text("<permissions>"),)),
        ("user", (Text("<environment_context>"), Text("Edit the file."))),
    ]
    assert [tool.name for tool in how.prompt.tools] == [
        "exec_command", "multi_agent_v1__close_agent", "multi_agent_v1__spawn_agent", "apply_patch",
    ]  # fmt: skip
    assert how.prompt.ignored == ("web_search",)
    assert (how.prompt.effort, how.prompt.caching, how.prompt.grounding) == ("medium", Caching(auto=True), False)
    assert (how.stream, how.store, how.summary) == (True, False, True)
    assert [item["id"] for item in how.input_items] == [item["id"] for item in CODEX_FIRST["input"]]
    assert how.echo["tools"] == CODEX_FIRST["tools"]


def test_codex_goes_on() -> None:
    """Reasoning, words and calls in a row are one turn, and so are their results."""
    thought = Reasoning("Hm.", "sig")
    how = decode(codex_second(seal([thought])))
    assert how.prompt.messages[4:] == (
        Message("assistant", (
            thought, Text("I will."),
            ToolCall("call_1", "exec_command", '{"cmd":"ls"}'),
            ToolCall("call_2", "apply_patch", '{"input":"*** B"}'),
            ToolCall("call_3", "multi_agent_v1__close_agent", "{}"),
        )),
        Message("user", (
            ToolResult("call_1", (Text("a.py"),)), ToolResult("call_2", (Text("Done."),)),
            ToolResult("call_3", (Text("closed"),)),
        )),
    )  # fmt: skip
    assert not how.repairs


def test_the_agents_sdk_leaves_types_out() -> None:
    how = decoded(input=[{"content": "Hi", "role": "user"}], instructions="Be kind.", include=[], tools=[])
    assert [turn.role for turn in how.prompt.messages] == ["system", "user"]
    assert how.input_items[0]["type"] == "message"
    assert how.echo["instructions"] == "Be kind."


def test_a_history_comes_before_the_input() -> None:
    history = [message("user", "One", 1), message("assistant", "Two", 2)]
    how = decode({"model": MODEL, "input": "Three", "previous_response_id": "resp_1"}, history=history)
    assert [turn.role for turn in how.prompt.messages] == ["user", "assistant", "user"]
    assert len(how.input_items) == 1
    assert how.previous_response_id == "resp_1"
    assert decode({"model": MODEL}, history=history).input_items == []


def test_references_are_replaced_by_what_they_refer_to() -> None:
    history, kept = [message("user", "One", 1)], {"msg_k": message("assistant", "Kept", 9)}
    body = {"model": MODEL, "input": [
        {"id": "msg_0199-1"}, {"type": "item_reference", "id": "msg_k"}, message("user", "Own", 5), {"id": "msg_0199-5"},
        {"type": None, "id": "msg_k"},
    ]}  # fmt: skip
    assert references(body) == ["msg_0199-1", "msg_k", "msg_0199-5"]
    how = decode(body, history=history, referenced=kept)
    texts = [part.text for turn in how.prompt.messages for part in turn.parts if isinstance(part, Text)]
    assert texts == ["One", "One", "Kept", "Own", "Own"]  # the second time it is there already
    assert [item["type"] for item in how.input_items] == ["message"] * 4
    with pytest.raises(NotFound) as caught:
        decode(body)
    assert (caught.value.param, caught.value.code) == ("input.0.id", "item_not_found")


@pytest.mark.parametrize(
    "body", [None, [], {}, {"input": "x"}, {"input": [None, "x", {"id": 7}, {"role": "user", "id": "a"}]}]
)
def test_a_body_without_references_has_none(body: Any) -> None:
    assert references(body) == []


@pytest.mark.parametrize("fields", [{"input": None}, {"input": []}])
def test_something_has_to_be_asked(fields: dict[str, Any]) -> None:
    assert refused(**fields) == (400, "input", "missing_required_parameter")
    assert decoded(**fields, instructions="Say hello.").prompt.messages[0].role == "system"


def test_a_chat_body_is_told_so() -> None:
    with pytest.raises(InvalidRequest, match="chat completions"):
        decode({"model": MODEL, "messages": []})
    with pytest.raises(ValidationError):
        decode("x")


def test_numbers_and_switches() -> None:
    how = decoded(
        max_output_tokens=5, temperature=0.5, top_p=0.25, top_k=3, parallel_tool_calls=False, truncation="auto",
        metadata={"team": "a"}, user="ann", safety_identifier="bob", service_tier="auto", store=None, background=True,
        conversation={"id": "conv_1"},
    )  # fmt: skip
    assert how.prompt.sampling == Sampling(5, 0.5, 0.25, 3)
    assert (how.prompt.parallel_tool_calls, how.prompt.metadata, how.prompt.user) == (False, {"team": "a"}, "bob")
    assert how.prompt.service_tier is None
    assert (how.truncate, how.store, how.background, how.conversation) == (True, True, True, "conv_1")
    assert how.echo["parallel_tool_calls"] is False
    assert (how.echo["user"], how.echo["temperature"], how.echo["service_tier"]) == ("ann", 0.5, "default")
    assert decoded(conversation="conv_2").conversation == "conv_2"


@pytest.mark.parametrize(("asked", "tier"), [("flex", "flex"), ("ultrafast", "fast"), (None, None)])
def test_tiers(asked: str | None, tier: str | None) -> None:
    how = decoded(service_tier=asked)
    assert how.prompt.service_tier == tier
    assert how.echo["service_tier"] == (asked or "default")


@pytest.mark.parametrize(
    ("fields", "caching"),
    [
        ({}, Caching()),
        ({"prompt_cache_key": "k"}, Caching(auto=True)),
        ({"prompt_cache_retention": "24h"}, Caching(auto=True, ttl="1h")),
        ({"prompt_cache_retention": "in_memory"}, Caching()),
        ({"prompt_cache_options": {"mode": "explicit", "ttl": "30m"}}, Caching(auto=False, ttl="1h")),
        ({"prompt_cache_options": {"mode": "implicit"}}, Caching(auto=True)),
    ],
)
def test_caching(fields: dict[str, Any], caching: Caching) -> None:
    assert decoded(**fields).prompt.caching == caching


def test_a_marked_part_is_a_cache_point() -> None:
    marks = {"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}
    part = {"type": "input_text", "text": "a"} | marks
    items = [{"role": "user", "content": [part]}, {"role": "assistant", "content": [part]},
             {"type": "function_call_output", "call_id": "c", "output": [part]}]  # fmt: skip
    user, assistant, result = decoded(input=items).prompt.messages
    assert user.parts == (Text("a"), CachePoint("1h"))
    assert assistant.parts == (Text("a"),)
    assert result.parts == (ToolResult("c", (Text("a"),)), CachePoint("1h"))
    tool = decoded(tools=[WEATHER | {"cache_control": {"type": "ephemeral"}}]).prompt.tools[0]
    assert tool.cache == CachePoint()


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        (None, None),
        ({"type": "text"}, None),
        ({}, None),
        ({"type": "json_object"}, ResponseFormat("json_object")),
        ({"type": "json_schema", "name": "a b", "schema": SCHEMA, "strict": True, "description": "D"},
         ResponseFormat("json_schema", SCHEMA, "a_b", "D")),
        ({"type": "json_schema", "schema": SCHEMA}, ResponseFormat("json_schema", SCHEMA)),
        ({"type": "json_schema", "name": "", "json_schema": {"schema": SCHEMA, "name": ""}},
         ResponseFormat("json_schema", SCHEMA)),
    ],
)  # fmt: skip
def test_formats(form: Any, wanted: ResponseFormat | None) -> None:
    assert decoded(text={"format": form}).prompt.response_format == wanted


@pytest.mark.parametrize("verbosity", ["low", "medium", "high", None])
def test_verbosity_is_a_sentence(verbosity: str | None) -> None:
    how = decoded(text={"verbosity": verbosity}, instructions="Be kind.")
    told = [turn for turn in how.prompt.messages if turn.role == "system"]
    assert len(told) == (2 if verbosity in ("low", "high") else 1)
    assert how.echo["text"].get("verbosity") == verbosity


@pytest.mark.parametrize(
    ("reasoning", "effort", "summary"),
    [
        (None, None, False),
        ({}, None, False),
        ({"effort": "xhigh", "summary": "detailed", "context": "all_turns"}, "xhigh", True),
        ({"effort": "none", "generate_summary": "concise"}, "none", True),
        ({"effort": None, "summary": None}, None, False),
    ],
)
def test_reasoning(reasoning: Any, effort: str | None, summary: bool) -> None:
    how = decoded(reasoning=reasoning)
    assert (how.prompt.effort, how.summary) == (effort, summary)


def test_what_is_for_bedrock_alone() -> None:
    prompt = decoded(
        guardrail_config={"guardrail_identifier": "g", "guardrailVersion": 1, "trace": "enabled"},
        performance_config={"latency": "optimized"},
        thinking={"type": "enabled", "budget_tokens": 1024},
        additional_model_request_fields={"a": 1},
    ).prompt
    assert prompt.guardrail == Guardrail("g", "1", "", "enabled")
    assert prompt.latency == "optimized"
    assert prompt.extra_fields == {"thinking": {"type": "enabled", "budget_tokens": 1024}, "a": 1}


def test_what_has_no_effect_is_told() -> None:
    names = decoded(
        max_tool_calls=3, frequency_penalty=0, presence_penalty=1, context_management=[{"type": "compaction"}],
        image={}, access_programs=None, **{"made up\u00e9": 1, "nothing": None},
    ).prompt.ignored  # fmt: skip
    assert names == ("max_tool_calls", "context_management", "presence_penalty", "made_up_")
    assert decoded(include=["reasoning.encrypted_content", "made.up"]).prompt.ignored == ("include",)
    assert decoded(include=["web_search_call.results"]).prompt.ignored == ()


UNKNOWN: list[tuple[dict[str, Any], str]] = [
    ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
    ({"reasoning": {"effort": ["low"]}}, "reasoning.effort"),
    ({"reasoning": {"summary": "long"}}, "reasoning.summary"),
    ({"reasoning": {"summary": ["auto"]}}, "reasoning.summary"),
    ({"text": {"verbosity": "huge"}}, "text.verbosity"),
    ({"text": {"verbosity": ["low"]}}, "text.verbosity"),
    ({"truncation": "middle"}, "truncation"),
    ({"service_tier": "express"}, "service_tier"),
    ({"top_logprobs": 1}, "top_logprobs"),
    ({"include": ["message.output_text.logprobs"]}, "include"),
]


@pytest.mark.parametrize(("options", "name"), UNKNOWN, ids=[str(options) for options, _ in UNKNOWN])
def test_an_unknown_value_of_a_switch_is_ignored_and_reported(options: dict[str, Any], name: str) -> None:
    how, plain = decoded(**options), decoded()
    assert how.prompt.ignored == (name,)
    assert how.echo == plain.echo
    assert (how.prompt.effort, how.prompt.service_tier, how.summary, how.truncate) == (None, None, False, False)


def test_an_unknown_effort_in_an_input_item_is_ignored_and_reported() -> None:
    item = {"type": "configuration_update", "reasoning": {"effort": "huge"}}
    how = decoded(input=[{"role": "user", "content": "a"}, item], reasoning={"effort": "low"})
    assert (how.prompt.ignored, how.prompt.effort) == (("reasoning.effort",), None)


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"prompt": {"id": "p"}}, "prompt", "unsupported_parameter"),
    ({"moderation": {}}, "moderation", "unsupported_parameter"),
    ({"previous_response_id": "a", "conversation": "b"}, "previous_response_id", "mutually_exclusive_parameters"),
    ({"conversation": {}}, "conversation.id", "missing_required_parameter"),
    ({"metadata": {"a" * 65: ""}}, "metadata", "invalid_value"),
    ({"metadata": {"a": "a" * 513}}, "metadata", "invalid_value"),
    ({"text": {"format": "json"}}, "text.format.type", "invalid_value"),
    ({"text": {"format": {"type": "xml"}}}, "text.format.type", "invalid_value"),
    ({"text": {"format": {"type": "json_schema"}}}, "text.format.schema", "missing_required_parameter"),
    ({"guardrail_config": {"x": 1}}, "guardrail_config", "missing_required_parameter"),
    ({"guardrail_config": {"guardrailIdentifier": "g", "trace": "x"}}, "guardrail_config", "invalid_value"),
    ({"performance_config": {"latency": "x"}}, "performance_config.latency", "invalid_value"),
    ({"input": [{"type": "message", "role": "user", "content": "a"}] * 20_001}, "input", ""),
]


@pytest.mark.parametrize(("fields", "param", "code"), REFUSED[:-1])
def test_what_can_not_be_had_is_refused_by_name(fields: dict[str, Any], param: str, code: str) -> None:
    assert refused(**fields) == (400, param, code)


def test_too_many_items_are_refused() -> None:
    items = [{"role": "user", "content": "a"}] * 10_001
    with pytest.raises(InvalidRequest) as caught:
        decode({"model": MODEL, "input": items}, history=[message("user", "a", 1)] * 10_000)
    assert caught.value.code == "context_length_exceeded"


def test_a_file_and_a_picture() -> None:
    content = [
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0=", "detail": "auto"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
    ]
    image, file = decoded(input=[{"role": "user", "content": content}]).prompt.messages[0].parts
    assert isinstance(image, Media)
    assert isinstance(file, Media)
    assert (image.kind, image.mime, image.param) == ("image", "image/png", "input.0.content.0.image_url")
    assert (file.kind, file.name) == ("document", "a.pdf")
