"""What AWS says when it refuses, in the gateway's own errors. Table-driven, pure, the only place that reads AWS's wording.

Sources: the error shapes of botocore's `bedrock-runtime` model; wordings as observed in the field (2026). Messages that
reach a client are AWS's own with ARNs and account ids taken out, because they name the field at fault.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from app.errors import (
    ContextOverflow,
    GatewayError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    TooLarge,
    UnsupportedField,
    UpstreamFailure,
)

_SECRETS = r"arn:aws[a-z-]*:[^\s\"',)]*|(?<!\d)\d{12}(?!\d)|\b(?:AKIA|ASIA|ABSK)[A-Za-z0-9+/=]{8,}"

_TOO_LONG = (
    r"(?:context[ _](?:window|length|size|limit)|prompt|input(?: tokens?| length| text| is|$)|(?:input )?token count"
    r"|request size|total length).{0,60}"
    r"(?:exceed|too long|too large|greater than|longer than|over the limit)"
    r"|(?:exceed\w*|longer than|too many|maximum).{0,60}"
    r"(?:context[ _](?:window|length|size|limit)|input (?:tokens|length)|max_num_tokens|number of tokens|model maximum)"
    r"|too many (?:input )?tokens|context_length_exceeded|expected maxlength: \d+, actual: \d+"
)
"""A prompt that does not fit, in every wording seen or likely: clients compact only when told so."""


class _Quirk(NamedTuple):
    name: str
    pattern: str
    param: str | None


_REFUSED = (
    r"(?:n[o'\u2019]t support|unsupported|not permitted|not allowed|deprecated|not available|cannot be used"
    r"|extraneous)"
)

_IN_ASSISTANT = r"(?:field|block)s?\W{0,3}(?:for|in|of)\b.{0,20}\bassistant\W{0,3} messages?"
_REPLAY = (
    r"(?:invalid|missing|malformed)\W.{0,20}\b(?:signature|data)\b.{0,40}\b(?:thinking|reasoning)",
    r"\b(?:thinking|reasoning)\w*\b.{0,60}\bsignature",
    r"reasoning[ _]?(?:content|text)|redacted[ _]?(?:content|thinking)|encrypted[ _]?content",
    r"messages\.\d+\.content\.\d+\S{0,20}\b(?:thinking|reasoning)|of type \W?reasoning\W? was provided without",
    r"\bthinking\W{0,3} blocks?\b.{0,80}\b(?:invalid|cannot|must|not)\b|invalid.{0,20}\bthinking\W{0,3} block",
    _IN_ASSISTANT + r".{0,60}\b(?:thinking|reasoning)|\b(?:thinking|reasoning).{0,80}" + _IN_ASSISTANT,
)
"""Reasoning in the history that the model refuses: Anthropic's wordings for a signature or data that is not its own, for one
that is missing and for a block that was changed; AWS's for a field of `reasoningContent`, before or after the words `field
for assistant messages`; OpenAI's for encrypted content. None of them says anything of the switch that turns reasoning on."""

QUIRK_PATTERNS = (
    _Quirk("profile", r"on-demand throughput isn.?t supported", "model"),
    _Quirk(
        "reasoning_missing", r"expected `?'?(?:redacted_)?thinking|must (?:start|begin) with a `?thinking", "messages"
    ),
    *(_Quirk("reasoning_replay", pattern, "messages") for pattern in _REPLAY),
    _Quirk("forced_tool_choice", r"thinking may not be enabled when tool_choice forces", "tool_choice"),
    _Quirk(
        "forced_tool_choice", r"tool_?choice\W{0,3}(?:type)?.{0,40}\b(?:any|tool)\b.{0,60}" + _REFUSED, "tool_choice"
    ),
    _Quirk("forced_tool_choice", _REFUSED + r".{0,60}tool_?choice.{0,30}\b(?:any|tool|forced)\b", "tool_choice"),
    _Quirk("tool_choice", r"tool_?choice.{0,80}" + _REFUSED, "tool_choice"),
    _Quirk("tool_choice", _REFUSED + r".{0,60}tool_?choice", "tool_choice"),
    _Quirk("sampling_pair", r"temperature\W{0,3} and \W{0,2}top_?p\W{0,3} cannot both", "top_p"),
    _Quirk("temperature", r"temperature\W.{0,80}" + _REFUSED, "temperature"),
    _Quirk("temperature", _REFUSED + r".{0,60}\btemperature\b", "temperature"),
    _Quirk("temperature", r"temperature\W.{0,20}may only be set to 1", "temperature"),
    _Quirk("top_p", r"top_?p\b.{0,80}" + _REFUSED, "top_p"),
    _Quirk("top_p", _REFUSED + r".{0,60}\btop_?p\b", "top_p"),
    _Quirk("stop", r"stop_?sequences?\b.{0,80}" + _REFUSED, "stop"),
    _Quirk("stop", _REFUSED + r".{0,60}\bstop_?sequences?\b", "stop"),
    _Quirk("cache_ttl", r"\bttl\b.{0,80}" + _REFUSED, None),
    _Quirk("cache_ttl", _REFUSED + r".{0,60}\bttl\b", None),
    _Quirk("cache_points", r"cache_?point.{0,80}" + _REFUSED, None),
    _Quirk("cache_points", _REFUSED + r".{0,60}(?:cache_?point|prompt caching)", None),
    _Quirk("cache_points", r"did not allow prompt caching", None),
    _Quirk(
        "prefill",
        r"(?:does not|doesn.t) support assistant message prefill|conversation must end with a user message",
        "messages",
    ),
    _Quirk(
        "schema", r"compilation exceeded limits|schema is too complex|output_config\.format\.schema", "response_format"
    ),
    _Quirk("text_format", r"(?:output_?config\W{0,3}format|text_?format).{0,80}" + _REFUSED, "response_format"),
    _Quirk("strict", r"\bstrict\b.{0,80}" + _REFUSED, "tools"),
    _Quirk("strict", _REFUSED + r".{0,60}\bstrict\b", "tools"),
    _Quirk(
        "tools_in_stream", r"tool use in streaming mode|stream\w*.{0,30}(?:with|and) tool.{0,40}" + _REFUSED, "tools"
    ),
    _Quirk("tools_in_stream", r"doesn.t support tool use in streaming", "tools"),
    _Quirk("stream", r"(?:does not|doesn.t) support streaming|converse_?stream.{0,60}" + _REFUSED, "stream"),
    _Quirk("tool_result_images", r"tool_?result.{0,80}\bimages?\b.{0,60}" + _REFUSED, "messages"),
    _Quirk("tool_result_images", r"\bimages?\b.{0,60}tool_?result.{0,60}" + _REFUSED, "messages"),
    _Quirk("tool_result_images", _REFUSED + r".{0,60}\bimages?\b.{0,40}tool_?result", "messages"),
    _Quirk("system_prompt", r"(?:does not|doesn.t) support system (?:messages|prompts?)", "messages"),
    _Quirk("system_role", r"(?:\brole\W{0,3}.{0,20}\bsystem\b|system role).{0,60}" + _REFUSED, "messages"),
    _Quirk("system_role", _REFUSED + r".{0,40}\bsystem role\b", "messages"),
    _Quirk("service_tier", r"service_?tier.{0,80}" + _REFUSED, "service_tier"),
    _Quirk("service_tier", _REFUSED + r".{0,60}service_?tier", "service_tier"),
    _Quirk(
        "betas",
        r"(?:invalid|unknown|unsupported|unexpected)\W{0,3}beta\b|\bbeta (?:flag|header).{0,80}" + _REFUSED,
        None,
    ),
    _Quirk("effort", _REFUSED + r".{0,60}\beffort\b", "reasoning_effort"),
    _Quirk("effort", r"\beffort\b.{0,80}(?:" + _REFUSED + r"|invalid|must be|input should be)", "reasoning_effort"),
    _Quirk("reasoning", r"\b(?:thinking|reasoning\w*)\b.{0,80}" + _REFUSED, "reasoning_effort"),
    _Quirk("reasoning", _REFUSED + r".{0,60}\b(?:thinking|reasoning\w*)\b", "reasoning_effort"),
)
"""In order: the first that matches names the quirk. Loose on purpose: AWS changes its words, and quotes."""


