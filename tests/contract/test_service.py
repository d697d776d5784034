"""Keys, tiers, caches, guardrails and the rest of what surrounds a request, through the official SDK."""

from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from local.emulator import Emulator
from tests.contract.conftest import KEY, sent, serving
from tests.contract.words import CLAUDE, NOVA, WEATHER, system, user

LONG = "The rules of this house, at length. " * 500


@pytest.mark.parametrize("headers", [
    {"Authorization": f"Bearer {KEY}"},
    {"authorization": f"bearer {KEY}"},
    {"api-key": KEY},
    {"x-api-key": KEY},
    {"Authorization": "Basic eDp5", "x-api-key": KEY},
])  # fmt: skip
@pytest.mark.parametrize("prefix", ["/v1", "/api/v1"])
def test_keys_in_every_header(http: httpx.Client, prefix: str, headers: dict[str, str]) -> None:
    body = {"model": NOVA, "messages": [user("Hello")]}
    assert http.post(f"{prefix}/chat/completions", json=body, headers=headers).status_code == 200
    assert http.get(f"{prefix}/models", headers=headers).status_code == 200


def test_no_key(http: httpx.Client) -> None:
    for reply in (http.get("/v1/models"), http.post("/v1/chat/completions", json={})):
        assert reply.status_code == 401
        assert reply.json()["error"]["code"] == "invalid_api_key"
    assert http.get("/health").status_code == 200


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("prefix", ["/v1", "/api/v1"])
def test_base_urls_in_every_spelling(gateway: str, prefix: str, slash: str) -> None:
    with OpenAI(base_url=f"{gateway}{prefix}{slash}", api_key=KEY, max_retries=0) as client:
        reply = client.chat.completions.create(model=NOVA, messages=[user("Hello")])
        assert reply.choices[0].message.content == "You said: Hello"
        assert client.models.list().data


TIERS = [("default", "default"), ("flex", "flex"), ("priority", "priority"), ("fast", "priority"), ("scale", "scale")]


