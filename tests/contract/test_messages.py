"""Anthropic's official SDK against the messages routes, whole and streamed, over the emulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import pytest
from anthropic import Anthropic
from anthropic.types import Message

from app.core.access import Access, Rates, Scope
from app.core.events import Usage
from app.core.ports import Caller
from app.core.reasoning_origin import split_mark
from app.stores.table.memory import MemoryTable
from local.emulator import Emulator
from tests.contract.conftest import KEY, RECORDER, sent, serving
from tests.contract.words import CLAUDE, DEEPSEEK, GPT, NOVA
from tests.unit.api.messages.bodies import CLAUDE_CODE_BETAS, HOUR, IMAGE, PDF, WEATHER, claude_code
from tests.wire import gateway as wire

ADAPTIVE = "us.anthropic.claude-sonnet-5"
CLOCK = WEATHER | {"name": "get_time", "description": "The time in a city."}
PING = {"name": "ping_server", "description": "No parameters.", "input_schema": {"type": "object", "properties": {}}}
BUDGET: Any = {"type": "enabled", "budget_tokens": 1024}
VERSION = {"anthropic-version": "2023-06-01"}


def sdk(url: str, key: str = KEY, **options: Any) -> Anthropic:
    return Anthropic(base_url=url, api_key=key, max_retries=0, timeout=20, **options)


@pytest.mark.parametrize(("method", "path", "status", "kind"), [
    ("GET", "/v1/nothing", 404, "not_found_error"),
    ("GET", "/", 200, ""),
    ("POST", "/", 405, "invalid_request_error"),
    ("POST", "/v1/chat/completions", 401, "authentication_error"),
    ("POST", "/v1/responses", 401, "authentication_error"),
    ("POST", "/v1/complete", 404, "not_found_error"),
    ("POST", "/v1/messages/batches", 404, "not_found_error"),
    ("GET", "/v1/models/none", 401, "authentication_error"),
])  # fmt: skip
def test_errors_are_in_the_envelope_of_the_client_on_every_path(
    http: httpx.Client, method: str, path: str, status: int, kind: str
) -> None:
    reply = http.request(method, path, headers=VERSION)
    assert reply.status_code == status
    assert reply.headers["request-id"] == reply.headers["x-request-id"]
    if kind:
        body = reply.json()
        assert (body["type"], body["error"]["type"]) == ("error", kind)
        assert body["request_id"] == reply.headers["request-id"]


@pytest.fixture(scope="session")
def session_claude(gateway: str) -> Iterator[Anthropic]:
    with sdk(gateway) as client:
        yield client


@pytest.fixture
def client(emulator: Emulator, session_claude: Anthropic) -> Anthropic:
    return session_claude


def user(text: str) -> Any:
    return {"role": "user", "content": text}


def ask(client: Anthropic, stream: bool, *messages: Any, **asked: Any) -> Message:
    """The message, as the SDK gives it or gathers it."""
    body: Any = {"model": CLAUDE, "max_tokens": 3000, "messages": list(messages)} | asked
    if not stream:
        whole: Message = client.messages.create(**body)
        return whole
    with client.messages.stream(**body) as events:
        return events.get_final_message()


def told(message: Message) -> dict[str, Any]:
    """What a stream and a whole message have to agree on: the id is new, and only the whole has parts of the usage."""
    body = json.loads(message.model_dump_json(exclude_none=True, by_alias=True))
    for part in body["content"]:
        part.pop("parsed_output", None)
    body["usage"] = {name: body["usage"][name] for name in ("input_tokens", "output_tokens")}
    return {name: value for name, value in body.items() if name != "id"}


BEHAVIOURS: dict[str, tuple[str, dict[str, Any]]] = {
    "text": ("Hello \U0001f600", {}),
    "thoughts": ("Hello", {"thinking": BUDGET}),
    "thoughts, adaptive": ("Hello", {"model": ADAPTIVE, "thinking": {"type": "adaptive"}}),
    "unsigned thoughts": ("Hello", {"model": DEEPSEEK, "output_config": {"effort": "low"}}),
    "redacted thoughts": ("Hello [[emulate: think redacted]]", {"thinking": BUDGET}),
    "parallel calls": ("Use the tools in Paris", {"tools": [WEATHER, CLOCK, PING], "thinking": BUDGET}),
    "calls of another model": ("Use the tools in Paris", {"model": NOVA, "tools": [WEATHER, CLOCK, PING]}),
    "one call": ("Use the tools in Paris", {"tools": [WEATHER, CLOCK],
                                            "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}),
    "a forced call": ("Hello", {"tools": [WEATHER, CLOCK], "tool_choice": {"type": "tool", "name": "get_time"}}),
    "no call": ("Use the tools", {"tools": [WEATHER], "tool_choice": {"type": "none"}}),
    "a stop sequence": ("Hello there END of it", {"stop_sequences": ["END", "xyz"]}),
    "a stop sequence of another model": ("Hello there END of it", {"model": NOVA, "stop_sequences": ["END"]}),
    "a limit": ("Hello there", {"max_tokens": 2}),
    "citations": ("Hello [[emulate: citations]]", {}),
    "a filter": ("Hello [[emulate: finish=content_filtered]]", {}),
    "a full window": ("Hello [[emulate: finish=model_context_window_exceeded]]", {}),
    "unknown events": ("Hello [[emulate: unknown-event]]", {}),
    "json": ("Give me one", {"output_config": {"format": {"type": "json_schema", "schema": {
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}}),
    "json of another model": ("Give me one", {"model": NOVA, "output_config": {"format": {
        "type": "json_schema", "schema": {"type": "object", "properties": {"city": {"type": "string"}}}}}}),
}  # fmt: skip

REASONS = {
    "parallel calls": "tool_use",
    "calls of another model": "tool_use",
    "one call": "tool_use",
    "a forced call": "tool_use",
    "a stop sequence": "stop_sequence",
    "a stop sequence of another model": "stop_sequence",
    "a limit": "max_tokens",
    "a filter": "refusal",
    "a full window": "model_context_window_exceeded",
}


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_stream_gathers_to_the_whole_message(client: Anthropic, emulator: Emulator, name: str) -> None:
    text, asked = BEHAVIOURS[name]
    whole = ask(client, False, user(text), **asked)
    emulator.reset()  # its cache, or the usage would differ
    assert told(ask(client, True, user(text), **asked)) == told(whole)
    assert whole.stop_reason == REASONS.get(name, "end_turn")
    assert whole.model == asked.get("model", CLAUDE)
    assert whole.content
    Message.model_validate(json.loads(whole.model_dump_json()), strict=False)
    if whole.stop_reason == "stop_sequence":
        assert whole.stop_sequence == "END"


def test_a_guardrail_refuses(emulator: Emulator) -> None:
    with serving(emulator.url, guardrail_id="gr1", guardrail_version="1") as url, sdk(url) as client:
        for stream in (False, True):
            message = ask(client, stream, user("Say a forbidden word"))
            assert message.stop_reason == "refusal"
            assert message.stop_details is not None
            assert message.stop_details.type == "refusal"
            assert "cannot answer" in str(message.content)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", [CLAUDE, ADAPTIVE, DEEPSEEK, NOVA])
def test_a_tool_loop_with_thinking(client: Anthropic, emulator: Emulator, model: str, stream: bool) -> None:
    tools = [WEATHER | {"cache_control": HOUR}, CLOCK]
    asked: dict[str, Any] = {"model": model, "thinking": BUDGET, "tools": tools}
    question = user("Use the tools in Paris")
    first = ask(client, stream, question, **asked)
    calls = [block for block in first.content if block.type == "tool_use"]
    assert [block.input for block in calls] == [{"city": "Paris"}] * 2
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "20"}], "is_error": False}
               for call in calls]  # fmt: skip
    last = ask(client, stream, question, first.to_param(), {"role": "user", "content": results}, **asked)
    assert last.stop_reason == "end_turn"
    turn = sent(emulator)[-1]["messages"][1]["content"]
    assert [block["toolUse"]["toolUseId"] for block in turn if "toolUse" in block] == [call.id for call in calls]
    (thought, *_) = first.content
    if thought.type == "thinking":
        sealed = {"signature": split_mark(thought.signature)[1]} if thought.signature else {}
        assert turn[0]["reasoningContent"]["reasoningText"] == {"text": thought.thinking} | sealed
    assert (thought.type == "thinking") == (model != NOVA)


@pytest.mark.parametrize("model", [CLAUDE, GPT])
@pytest.mark.parametrize("stream", [False, True])
def test_redacted_thoughts_go_back_as_they_came(
    client: Anthropic, emulator: Emulator, model: str, stream: bool
) -> None:
    question = user("Use the tools in Paris [[emulate: think redacted]]")
    first = ask(client, stream, question, model=model, tools=[WEATHER], thinking=BUDGET)
    redacted, call = first.content
    assert redacted.type == "redacted_thinking"
    assert call.type == "tool_use"
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "20"}
    answered = {"role": "user", "content": [result]}
    ask(client, stream, question, first.to_param(), answered, model=model, tools=[WEATHER], thinking=BUDGET)
    family, data = split_mark(redacted.data)
    assert family == ("claude" if model == CLAUDE else "gpt")
    assert sent(emulator)[-1]["messages"][1]["content"][0] == {"reasoningContent": {"redactedContent": data}}


MODELS = (CLAUDE, ADAPTIVE, "us.anthropic.claude-opus-4-5-20251101-v1:0", "us.anthropic.claude-opus-5-5", NOVA, DEEPSEEK,
          "us.amazon.nova-2-lite-v1:0", "us.meta.llama3-3-70b-instruct-v1:0", "openai.gpt-oss-120b-1:0",
          "us.openai.gpt-6.1-sol", "us.deepseek.r1-v1:0", "qwen.qwen3-coder-480b-a35b-v1:0")  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
def test_what_claude_code_sends(http: httpx.Client, emulator: Emulator, model: str) -> None:
    headers = {"authorization": f"Bearer {KEY}", "anthropic-beta": CLAUDE_CODE_BETAS} | VERSION
    body = claude_code(model, "Hello there")
    if model == "us.deepseek.r1-v1:0":
        del body["tools"]  # it takes none
    reply = http.post("/v1/messages?beta=true", json=body, headers=headers)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.text.endswith('event: message_stop\ndata: {"type":"message_stop"}\n\n')
    assert "context_management" in reply.headers["x-gateway-ignored"]
    request = sent(emulator)[-1]  # after one that asked for more tokens than the model has
    text = json.dumps(request)
    assert "billing-header" not in text
    assert "claude-code-20250219" not in text
    assert "The user has opened a.txt." in text
    if model == CLAUDE:
        assert request["additionalModelRequestFields"] == {
            "thinking": {"type": "enabled", "budget_tokens": 4096},
            "anthropic_beta": ["interleaved-thinking-2025-05-14"],
        }
        assert {"cachePoint": {"type": "default", "ttl": "1h"}} in request["system"]


def test_a_system_message_at_the_end_is_for_the_turn_before_it(http: httpx.Client, emulator: Emulator) -> None:
    body = claude_code(ADAPTIVE, "Hello there") | {"stream": False}
    assert http.post("/v1/messages", json=body, headers={"x-api-key": KEY}).status_code == 200
    (turn,) = sent(emulator)[0]["messages"]
    assert "cachePoint" in turn["content"][2]
    assert turn["content"][3] == {"text": "<system-reminder>\nThe user has opened a.txt.\n</system-reminder>"}


def test_pings_are_events(emulator: Emulator) -> None:
    with serving(emulator.url, ping_interval=0.05) as url, httpx.Client(base_url=url, timeout=20) as http:
        body = {
            "model": NOVA,
            "max_tokens": 50,
            "stream": True,
            "messages": [user("Hello [[emulate: stall=0.3 after=1]] you")],
        }
        text = http.post("/v1/messages", json=body, headers={"x-api-key": KEY}).text
        assert 'event: ping\ndata: {"type": "ping"}\n\n' in text
        assert text.endswith('data: {"type":"message_stop"}\n\n')


def test_pictures_and_papers(client: Anthropic, emulator: Emulator) -> None:
    paper = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
             "title": "Plan", "context": "Old", "citations": {"enabled": True}}  # fmt: skip
    note = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Once"}}
    message = ask(
        client, False, {"role": "user", "content": [IMAGE, paper, note, {"type": "text", "text": "What is it?"}]}
    )
    assert "png" in str(message.content)
    blocks = sent(emulator)[0]["messages"][0]["content"]
    assert [next(iter(block)) for block in blocks] == ["image", "document", "document", "text"]
    assert blocks[1]["document"] | {"source": 0} == {
        "format": "pdf", "name": "Plan", "source": 0, "context": "Old", "citations": {"enabled": True},
    }  # fmt: skip
    assert blocks[2]["document"]["format"] == "txt"


def test_typed_answers(client: Anthropic) -> None:
    from pydantic import BaseModel

    class Place(BaseModel):
        city: str

    for model in (CLAUDE, NOVA):
        parsed = client.messages.parse(model=model, max_tokens=500, messages=[user("A place")], output_format=Place)
        assert isinstance(parsed.parsed_output, Place)


ERRORS: list[tuple[dict[str, Any], type[anthropic.APIStatusError], str, str]] = [
    ({"messages": [user("Hello [[emulate: throttle]]")]}, anthropic.RateLimitError, "rate_limit_error", ""),
    ({"messages": [user("[[emulate: error=ServiceUnavailableException]]")]}, anthropic.APIStatusError, "overloaded_error", ""),
    ({"messages": [user("[[emulate: error=InternalServerException]]")]}, anthropic.InternalServerError, "api_error", ""),
    ({"messages": [user("Hello [[emulate: context-overflow]]")]}, anthropic.BadRequestError, "invalid_request_error",
     "prompt is too long"),
    ({"model": "gpt-image-1"}, anthropic.NotFoundError, "not_found_error", "gpt-image-1"),
    ({"max_tokens": -1}, anthropic.BadRequestError, "invalid_request_error", "max_tokens: Input should be"),
    ({"tools": [{"name": "f"}]}, anthropic.BadRequestError, "invalid_request_error", "tools.0.custom.input_schema"),
    ({"model": "amazon.titan-text-express-v1", "tools": [WEATHER]}, anthropic.BadRequestError, "invalid_request_error",
     "tools"),
]  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("asked", "kind", "name", "text"), ERRORS)
def test_errors_are_theirs(
    client: Anthropic, asked: dict[str, Any], kind: type[anthropic.APIStatusError], name: str, text: str, stream: bool
) -> None:
    with pytest.raises(kind) as raised:
        ask(client, stream, user("Hello"), **asked)
    body: Any = raised.value.body
    assert (body["type"], body["error"]["type"]) == ("error", name)
    assert set(body["error"]) == {"type", "message"}
    assert text in body["error"]["message"]
    assert raised.value.status_code == (529 if name == "overloaded_error" else raised.value.status_code)
    assert raised.value.request_id == body["request_id"] == raised.value.response.headers["request-id"]


@pytest.mark.parametrize(
    ("marker", "name"),
    [("cut after=3", "api_error"), ("throttle after=2", "rate_limit_error"), ("no-stop", "api_error")],
)
def test_a_failure_in_mid_stream(client: Anthropic, marker: str, name: str) -> None:
    with pytest.raises(anthropic.APIStatusError) as raised:
        ask(client, True, user(f"Hello to you all [[emulate: {marker}]]"))
    body: Any = raised.value.body
    assert body["error"]["type"] == name


@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_that_passes_is_not_seen(client: Anthropic, stream: bool) -> None:
    marker = f"[[emulate: fail-once=ServiceUnavailableException]] {stream}"
    assert ask(client, stream, user(f"Hello {marker}")).stop_reason == "end_turn"


def test_a_stream_that_fails_at_once_is_an_http_error(client: Anthropic) -> None:
    with pytest.raises(anthropic.RateLimitError) as raised:
        ask(client, True, user("Hello [[emulate: first-event-throttle]]"))
    body: Any = raised.value.body
    assert (raised.value.status_code, body["error"]["type"]) == (429, "rate_limit_error")


def test_a_wrong_key(gateway: str) -> None:
    with sdk(gateway, "sk-wrong") as client:
        for work in (
            lambda: ask(client, False, user("Hello")),
            lambda: client.messages.count_tokens(model=NOVA, messages=[user("Hello")]),
            lambda: client.models.list(),
        ):
            with pytest.raises(anthropic.AuthenticationError) as raised:
                work()
            assert "sk-wrong" not in str(raised.value)


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/v1/messages", 405, "invalid_request_error"),
        ("POST", "/v1/messages/batches/x", 404, "not_found_error"),
        ("POST", "/api/v1/messages/nothing", 404, "not_found_error"),
        ("POST", "/v1/messages/", 400, "invalid_request_error"),
    ],
)
def test_what_the_router_says(http: httpx.Client, method: str, path: str, status: int, kind: str) -> None:
    reply = http.request(method, path, headers={"x-api-key": KEY})
    assert (reply.status_code, reply.json()["error"]["type"]) == (status, kind)
    assert reply.json()["request_id"] == reply.headers["request-id"] == reply.headers["x-request-id"]


def test_other_routes_speak_as_before(http: httpx.Client) -> None:
    reply = http.post("/v1/chat/completions")
    assert set(reply.json()) == {"error"}
    assert "request-id" not in reply.headers


def test_a_body_that_is_too_large(emulator: Emulator) -> None:
    with serving(emulator.url, max_body_bytes=2000) as url, sdk(url) as client:
        with pytest.raises(anthropic.APIStatusError) as raised:
            ask(client, False, user("x" * 3000))
        body: Any = raised.value.body
        assert (raised.value.status_code, body["error"]["type"]) == (413, "request_too_large")


def test_what_is_asked_first(http: httpx.Client) -> None:
    for path in ("/", "/?beta=true"):
        reply = http.head(path)
        assert (reply.status_code, reply.content) == (200, b"")


def test_other_prefixes_and_keys(gateway: str, emulator: Emulator) -> None:
    with Anthropic(base_url=f"{gateway}/api", auth_token=KEY, max_retries=0, timeout=20) as client:
        assert ask(client, False, user("Hello")).type == "message"


# Counting


def test_bedrock_counts(client: Anthropic, emulator: Emulator) -> None:
    raw = client.messages.with_raw_response.count_tokens(
        model=CLAUDE, messages=[user("Hello")], tools=[WEATHER], system="Be brief.", thinking=BUDGET  # type: ignore[list-item]
    )  # fmt: skip
    assert "x-gateway-estimate" not in raw.headers
    (request,) = [each for each in emulator.requests if each.path.endswith("/count-tokens")]
    assert request.body["input"]["converse"]["system"][0] == {"text": "Be brief."}
    assert (
        raw.parse().input_tokens
        == ask(client, False, user("Hello"), tools=[WEATHER], system="Be brief.").usage.input_tokens
    )


@pytest.mark.parametrize("model", [NOVA, ADAPTIVE, DEEPSEEK])
def test_where_it_does_not_count_it_is_estimated(client: Anthropic, emulator: Emulator, model: str) -> None:
    raw = client.messages.with_raw_response.count_tokens(model=model, messages=[user("Hello there, all of you. " * 40)])
    assert raw.headers["x-gateway-estimate"] == "true"
    assert 150 < raw.parse().input_tokens < 500
    assert sent(emulator) == []


def test_a_refusal_to_count_is_an_estimate(client: Anthropic, emulator: Emulator) -> None:
    emulator.script(
        {"operation": "CountTokens", "status": 429, "body": {"__type": "ThrottlingException", "message": "m"}}
    )
    raw = client.messages.with_raw_response.count_tokens(model=CLAUDE, messages=[user("Hello")])
    assert raw.headers["x-gateway-estimate"] == "true"


def test_counts_are_on_the_books_and_cost_nothing(emulator: Emulator) -> None:
    with wire.serving(emulator.url, wrap=RECORDER.wrap, api_key=KEY) as gateway, sdk(gateway.url) as client:
        assert client.messages.count_tokens(model=CLAUDE, messages=[user("Hello")]).input_tokens
        with pytest.raises(anthropic.NotFoundError):
            client.messages.count_tokens(model="nothing", messages=[user("Hello")])
        good, bad = gateway.records(2)
        assert (good.call.endpoint, good.outcome, good.cost.total, good.usage) == (
            "messages.count_tokens",
            "ok",
            0,
            Usage(),
        )
        assert (bad.outcome, bad.status, bad.error_code) == ("error", 404, "model_not_found")


class OneKey:
    """Implements Keys: one caller, with rules."""

    def __init__(self, access: Access, *scopes: Scope) -> None:
        self._caller = Caller("key-1", access=access, scopes=scopes)

    async def authenticate(self, presented: str) -> Caller | None:
        return self._caller


def test_counting_respects_what_a_key_may_call(emulator: Emulator) -> None:
    with serving(emulator.url, keys=OneKey(Access(models=("amazon.*",)))) as url, sdk(url) as client:
        assert client.messages.count_tokens(model=NOVA, messages=[user("Hello")]).input_tokens
        with pytest.raises(anthropic.PermissionDeniedError) as raised:
            client.messages.count_tokens(model=CLAUDE, messages=[user("Hello")])
        body: Any = raised.value.body
        assert body["error"]["type"] == "permission_error"


def test_rates_are_told_and_kept(emulator: Emulator) -> None:
    keys = OneKey(Access(), Scope("key", "key-1", rates=Rates(rpm=1, tpm=100_000)))
    with serving(emulator.url, keys=keys, table=MemoryTable()) as url, sdk(url) as client:
        for _ in range(3):
            client.messages.count_tokens(model=NOVA, messages=[user("Hello")])  # counted, and not counted as a request
        raw = client.messages.with_raw_response.create(model=NOVA, max_tokens=5, messages=[user("Hello")])
        assert raw.headers["anthropic-ratelimit-requests-limit"] == "1"
        assert raw.headers["anthropic-ratelimit-requests-remaining"] == "0"
        assert raw.headers["anthropic-ratelimit-tokens-limit"] == "100000"
        assert raw.headers["anthropic-ratelimit-requests-reset"].endswith("Z")
        with pytest.raises(anthropic.RateLimitError) as raised:
            ask(client, True, user("Hello"), model=NOVA)
        assert raised.value.response.headers["retry-after"]
        assert raised.value.response.headers["anthropic-ratelimit-requests-remaining"] == "0"


# Models


def test_models_are_theirs_for_their_clients(client: Anthropic, http: httpx.Client) -> None:
    models = list(client.models.list(limit=5))
    assert [model.id for model in models] == sorted(model.id for model in models)
    assert CLAUDE in {model.id for model in models}
    assert client.models.retrieve(CLAUDE).type == "model"
    with pytest.raises(anthropic.NotFoundError) as raised:
        client.models.retrieve("nothing")
    body: Any = raised.value.body
    assert body["error"]["type"] == "not_found_error"
    assert http.get("/v1/models", headers={"x-api-key": KEY}).json()["object"] == "list"


def test_a_stream_begins_with_an_estimate_of_its_input_and_ends_with_the_exact_number(client: Anthropic) -> None:
    asked: dict[str, Any] = {"model": CLAUDE, "max_tokens": 50, "messages": [user("word " * 700)]}
    exact = client.messages.create(**asked).usage.input_tokens
    with client.messages.stream(**asked) as stream:
        events = list(stream)
        final = stream.get_final_message()
    (start,) = (event.message.usage for event in events if event.type == "message_start")
    assert exact / 2 < start.input_tokens < exact * 2
    assert final.usage.input_tokens == exact