_OF_VALUE = (
    r"\b(?:values?|must be|should be|has to be|may only be|can only be|range|between|(?:less|greater|more|fewer) than"
    r"|at (?:most|least)|maximum|minimum|one of|too (?:high|low|long|many|large|small))\b"
)
"""Words of a refusal that is about the value and not about the field: what the model takes instead."""


def _found(pattern: str, message: str) -> re.Match[str] | None:
    """Compiled at the first error and kept by `re`: a cold start has no use for them and would pay 10 ms."""
    return re.search(pattern, message, re.IGNORECASE | re.DOTALL)


_TOKEN_LIMIT = (
    r"max\w*[ _]?tokens.{0,80}?(?:exceeds? the (?:model|maximum)?[ \w]{0,20}(?:limit|maximum)(?: of)?"
    r"|must be less than or equal to|:? ?\d[\d,]* > )\s*([\d,]{3,9})"
)
"""`The maximum tokens you requested exceeds the model limit of 10000. ...`"""


class _Row(NamedTuple):
    kind: type[GatewayError]
    status: int
    code: str | None
    retry_after: float | None = None
    should_retry: bool | None = None


_TABLE: dict[str, _Row] = {
    "ValidationException": _Row(InvalidRequest, 400, None),
    "SerializationException": _Row(InvalidRequest, 400, None),
    "UnknownOperationException": _Row(UpstreamFailure, 502, "upstream_config", None, False),
    "ResourceNotFoundException": _Row(NotFound, 404, "model_not_found"),
    "AccessDeniedException": _Row(PermissionDenied, 403, "access_denied"),
    "ThrottlingException": _Row(RateLimited, 429, "rate_limit_exceeded", 2.0),
    "Throttling": _Row(RateLimited, 429, "rate_limit_exceeded", 2.0),
    "TooManyRequestsException": _Row(RateLimited, 429, "rate_limit_exceeded", 2.0),
    "ServiceQuotaExceededException": _Row(QuotaExceeded, 429, "insufficient_quota", None, False),
    "ModelNotReadyException": _Row(UpstreamFailure, 503, "model_not_ready", 10.0),
    "ModelTimeoutException": _Row(UpstreamFailure, 504, "model_timeout", None, False),
    "ModelErrorException": _Row(UpstreamFailure, 502, "model_error"),
    "ModelStreamErrorException": _Row(UpstreamFailure, 502, "model_stream_error"),
    "ServiceUnavailableException": _Row(UpstreamFailure, 503, "service_unavailable", 2.0),
    "InternalServerException": _Row(UpstreamFailure, 500, "internal_error"),
    "InternalFailure": _Row(UpstreamFailure, 500, "internal_error"),
    "ConflictException": _Row(InvalidRequest, 409, "conflict", None, False),
    "DependencyFailedException": _Row(UpstreamFailure, 502, "dependency_failed"),
    "BadGatewayException": _Row(UpstreamFailure, 502, "bad_gateway"),
    "TooManyTagsException": _Row(InvalidRequest, 400, None),
    "ExpiredTokenException": _Row(UpstreamFailure, 503, "upstream_auth", 1.0),
    "ExpiredToken": _Row(UpstreamFailure, 503, "upstream_auth", 1.0),
    "UnrecognizedClientException": _Row(UpstreamFailure, 500, "upstream_auth", None, False),
    "SignatureDoesNotMatch": _Row(UpstreamFailure, 500, "upstream_auth", None, False),
    "InvalidSignatureException": _Row(UpstreamFailure, 500, "upstream_auth", None, False),
    "IncompleteSignature": _Row(UpstreamFailure, 500, "upstream_auth", None, False),
    "IncompleteSignatureException": _Row(UpstreamFailure, 500, "upstream_auth", None, False),
    "InvalidClientTokenId": _Row(UpstreamFailure, 500, "upstream_auth", None, False),
    "MissingAuthenticationToken": _Row(UpstreamFailure, 500, "upstream_auth", None, False),
    "MissingAuthenticationTokenException": _Row(UpstreamFailure, 500, "upstream_auth", None, False),
    "RequestTimeTooSkewed": _Row(UpstreamFailure, 500, "upstream_auth", None, False),
}

