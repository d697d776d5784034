"""AWS's refusals as OpenAI's errors: the table, the wordings seen in the field, and what is kept back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.plan import QUIRKS
from app.errors import ContextOverflow, GatewayError, InvalidRequest, NotFound, PermissionDenied, UnsupportedField
from app.upstreams.errors import QUIRK_PATTERNS, from_aws, scrub
from local.models import MODELS
from local.rules import violations

TABLE = [
    ("ValidationException", 400, 400, "invalid_request_error", None),
    ("SerializationException", 400, 400, "invalid_request_error", None),
    ("ResourceNotFoundException", 404, 404, "invalid_request_error", "model_not_found"),
    ("AccessDeniedException", 403, 403, "permission_error", "access_denied"),
    ("UnrecognizedClientException", 403, 500, "server_error", "upstream_auth"),
    ("InvalidSignatureException", 403, 500, "server_error", "upstream_auth"),
    ("IncompleteSignature", 400, 500, "server_error", "upstream_auth"),
    ("InvalidClientTokenId", 403, 500, "server_error", "upstream_auth"),
    ("MissingAuthenticationToken", 403, 500, "server_error", "upstream_auth"),
    ("ExpiredTokenException", 403, 503, "server_error", "upstream_auth"),
    ("ExpiredToken", 400, 503, "server_error", "upstream_auth"),
    ("ThrottlingException", 429, 429, "rate_limit_error", "rate_limit_exceeded"),
    ("TooManyRequestsException", 429, 429, "rate_limit_error", "rate_limit_exceeded"),
    ("ServiceQuotaExceededException", 400, 429, "insufficient_quota", "insufficient_quota"),
    ("ModelNotReadyException", 429, 503, "server_error", "model_not_ready"),
    ("ModelTimeoutException", 408, 504, "server_error", "model_timeout"),
    ("ModelErrorException", 424, 502, "server_error", "model_error"),
    ("ModelStreamErrorException", 424, 502, "server_error", "model_stream_error"),
    ("ServiceUnavailableException", 503, 503, "server_error", "service_unavailable"),
    ("InternalServerException", 500, 500, "server_error", "internal_error"),
    ("ConflictException", 400, 409, "invalid_request_error", "conflict"),
    ("DependencyFailedException", 424, 502, "server_error", "dependency_failed"),
    ("BadGatewayException", 502, 502, "server_error", "bad_gateway"),
    ("TooManyTagsException", 400, 400, "invalid_request_error", None),
]


@pytest.mark.parametrize(("code", "status", "expected", "kind", "ours"), TABLE)
def test_each_code_of_aws_has_its_error(code: str, status: int, expected: int, kind: str, ours: str | None) -> None:
    error = from_aws(code, "something", status)
    assert (error.status, error.type, error.code) == (expected, kind, ours)


@pytest.mark.parametrize(
    "code",
    [
        "throttlingException",
        "ThrottlingException:http://internal.amazon.com/coral/",
        "com.amazon.coral.service#ThrottlingException",
    ],
)
def test_a_code_is_known_in_every_spelling(code: str) -> None:
    assert from_aws(code, "slow down", 429).code == "rate_limit_exceeded"


@pytest.mark.parametrize(
    ("status", "expected", "code"),
    [
        (400, 400, None),
        (403, 403, "access_denied"),
        (404, 404, "model_not_found"),
        (408, 504, "model_timeout"),
        (413, 413, "request_too_large"),
        (418, 400, None),
        (424, 502, "model_error"),
        (429, 429, "rate_limit_exceeded"),
        (502, 502, "bad_gateway"),
        (503, 503, "service_unavailable"),
        (504, 504, "model_timeout"),
        (599, 500, "internal_error"),
    ],
)
def test_a_proxy_page_without_code_is_judged_by_its_status(status: int, expected: int, code: str | None) -> None:
    error = from_aws("", "", status)
    assert (error.status, error.code) == (expected, code)
    assert error.message


def test_a_throttled_client_is_told_when_to_come_back() -> None:
    assert from_aws("ThrottlingException", "Too many requests", 429).retry_after == 2.0


def test_a_daily_quota_is_not_tried_again() -> None:
    error = from_aws("ThrottlingException", "Too many tokens per day, please wait before trying again.", 429)
    assert (error.status, error.should_retry, error.retry_after) == (429, False, None)


@pytest.mark.parametrize(
    ("original", "status", "kind"), [(400, 400, InvalidRequest), (422, 422, InvalidRequest), (404, 400, InvalidRequest)]
)
def test_a_models_own_refusal_is_the_clients_to_mend(original: int, status: int, kind: type[GatewayError]) -> None:
    error = from_aws("ModelErrorException", "bad input", 424, {"originalStatusCode": original})
    assert (error.status, type(error)) == (status, kind)


@pytest.mark.parametrize("original", [None, 429, 500, "400"])
def test_a_models_own_failure_is_a_bad_gateway(original: object) -> None:
    assert from_aws("ModelErrorException", "oops", 424, {"originalStatusCode": original}).status == 502


MARKERS = (
    "input is too long",
    "prompt is too long",
    "input tokens exceeded",
    "maximum context length",
    "context_length_exceeded",
    "exceeds the context window",
    "context window exceeds limit",
    "input tokens exceed the configured limit",
    "exceed model maximum",
    "too many input tokens",
    "is longer than the model's context length",
    "exceed context limit",
    "exceeds the maximum number of tokens",
    "input length and `max_tokens` exceed",
    "too many tokens",
)
"""Wordings of AWS's documentation, and more of the field."""