@pytest.mark.parametrize(("asked", "told"), TIERS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_service_tier_is_honoured_and_told(client: OpenAI, asked: Any, told: str, stream: bool) -> None:
    parameters: dict[str, Any] = {"model": NOVA, "messages": [user("Hello")], "service_tier": asked}
    if stream:
        options: Any = {"include_usage": True}
        chunks = list(client.chat.completions.create(**parameters, stream=True, stream_options=options))
        assert chunks[-1].service_tier == told
    else:
        assert client.chat.completions.create(**parameters).service_tier == told


def test_auto_is_no_tier_of_bedrocks(client: OpenAI, emulator: Emulator) -> None:
    client.chat.completions.create(model=NOVA, messages=[user("Hello")], service_tier="auto")
    assert "serviceTier" not in sent(emulator)[0]


@pytest.mark.parametrize("stream", [False, True])
def test_a_repeated_prefix_is_read_from_the_cache(client: OpenAI, stream: bool) -> None:
    history: list[Any] = [system(LONG), user("one"), {"role": "assistant", "content": "fine"}, user("two")]

    def usage() -> Any:
        asked: dict[str, Any] = {"model": CLAUDE, "messages": history, "tools": [WEATHER]}
        if not stream:
            return client.chat.completions.create(**asked).usage
        options: Any = {"include_usage": True}
        return list(client.chat.completions.create(**asked, stream=True, stream_options=options))[-1].usage

    first, second = usage(), usage()
    assert first.prompt_tokens_details.cached_tokens == 0
    assert first.prompt_tokens_details.cache_write_tokens > 1000
    assert second.prompt_tokens_details.cached_tokens > 1000
    assert second.prompt_tokens_details.cache_write_tokens == 0
    assert first.prompt_tokens == second.prompt_tokens
    assert second.total_tokens == second.prompt_tokens + second.completion_tokens


def test_a_growing_conversation_keeps_its_cache(client: OpenAI) -> None:
    history: list[Any] = [system(LONG), user("start")]
    cached: list[int] = []
    for turn in range(4):
        reply = client.chat.completions.create(model=CLAUDE, messages=history, tools=[WEATHER])
        assert reply.usage
        assert reply.usage.prompt_tokens_details
        cached.append(reply.usage.prompt_tokens_details.cached_tokens or 0)
        history += [reply.choices[0].message, user(f"turn {turn}")]
    assert cached[0] == 0
    assert cached[1:] == sorted(set(cached[1:]))
    assert cached[1]


def test_a_cache_point_of_the_clients(client: OpenAI, emulator: Emulator) -> None:
    marked: Any = {"type": "text", "text": LONG, "cache_control": {"type": "ephemeral"}}
    messages: Any = [{"role": "system", "content": [marked]}, user("Hello")]
    client.chat.completions.create(model=CLAUDE, messages=messages)
    reply = client.chat.completions.create(model=CLAUDE, messages=messages)
    assert reply.usage
    assert reply.usage.prompt_tokens_details
    assert reply.usage.prompt_tokens_details.cached_tokens
    assert "cachePoint" in sent(emulator)[0]["system"][-1]


def test_the_cache_can_be_switched_off(client: OpenAI, emulator: Emulator) -> None:
    history: list[Any] = [system(LONG), user("one"), {"role": "assistant", "content": "fine"}, user("two")]
    client.chat.completions.create(
        model=CLAUDE, messages=history, tools=[WEATHER],
        extra_body={"prompt_cache_options": {"mode": "explicit"}},
    )  # fmt: skip
    assert "cachePoint" not in str(sent(emulator)[0])


GUARDRAIL = {"guardrailIdentifier": "abc123", "guardrailVersion": "1"}


@pytest.mark.parametrize("stream", [False, True])
def test_a_guardrail_that_steps_in(client: OpenAI, stream: bool) -> None:
    asked: dict[str, Any] = {
        "model": NOVA,
        "messages": [user("a forbidden word")],
        "extra_body": {"guardrail_config": GUARDRAIL},
    }
    if stream:
        chunks = list(client.chat.completions.create(**asked, stream=True))
        reason = chunks[-1].choices[0].finish_reason
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    else:
        choice = client.chat.completions.create(**asked).choices[0]
        reason, text = choice.finish_reason, choice.message.content or ""
    assert reason == "content_filter"
    assert text == "Sorry, the model cannot answer this question."


def test_a_guardrail_that_lets_pass(client: OpenAI) -> None:
    reply = client.chat.completions.create(
        model=NOVA, messages=[user("a fine word")], extra_body={"guardrail_config": GUARDRAIL}
    )
    assert reply.choices[0].finish_reason == "stop"


def test_the_operators_guardrail_stands(emulator: Emulator) -> None:
    with (
        serving(emulator.url, guardrail_id="house", guardrail_version="2") as url,
        OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client,
    ):
        reply = client.chat.completions.create(model=NOVA, messages=[user("a forbidden word")])
        assert reply.choices[0].finish_reason == "content_filter"
        with pytest.raises(openai.PermissionDeniedError):
            client.chat.completions.create(
                model=NOVA, messages=[user("Hello")], extra_body={"guardrail_config": GUARDRAIL}
            )


def test_openais_names_go_to_the_default_models(emulator: Emulator) -> None:
    defaults = {"default_model": NOVA, "default_embedding_model": "amazon.titan-embed-text-v2:0"}
    with (
        serving(emulator.url, **defaults) as url,
        OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client,
    ):
        raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=[user("Hello")])
        assert raw.headers["x-gateway-model"] == NOVA
        assert raw.parse().model == "gpt-4o"
        assert len(client.embeddings.create(model="text-embedding-3-small", input="a").data[0].embedding) == 1024


def test_metadata_and_users_reach_bedrock(client: OpenAI, emulator: Emulator) -> None:
    client.chat.completions.create(model=NOVA, messages=[user("Hello")], metadata={"team": "search"}, user="jane@a.com")
    metadata = sent(emulator)[0]["requestMetadata"]
    assert metadata["team"] == "search"
    assert "jane@a.com" not in str(metadata)


def test_fields_for_the_model_itself(client: OpenAI, emulator: Emulator) -> None:
    fields: list[dict[str, Any]] = [
        {"top_k": 40},
        {"additional_model_request_fields": {"top_k": 40}},
        {"extra_body": {"top_k": 40}},
    ]
    for extra in fields:
        client.chat.completions.create(model=CLAUDE, messages=[user("Hello")], extra_body=extra)
        assert sent(emulator)[-1]["additionalModelRequestFields"] == {"top_k": 40}


def test_a_faster_latency(client: OpenAI, emulator: Emulator) -> None:
    extra = {"performance_config": {"latency": "optimized"}}
    client.chat.completions.create(model=NOVA, messages=[user("Hello")], extra_body=extra)
    assert sent(emulator)[0]["performanceConfig"] == {"latency": "optimized"}


def test_citations_are_annotations(client: OpenAI) -> None:
    reply = client.chat.completions.create(model=CLAUDE, messages=[user("Hello [[emulate: citations]]")])
    message = reply.choices[0].message
    assert message.annotations
    cited = message.annotations[0].url_citation
    assert (cited.url, cited.title) == ("https://example.com/page", "Example page")
    assert message.content
    assert 0 <= cited.start_index <= cited.end_index <= len(message.content)