_BY_STATUS: dict[int, str] = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    502: "BadGatewayException",
    503: "ServiceUnavailableException",
    504: "ModelTimeoutException",
}

HIDDEN = {
    "upstream_auth": "The gateway's own AWS credentials were refused. The operator has to look at the deployment.",
    "upstream_config": "The gateway's AWS configuration is not usable. The operator has to look at the deployment.",
}


def scrub(message: str) -> str:
    """AWS's text without ARNs, account ids and key ids, and of a bounded length."""
    return re.sub(_SECRETS, "[redacted]", message)[:2000]


def from_aws(code: str, message: str, status: int = 400, members: Mapping[str, Any] | None = None) -> GatewayError:
    """The gateway's error for AWS's `code` (in any of its spellings) and message.

    `status` decides where the code is unknown or empty (a proxy's HTML page); `members` are further fields of the
    body (`originalStatusCode`).
    """
    code = _canonical(code, status)
    if code in ("ValidationException", "ModelStreamErrorException", "ModelErrorException"):
        special = _validation(message)
        if special is not None:
            return special
    if status == 413:
        return TooLarge("The request is too large for Bedrock.")
    row = _TABLE.get(code) or _TABLE["InternalServerException" if status >= 500 else "ValidationException"]
    if code == "ModelErrorException":
        row = _original(row, members or {})
    text = HIDDEN.get(row.code or "") or _told(code, message)
    error = row.kind(text, status=row.status, code=row.code, retry_after=row.retry_after, should_retry=row.should_retry)
    if code == "ThrottlingException" and re.search(r"tokens? per day|daily", message, re.IGNORECASE):
        error.should_retry, error.retry_after = False, None
    if row.code == "model_not_found":
        error.param = "model"
    return error