@pytest.mark.parametrize("marker", MARKERS)
@pytest.mark.parametrize("code", ["ValidationException", "modelStreamErrorException"])
def test_an_overflow_is_told_in_both_wordings_agents_look_for(marker: str, code: str) -> None:
    error = from_aws(code, f"Oh: {marker.upper()}.", 400)
    assert (error.status, error.code, error.param) == (400, "context_length_exceeded", "messages")
    assert "maximum context length" in error.message
    assert "prompt is too long" in error.message


@pytest.mark.parametrize(
    "message",
    [
        "prompt is too long: 210,000 tokens > 200,000 maximum",
        "The model returned the following errors: prompt is too long: 210000 tokens > 200000 maximum",
        "Input length of 210000 exceeds the maximum of 200000.",
    ],
)
def test_an_overflow_is_told_with_its_numbers(message: str) -> None:
    error = from_aws("ValidationException", f"Too many tokens. {message}", 400)
    assert error.message.startswith(
        "This model's maximum context length is 200000 tokens. However, your messages resulted in 210000 tokens. "
        "Please reduce the length of the messages. (prompt is too long: 210000 tokens > 200000 maximum) "
    )


def test_an_overflow_without_numbers_names_the_models_own_length() -> None:
    error = from_aws("ValidationException", "Input is too long for requested model.", 400)
    assert isinstance(error, ContextOverflow)
    assert error.of(None) is error
    assert error.of(200_000).message == (
        "This model's maximum context length is 200000 tokens. Please reduce the length of the messages. "
        "(prompt is too long) Input is too long for requested model."
    )


def test_a_model_id_aws_does_not_know_is_a_404() -> None:
    error = from_aws("ValidationException", "The provided model identifier is invalid.", 400)
    assert isinstance(error, NotFound)
    assert (error.code, error.param) == ("model_not_found", "model")


def test_a_data_retention_mode_is_a_permission() -> None:
    error = from_aws("ValidationException", "This model is not available under data retention mode x.", 400)
    assert isinstance(error, PermissionDenied)
    assert error.code == "data_retention"


