"""What the service model forbids and botocore lets through, in AWS's words; posted raw, as any client could."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator import Emulator
from tests.unit.local.asking import CLAUDE, ask, assistant, tools, user

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=AKID/20261120/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0"
)


def post(emulator: Emulator, body: Any, path: str = "", headers: dict[str, str] | None = None) -> tuple[int, str, str]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    path = path or "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"
    sent = {"Authorization": AUTHORIZATION} if headers is None else headers
    request = urllib.request.Request(emulator.url + path, raw, sent, method="POST")
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, "", response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["x-amzn-ErrorType"], json.loads(error.read())["message"]


LONG_ID = {"toolUse": {"toolUseId": "a b", "name": "f", "input": {}}}


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (
            {"inferenceConfig": {"temperature": 1.5}},
            "1 validation error detected: Value '1.5' at 'inferenceConfig.temperature' failed to satisfy constraint: "
            "Member must have value less than or equal to 1",
        ),
        ({"inferenceConfig": {"maxTokens": 0}}, "Member must have value greater than or equal to 1"),
        ({"serviceTier": {"type": "zzz"}}, "Member must satisfy enum value set: [default, flex, priority, reserved]"),
        ({"requestMetadata": {"k": "ü"}}, "Member must satisfy regular expression pattern"),
        ({"requestMetadata": {}}, "Member must have length greater than or equal to 1"),
        ({"requestMetadata": {str(n): "v" for n in range(17)}}, "Member must have length less than or equal to 16"),
        ({"surprise": 1}, "Malformed input request: #: extraneous key [surprise] is not permitted, please reformat"),
        (
            {"messages": [{"role": "user", "content": [{"text": "a", "x": 1}]}]},
            "#/messages/0/content/0: extraneous key [x]",
        ),
        (
            {"messages": [{"content": [{"text": "a"}]}]},
            "Value null at 'messages.1.member.role' failed to satisfy constraint",
        ),
        (
            {"messages": [user("a"), assistant(LONG_ID)]},
            "Value 'a b' at 'messages.2.member.content.1.member.toolUse.toolUseId' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-zA-Z0-9_.:-]+",
        ),
        (
            {"messages": [{"role": "user", "content": [{}]}]},
            "The ContentBlock object at messages.0.content.0 must set one of the following keys: text, image,",
        ),
        ({"toolConfig": tools("a b")}, "at 'toolConfig.tools.1.member.toolSpec.name' failed to satisfy constraint"),
        ({"inferenceConfig": {"temperature": 2, "topP": 2}}, "2 validation errors detected: "),
    ],
)
def test_a_broken_shape_is_named_in_aws_words(emulator: Emulator, members: dict[str, Any], expected: str) -> None:
    status, code, message = post(emulator, {"messages": [user("hi")], **members})
    assert (status, code) == (400, "ValidationException")
    assert expected in message


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff",
        [],
        {"messages": "hi"},
        {"messages": [user("hi")], "inferenceConfig": {"maxTokens": 1.5}},
        {"messages": [{"role": 1, "content": []}]},
        {"messages": [user({"toolResult": {"toolUseId": "t", "content": {}}})]},
        {
            "messages": [user("hi")],
            "system": [{"guardContent": {"image": {"format": "png", "source": {"bytes": "!"}}}}],
        },
        {"messages": [user("hi")], "toolConfig": {"tools": [{"toolSpec": {"strict": "yes"}}]}},
        {"messages": [user("hi")], "requestMetadata": [1]},
        {"messages": [user({"image": {"format": "png", "source": {"bytes": 5}}})]},
        {"messages": [user("hi")], "promptVariables": {"a": True}},
    ],
)
def test_json_of_the_wrong_kind_does_not_deserialize(emulator: Emulator, body: Any) -> None:
    assert post(emulator, body)[:2] == (400, "SerializationException")


def test_an_empty_body_lacks_nothing_that_has_a_name_but_messages(emulator: Emulator) -> None:
    assert post(emulator, b"")[2] == "messages: at least one message is required"


def test_a_request_without_authorization_is_refused(emulator: Emulator) -> None:
    answer = post(emulator, {"messages": [user("hi")]}, headers={})
    assert answer == (403, "MissingAuthenticationTokenException", "Missing Authentication Token")


def test_a_bearer_key_is_as_good_as_a_signature(emulator: Emulator) -> None:
    assert post(emulator, {"messages": [user("hi")]}, headers={"Authorization": "Bearer key"})[0] == 200


@pytest.mark.parametrize("path", ["/model/x/unheard-of", "/", "/model/a/b/converse", "/model//converse"])
def test_an_unknown_path_is_an_unknown_operation(emulator: Emulator, path: str) -> None:
    assert post(emulator, {}, path)[:2] == (404, "UnknownOperationException")


def test_the_model_id_is_unquoted_exactly_once(emulator: Emulator) -> None:
    status, _, message = post(emulator, {"messages": [user("hi")]}, "/model/amazon.nova-lite-v1%253A0/converse")
    assert status == 400
    assert "Value 'amazon.nova-lite-v1%3A0' at 'modelId' failed to satisfy constraint" in message


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("made.up-model", "The provided model identifier is invalid."),
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "The provided model identifier is invalid."),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "with on-demand throughput isn’t supported"),
        ("anthropic.claude-3-haiku-20240307-v1:0:200k", "with on-demand throughput isn’t supported"),
    ],
)
def test_models_that_cannot_be_called_so(runtime: Any, model: str, expected: str) -> None:
    with pytest.raises(ClientError, match=expected):
        ask(runtime, model=model)


def test_validation_can_be_left_out() -> None:
    with Emulator(validate=False) as lenient:
        assert post(lenient, {"messages": [user("hi")], "inferenceConfig": {"temperature": 9}})[0] == 200


def test_a_semantic_rule_reaches_the_wire(runtime: Any) -> None:
    with pytest.raises(ClientError) as raised:
        runtime.converse(modelId=CLAUDE, messages=[user(" ")])
    error = raised.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"].startswith("The text field in the ContentBlock object at messages.0.content.0 is blank.")
