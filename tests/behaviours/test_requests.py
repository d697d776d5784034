"""What clients send by habit must work or be told; what they read must be true."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from local.emulator import Emulator
from tests.behaviours.asking import (
    GPT,
    NOVA,
    OPUS_5,
    PNG,
    SONNET_45,
    Json,
    called,
    chunks,
    message_of,
    post,
    problem,
    result,
    say,
    sent,
    tool,
    whole,
)

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WANTED = {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA}}
TITAN = "amazon.titan-embed-text-v2:0"
LONG = "A long word about the weather. " * 900


@pytest.mark.parametrize("option", [{"parallel_tool_calls": False}, {"tool_choice": "auto"}, {"tool_choice": "none"}])
@pytest.mark.parametrize("model", [NOVA, SONNET_45])
def test_parallel_tool_calls_or_tool_choice_without_tools_is_no_400(
    http: httpx.Client, option: Json, model: str
) -> None:
    assert post(http, model=model, **option).status_code == 200


def test_tool_choice_none_calls_no_tool(http: httpx.Client, emulator: Emulator) -> None:
    reply = whole(http, say("Use get_weather"), tools=[tool()], tool_choice="none")
    assert "tool_calls" not in message_of(reply)
    assert "toolConfig" not in sent(emulator)[0]
    history = [say(), called("c1"), result("c1"), say("Use get_weather")]
    reply = whole(http, *history, tools=[tool()], tool_choice="none")
    assert "tool_calls" not in message_of(reply)
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert "toolConfig" in sent(emulator)[1]


@pytest.mark.parametrize("model", [NOVA, SONNET_45])
def test_tool_choice_any_is_taken_as_required(http: httpx.Client, model: str) -> None:
    assert message_of(whole(http, tools=[tool()], tool_choice="any", model=model))["tool_calls"]
    thinking = post(http, tools=[tool()], tool_choice="any", model=SONNET_45, reasoning_effort="high")
    assert message_of(thinking.json())["tool_calls"], "a forced tool goes before thinking"


def test_prompt_caching_engages_without_cache_control(http: httpx.Client, emulator: Emulator) -> None:
    history = [say(LONG, "system"), say("One")]
    first = whole(http, *history, model=SONNET_45, tools=[tool()])["usage"]
    second = whole(http, *history, say("Two", "assistant"), say("Three"), model=SONNET_45, tools=[tool()])["usage"]
    assert first["prompt_tokens_details"]["cache_write_tokens"] > 1000
    assert second["prompt_tokens_details"]["cached_tokens"] > 1000
    body = sent(emulator)[1]
    points = [
        body["toolConfig"]["tools"],
        body["system"],
        body["messages"][0]["content"],
        body["messages"][-1]["content"],
    ]
    assert all("cachePoint" in blocks[-1] for blocks in points)


@pytest.mark.parametrize(("model", "ttl"), [(SONNET_45, "1h"), (NOVA, None)])
def test_one_hour_ttl_is_not_silently_five_minutes(
    http: httpx.Client, emulator: Emulator, model: str, ttl: str | None
) -> None:
    part = {"type": "text", "text": LONG, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    assert post(http, {"role": "user", "content": [part]}, model=model).status_code == 200
    assert sent(emulator)[0]["messages"][0]["content"][1]["cachePoint"].get("ttl") == ttl


@pytest.mark.parametrize("model", [GPT, NOVA, "qwen.qwen3-32b-v1:0"])
def test_a_cache_point_where_a_model_refuses_it_is_no_400(http: httpx.Client, model: str) -> None:
    part = {"type": "text", "text": "out", "cache_control": {"type": "ephemeral"}}
    history = [say(), called("c1"), result("c1", [part])]
    cached = tool() | {"cache_control": {"type": "ephemeral"}}
    assert post(http, *history, tools=[cached], model=model).status_code == 200


def test_prompt_tokens_include_what_was_read_from_and_written_to_the_cache(http: httpx.Client) -> None:
    ask = {"model": SONNET_45, "prompt_cache_key": "k"}
    for _ in range(2):
        usage = whole(http, say(LONG), **ask)["usage"]
        details = usage["prompt_tokens_details"]
        assert usage["prompt_tokens"] > details["cached_tokens"] + details["cache_write_tokens"] - 1 > 1000
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    streamed = post(http, say(LONG), stream=True, stream_options={"include_usage": True}, **ask)
    assert chunks(streamed)[-1]["usage"] == usage


@pytest.mark.parametrize("model", [SONNET_45, OPUS_5, "openai.gpt-5.6-sol"])
def test_on_demand_throughput_isnt_supported_is_mended_by_a_profile(http: httpx.Client, model: str) -> None:
    response = post(http, model=model)
    assert response.status_code == 200, response.text
    assert response.headers["x-gateway-model"] == f"us.{model}"


@pytest.mark.parametrize(("model", "ignored"), [(SONNET_45, {"top_p"}), (OPUS_5, {"temperature", "top_p"})])
def test_temperature_and_top_p_together_are_no_400(http: httpx.Client, model: str, ignored: set[str]) -> None:
    response = post(http, model=model, temperature=0.2, top_p=0.9)
    assert response.status_code == 200
    assert set(response.headers["x-gateway-ignored"].split(",")) == ignored


@pytest.mark.parametrize("model", [NOVA, SONNET_45, "us.meta.llama3-3-70b-instruct-v1:0", "us.deepseek.r1-v1:0"])
@pytest.mark.parametrize("stream", [True, False])
def test_response_format_gives_json_and_no_prose(http: httpx.Client, model: str, stream: bool) -> None:
    response = post(http, say("Paris"), model=model, response_format=WANTED, stream=stream)
    if model == "us.deepseek.r1-v1:0":
        assert response.status_code == 200  # by instruction: the emulator's model does not obey those
        return
    if stream:
        text = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks(response))
        reason = chunks(response)[-1]["choices"][0]["finish_reason"]
    else:
        text, reason = message_of(response.json())["content"], response.json()["choices"][0]["finish_reason"]
    assert isinstance(json.loads(text)["city"], str)
    assert reason == "stop"


def test_remote_images_are_not_fetched_blindly(http: httpx.Client) -> None:
    for url in ("http://169.254.169.254/latest/meta-data", "http://127.0.0.1:1/x.png", "http://[::ffff:10.0.0.1]/"):
        part = {"type": "image_url", "image_url": {"url": url}}
        status, code, param = problem(post(http, {"role": "user", "content": [part]}))
        assert (status, code, param) == (400, "invalid_image_url", "messages.0.content.0.image_url")


def test_context_overflow_is_told_in_the_words_agents_look_for(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model=NOVA, messages=[{"role": "user", "content": "[[emulate: context-overflow]]"}]
        )
    assert caught.value.code == "context_length_exceeded"
    assert "maximum context length" in caught.value.message
    assert "prompt is too long" in caught.value.message.lower()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/nothing", None, 404),
        ("DELETE", "/v1/chat/completions", None, 405),
        ("POST", "/v1/chat/completions", "{", 400),
        ("POST", "/v1/chat/completions", "[]", 400),
        ("POST", "/v1/chat/completions", '{"model":"m"}', 400),
        ("POST", "/v1/chat/completions", '{"model":"nobody.x","messages":[{"role":"user","content":"a"}]}', 404),
        ("POST", "/v1/embeddings", '{"model":1}', 400),
    ],
)
def test_every_error_is_openai_shaped(
    http: httpx.Client, method: str, path: str, body: str | None, status: int
) -> None:
    assert problem(http.request(method, path, content=body))[0] == status
    assert (
        problem(http.request("POST", "/v1/embeddings", content=body, headers={"authorization": "Bearer no"}))[0] == 401
    )


def test_a_throttle_says_when_to_come_back(http: httpx.Client) -> None:
    response = post(http, say("[[emulate: throttle]]"))
    assert response.status_code == 429
    assert int(response.headers["retry-after"]) >= 1
    daily = "Too_many_tokens_per_day,_please_wait_before_trying_again."
    response = post(http, say(f"[[emulate: error=ThrottlingException message={daily}]]"))
    assert (response.status_code, response.headers["x-should-retry"]) == (429, "false")


def test_max_tokens_is_never_invented(http: httpx.Client, emulator: Emulator) -> None:
    for model in (NOVA, SONNET_45, OPUS_5):
        whole(http, model=model, reasoning_effort="high")
    assert all("maxTokens" not in body.get("inferenceConfig", {}) for body in sent(emulator))


@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "xhigh", "max"])
@pytest.mark.parametrize("model", [NOVA, SONNET_45, OPUS_5, GPT, "deepseek.v3-v1:0", "openai.gpt-oss-20b-1:0"])
def test_reasoning_effort_is_no_400_and_needs_no_max_tokens(http: httpx.Client, model: str, effort: str) -> None:
    response = post(http, model=model, reasoning_effort=effort, temperature=0.5)
    assert response.status_code == 200, response.text
    assert "unsupported" not in response.headers.get("x-gateway-repairs", "")


@pytest.mark.parametrize("name", ["Q3 report (final).v2.pdf", "a/b\\c.pdf", "bericht__ü.pdf", "x" * 300 + ".pdf", ""])
def test_a_pdf_with_any_name_and_no_text_is_taken(http: httpx.Client, emulator: Emulator, name: str) -> None:
    data = base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()
    part: Json = {"type": "file", "file": {"filename": name, "file_data": data}}
    response = post(http, {"role": "user", "content": [part, part]}, model=SONNET_45)
    assert response.status_code == 200, response.text
    content = sent(emulator)[0]["messages"][0]["content"]
    assert len({block["document"]["name"] for block in content if "document" in block}) == 2
    assert any("text" in block for block in content)


def test_an_image_with_the_wrong_mime_type_is_taken_for_what_it_is(http: httpx.Client, emulator: Emulator) -> None:
    part = {"type": "image_url", "image_url": {"url": f"data:image/jpg;base64,{PNG}"}}
    assert post(http, {"role": "user", "content": [part]}, model=SONNET_45).status_code == 200
    assert sent(emulator)[0]["messages"][0]["content"][0]["image"]["format"] == "png"


def test_a_video_is_never_dropped_in_silence(http: httpx.Client, emulator: Emulator) -> None:
    part = {"type": "video_url", "video_url": {"url": "s3://my-bucket/film.mp4"}}
    assert problem(post(http, {"role": "user", "content": [part]}, model=SONNET_45))[0] == 400
    assert post(http, {"role": "user", "content": [part]}).status_code == 200
    assert "video" in sent(emulator)[0]["messages"][0]["content"][0]


def test_embeddings_embed_every_text_in_the_format_asked(client: OpenAI) -> None:
    texts = [f"text {number}" for number in range(5)]
    floats = client.embeddings.create(model=TITAN, input=texts, dimensions=256, encoding_format="float")
    packed = client.embeddings.create(model=TITAN, input=texts, dimensions=256)
    assert [item.index for item in floats.data] == list(range(5))
    assert len({tuple(item.embedding) for item in floats.data}) == 5
    assert all(len(item.embedding) == 256 for item in floats.data)
    for one, other in zip(floats.data, packed.data, strict=True):
        assert struct.pack("<256f", *one.embedding) == struct.pack("<256f", *other.embedding)
    assert floats.usage.prompt_tokens > 0
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=TITAN, input="a", dimensions=7)
    assert caught.value.param == "dimensions"


def test_models_tell_their_context_size(client: OpenAI) -> None:
    entry: Any = client.models.retrieve(f"us.{SONNET_45}")
    assert (entry.context_window, entry.max_output_tokens, entry.owned_by) == (200_000, 64_000, "Anthropic")
    assert "tools" in entry.capabilities
    assert entry.created == client.models.retrieve(f"us.{SONNET_45}").created


def test_a_missing_subscription_says_what_to_do(http: httpx.Client) -> None:
    words = "Your_account_is_not_authorized_to_perform_aws-marketplace:Subscribe"
    status, code, _ = problem(post(http, say(f"[[emulate: error=AccessDeniedException message={words}]]")))
    assert (status, code) == (403, "access_denied")


@pytest.mark.parametrize(("tier", "asked"), [("auto", None), ("flex", "flex"), ("priority", "priority")])
def test_service_tier_is_neither_rejected_nor_ignored(
    http: httpx.Client, emulator: Emulator, tier: str, asked: str | None
) -> None:
    reply = whole(http, service_tier=tier)
    assert sent(emulator)[0].get("serviceTier", {}).get("type") == asked
    assert asked is None or reply["service_tier"] == asked


@pytest.mark.parametrize("reason", ["guardrail_intervened", "content_filtered"])
def test_a_guardrail_block_is_content_filter_and_no_stop(http: httpx.Client, reason: str) -> None:
    for stream in (True, False):
        response = post(http, say(f"[[emulate: finish={reason}]]"), stream=stream)
        choice = (chunks(response)[-1] if stream else response.json())["choices"][0]
        assert choice["finish_reason"] == "content_filter"


@pytest.mark.parametrize("stop", [["\n"], ["", "END"], ["a", "b", "c", "d", "e"], []])
@pytest.mark.parametrize("model", [NOVA, SONNET_45, GPT])
def test_blank_or_too_many_stops_are_no_400(http: httpx.Client, model: str, stop: list[str]) -> None:
    assert post(http, model=model, stop=stop).status_code == 200