SAYS = "The model returned the following errors: "
REFUSALS = [
    ("profile", "Invocation of model ID x with on-demand throughput isn’t supported. Retry with an inference profile."),
    (
        "reasoning_missing",
        SAYS + "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When "
        "`thinking` is enabled, a final `assistant` message must start with a thinking block.",
    ),
    ("reasoning_missing", SAYS + "a final assistant message must start with a thinking block"),
    ("reasoning_replay", SAYS + "messages.1.content.0: Invalid `signature` in `thinking` block"),
    ("reasoning_replay", SAYS + "messages.7.content.2: Invalid signature in thinking block"),
    ("reasoning_replay", SAYS + "messages.1.content.0: Invalid `data` in `redacted_thinking` block"),
    ("reasoning_replay", SAYS + "messages.369.content.0.thinking.signature: Field required"),
    ("reasoning_replay", SAYS + "messages.1.content.0.thinking.thinking: Input should be a valid string"),
    ("reasoning_replay", SAYS + "messages.1.content.0.thinking.signature: Input should be a valid string"),
    (
        "reasoning_replay",
        SAYS
        + "messages.3.content.1: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be "
        "modified. These blocks must remain as they were in the original response.",
    ),
    ("reasoning_replay", SAYS + "`thinking` blocks cannot be modified."),
    (
        "reasoning_replay",
        "This model doesn't support the reasoningContent field. Remove reasoningContent and try again.",
    ),
    (
        "reasoning_replay",
        "This model doesn't support the reasoningContent.reasoningText.text field for assistant messages. Remove "
        "reasoningContent.reasoningText.text and try again.",
    ),
    ("reasoning_replay", "This model doesn't support the reasoningContent.redactedContent field."),
    ("reasoning_replay", "Unsupported field for assistant messages: reasoningContent."),
    ("reasoning_replay", "The field for assistant messages `thinking` is not supported by this model."),
    ("reasoning_replay", "The reasoning field for assistant messages is not allowed."),
    ("reasoning_replay", "User messages cannot contain reasoning content. Please remove the reasoning content."),
    ("reasoning_replay", SAYS + "The encrypted content gAAA could not be verified. Reason: it could not be decrypted."),
    ("reasoning_replay", SAYS + "invalid_encrypted_content"),
    ("reasoning_replay", SAYS + "Item 'rs_1' of type 'reasoning' was provided without its required following item."),
    ("forced_tool_choice", SAYS + "Thinking may not be enabled when tool_choice forces tool use."),
    ("forced_tool_choice", "This model doesn't support the toolConfig.toolChoice.any field. Remove it."),
    ("tool_choice", "This model doesn't support the toolConfig.toolChoice field."),
    ("sampling_pair", SAYS + "`temperature` and `top_p` cannot both be specified for this model. Please use only one."),
    ("temperature", SAYS + "`temperature` is deprecated for this model."),
    ("temperature", "This model doesn't support the inferenceConfig.temperature field."),
    ("temperature", SAYS + "`temperature` may only be set to 1 when thinking is enabled."),
    ("top_p", SAYS + "`top_p` is deprecated for this model."),
    ("stop", "This model doesn't support the stopSequences field. Remove stopSequences and try again."),
    ("cache_points", "This model doesn't support the cachePoint field. Remove cachePoint and try again."),
    (
        "cache_points",
        "You invoked an unsupported model or your request did not allow prompt caching. See the documentation.",
    ),
    ("cache_points", "Malformed input request: #/messages/0: extraneous key [cachePoint] is not permitted"),
    ("cache_ttl", "This model doesn't support the cachePoint.ttl field. Remove cachePoint.ttl and try again."),
    (
        "prefill",
        SAYS + "This model does not support assistant message prefill. The conversation must end with a user message.",
    ),
    ("schema", "output_config.format.schema: Schema is too complex"),
    ("text_format", SAYS + "output_config.format: Extra inputs are not permitted"),
    ("strict", SAYS + "tools.0.custom.strict: Extra inputs are not permitted"),
    ("tools_in_stream", "This model doesn't support tool use in streaming mode."),
    ("stream", "The model does not support streaming."),
    ("tool_result_images", "This model doesn't support the image content block in toolResult. Remove it."),
    ("system_prompt", "This model doesn't support system messages."),
    ("system_role", "messages.2.role: This model doesn't support the system role in messages."),
    ("service_tier", "The requested service tier is not supported: serviceTier flex is not available for this model"),
    ("effort", SAYS + "output_config.effort: Input should be one of 'low', 'medium'"),
    ("reasoning", SAYS + "thinking: Extra inputs are not permitted"),
    ("reasoning", SAYS + "adaptive thinking is not supported on this model"),
    ("reasoning", "Malformed input request: #: extraneous key [reasoning] is not permitted"),
    ("reasoning", "This model doesn't support the additionalModelRequestFields.reasoning_effort field."),
    ("prefill", SAYS + "This model does not support assistant message prefill when thinking is enabled."),
    ("max_tokens:10000", "The maximum tokens you requested exceeds the model limit of 10000. Try again with less."),
]