def _canonical(code: str, status: int) -> str:
    """`throttlingException`, `ThrottlingException:http://...`, `com.amazon#ThrottlingException` -> one spelling."""
    code = code.rsplit("#", 1)[-1].split(":", 1)[0].strip()
    code = code[:1].upper() + code[1:]
    return code if code in _TABLE else _BY_STATUS.get(status, code)


def _validation(message: str) -> GatewayError | None:
    lowered = message.lower()
    if _found(_TOO_LONG, message) and "max_tokens must" not in lowered:
        return context_overflow(message)
    if "provided model identifier is invalid" in lowered:
        return NotFound(
            "The model does not exist or you do not have access to it.", code="model_not_found", param="model"
        )
    if "data retention" in lowered:
        return PermissionDenied(scrub(message), code="data_retention", param="model")
    limit = _found(_TOKEN_LIMIT, message)
    if limit is not None:
        return UnsupportedField(scrub(message), quirk=f"max_tokens:{limit[1].replace(',', '')}", param="max_tokens")
    for quirk in QUIRK_PATTERNS:
        if _found(quirk.pattern, message):
            of_value = _found(_OF_VALUE, message) is not None
            return UnsupportedField(scrub(message), quirk=quirk.name, param=quirk.param, of_value=of_value)
    return None


def context_overflow(message: str) -> ContextOverflow:
    numbers = re.search(r"(\d[\d,]*)\D{1,40}?(?:>|exceed\w*|maximum|limit)\D{0,40}?(\d[\d,]*)", message)
    if not numbers:
        return ContextOverflow(scrub(message))
    first, second = (int(number.replace(",", "")) for number in numbers.groups())
    return ContextOverflow(scrub(message), tokens=max(first, second), limit=min(first, second))


def _original(row: _Row, members: Mapping[str, Any]) -> _Row:
    """ModelErrorException passes on the model's own status; a 4xx of the model is the client's to mend."""
    original = members.get("originalStatusCode")
    if isinstance(original, int) and 400 <= original < 500 and original not in (408, 409, 429):
        return _Row(InvalidRequest, original if original in (400, 413, 422) else 400, "model_error")
    return row


def _told(code: str, message: str) -> str:
    text = scrub(message).strip()
    if code == "AccessDeniedException":
        hint = " Check that the account may use this model and that the gateway's role allows it."
        return (text.rstrip(".") or "AWS denied access to this model") + "." + hint
    return text or f"Bedrock answered with {code or 'an error'} and no message."
