"""Claude's native body through InvokeModel and its streaming form."""

import json
from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import ClientError, EventStreamError

from tests.unit.local.asking import CLAUDE

BODY: dict[str, Any] = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hello there"}],
}


def invoke(runtime: Any, **members: Any) -> tuple[Any, dict[str, str]]:
    response = runtime.invoke_model(modelId=CLAUDE, body=json.dumps({**BODY, **members}))
    with response["body"] as stream:
        return json.loads(stream.read()), response["ResponseMetadata"]["HTTPHeaders"]


def streamed(runtime: Any, text: str) -> list[Any]:
    body = {**BODY, "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]}
    response = runtime.invoke_model_with_response_stream(modelId=CLAUDE, body=json.dumps(body))
    assert response["contentType"] == "application/json"
    with closing(response["body"]) as chunks:
        return [json.loads(event["chunk"]["bytes"]) for event in chunks]


def test_a_whole_message_and_its_token_headers(runtime: Any) -> None:
    message, headers = invoke(runtime, system="Be brief.")
    assert message["content"] == [{"type": "text", "text": "You said: hello there"}]
    assert headers["x-amzn-bedrock-output-token-count"] == str(message["usage"]["output_tokens"])
    assert headers["x-amzn-bedrock-input-token-count"] == str(message["usage"]["input_tokens"])


def test_a_stop_sequence(runtime: Any) -> None:
    message, _ = invoke(runtime, stop_sequences=["there"])
    assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", "there")


def test_the_native_stream(runtime: Any) -> None:
    events = streamed(runtime, "hello there")
    assert [events[0]["type"], events[-1]["type"]] == ["message_start", "message_stop"]
    text = "".join(event["delta"]["text"] for event in events if event["type"] == "content_block_delta")
    assert text == "You said: hello there"
    assert events[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] > 0


def test_the_native_stream_fails_on_request(runtime: Any) -> None:
    with pytest.raises(EventStreamError, match="modelTimeoutException"):
        streamed(runtime, "hello [[emulate: error=ModelTimeoutException after=1]]")
    with pytest.raises(EventStreamError, match="throttlingException"):
        streamed(runtime, "hello [[emulate: first-event-throttle]]")
    with pytest.raises(ClientError, match="ThrottlingException"):
        streamed(runtime, "hello [[emulate: throttle]]")


def test_the_whole_message_fails_on_request(runtime: Any) -> None:
    with pytest.raises(ClientError, match="503"):
        invoke(runtime, messages=[{"role": "user", "content": "[[emulate: html-503]]"}])


@pytest.mark.parametrize("missing", ["anthropic_version", "max_tokens", "messages"])
def test_a_body_without_what_anthropic_requires(runtime: Any, missing: str) -> None:
    body = {name: value for name, value in BODY.items() if name != missing}
    with pytest.raises(ClientError, match=missing):
        runtime.invoke_model(modelId=CLAUDE, body=json.dumps(body))


@pytest.mark.parametrize(
    ("model", "body", "expected"),
    [
        (CLAUDE, "no json", "expected type: JSONObject"),
        ("amazon.nova-lite-v1:0", "{}", "use Converse"),
        ("anthropic.claude-opus-5", "{}", "on-demand throughput"),
    ],
)
def test_what_cannot_be_invoked(runtime: Any, model: str, body: str, expected: str) -> None:
    with pytest.raises(ClientError, match=expected):
        runtime.invoke_model(modelId=model, body=body)