@pytest.mark.parametrize(("quirk", "message"), REFUSALS)
def test_a_refused_field_is_known_by_its_wording(quirk: str, message: str) -> None:
    error = from_aws("ValidationException", message, 400)
    assert isinstance(error, UnsupportedField), error
    assert error.quirk == quirk
    assert error.code == "unsupported_parameter"


def test_every_quirk_is_one_the_planner_knows() -> None:
    assert {quirk.name for quirk in QUIRK_PATTERNS} <= set(QUIRKS)


def test_a_message_that_names_no_field_stays_a_plain_400() -> None:
    error = from_aws("ValidationException", "messages.0.content.0.image: Could not process image", 400)
    assert type(error) is InvalidRequest
    assert error.message == "messages.0.content.0.image: Could not process image"


@pytest.mark.parametrize(
    "secret",
    [
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude",
        "arn:aws-us-gov:iam::123456789012:role/gateway",
        "123456789012",
        "AKIAIOSFODNN7EXAMPLE",
        "ABSKQmVkcm9ja0FQSUtleS1leGFtcGxl",
    ],
)
@pytest.mark.parametrize("code", ["ValidationException", "AccessDeniedException", "InternalServerException"])
def test_no_arn_account_or_key_reaches_a_client(secret: str, code: str) -> None:
    assert secret not in from_aws(code, f"User {secret} is not authorized", 400).message
    assert secret not in from_aws(code, f"prompt is too long for {secret}", 400).message


def test_the_gateways_own_credentials_are_not_talked_about() -> None:
    error = from_aws("InvalidSignatureException", "The request signature we calculated does not match", 403)
    assert "signature" not in error.message
    assert error.should_retry is False


def test_access_denied_says_what_to_look_at() -> None:
    assert "gateway's role" in from_aws("AccessDeniedException", "", 403).message


def test_a_long_message_is_cut() -> None:
    assert len(scrub("x" * 10_000)) == 2000


@given(st.text(max_size=40), st.text(max_size=200), st.integers(400, 599))
def test_whatever_aws_says_is_an_error_with_a_message(code: str, message: str, status: int) -> None:
    error = from_aws(code, message, status)
    assert error.message
    assert 400 <= error.status < 600


@pytest.mark.parametrize(
    "model", sorted(name for name, facts in MODELS.items() if facts.on_demand and not facts.provisioned_only)
)
@pytest.mark.parametrize("field", ["temperature", "topP", "stopSequences"])
def test_what_the_emulator_refuses_is_understood(model: str, field: str) -> None:
    value = {"temperature": 0.5, "topP": 0.5, "stopSequences": ["x"]}[field]
    body = {"messages": [{"role": "user", "content": [{"text": "hi"}]}], "inferenceConfig": {field: value}}
    expected = {"temperature": "temperature", "topP": "top_p", "stopSequences": "stop"}[field]
    for text in violations(model, body):
        error = from_aws("ValidationException", text, 400)
        assert isinstance(error, UnsupportedField)
        assert error.quirk == expected


@pytest.mark.parametrize(
    ("message", "of_value"),
    [
        ("This model doesn't support the temperature field. Remove temperature and try again.", False),
        ("`temperature` is deprecated for this model.", False),
        ("temperature 1.7 is not permitted: it must be between 0 and 1.", True),
        ("output_config.effort: Input should be 'low', 'medium' or 'high'.", True),
        ("stop_sequences: at most 4 are not allowed to be exceeded.", True),
        ("Unsupported value: 'minimal' is not supported with reasoning_effort.", True),
        ("This model does not support the effort parameter.", False),
    ],
)
def test_a_refusal_says_whether_it_is_about_the_value_or_about_the_field(message: str, of_value: bool) -> None:
    error = from_aws("ValidationException", message, 400)
    assert isinstance(error, UnsupportedField)
    assert error.of_value is of_value
