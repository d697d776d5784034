"""Every error that may reach a client, and nothing else may.

    GatewayError                      status, type, code, param, retry_after, should_retry
    ├── InvalidRequest          400   the request is wrong; `param` names the field
    │   ├── UnsupportedField    400   the model refuses a field of the request: mended once, then told
    │   └── ContextOverflow     400   the prompt is longer than the model takes
    ├── Unauthenticated         401   no key, or not one of ours
    ├── PermissionDenied        403   the key or the account may not do this
    ├── NotFound                404   no such route, model or object
    ├── MethodNotAllowed        405   the route exists, the method does not
    ├── TooLarge                413   body over the limit
    ├── UnsupportedMediaType    415   a coding of the body that is not supported
    ├── RateLimited             429   throttled; `retry_after` seconds
    ├── QuotaExceeded           429   a quota that waiting does not refill soon
    ├── Internal                500   a fault of ours, with a fixed text
    └── UpstreamFailure    500..504   Bedrock failed, timed out, or broke off

The fields are those of OpenAI's error object (`error.message/type/param/code`); openai-python chooses its exception
class by `status` alone and retries 408, 409, 429 and >= 500 unless `x-should-retry` says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")

PROMPT_TOO_LONG = "prompt is too long"


class GatewayError(Exception):
    """An error with everything the HTTP border needs. `message` is shown to the client: no ARN, no key, no trace."""

    status = 500
    type = "server_error"
    code: str | None = None

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        type: str | None = None,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        should_retry: bool | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = _or(status, self.status)
        self.type = _or(type, self.type)
        self.code = _or(code, self.code)
        self.param = param
        self.retry_after = retry_after
        self.should_retry = should_retry
        self.detail = detail

    def body(self) -> dict[str, dict[str, Any]]:
        """OpenAI's envelope: all four keys, always; what `detail` holds, behind them."""
        envelope = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return {"error": envelope | dict(self.detail or {})}


def _or(given: T | None, default: T) -> T:
    """The argument where one was given, the class's own value elsewhere."""
    return default if given is None else given


class InvalidRequest(GatewayError):
    status = 400
    type = "invalid_request_error"


class UnsupportedField(InvalidRequest):
    """The model refused one field. `quirk` is the name under which the planner can avoid it (see `core.plan.QUIRKS`).

    `of_value`: it was this request's value that was refused, so that others may well send the field.
    """

    code = "unsupported_parameter"

    def __init__(self, message: str, *, quirk: str, param: str | None = None, of_value: bool = False) -> None:
        super().__init__(message, param=param, code="unsupported_parameter")
        self.quirk = quirk
        self.of_value = of_value


class ContextOverflow(InvalidRequest):
    """The prompt is longer than the model takes. `tokens`: its length, `limit`: the model's, as far as they are known.

    The text is a contract: agents compact a conversation when they read "maximum context length is N tokens" (OpenAI's
    wording) or "prompt is too long: M tokens > N maximum" (Anthropic's, and all that is sent on its surface).
    """

    def __init__(self, reason: str, *, tokens: int | None = None, limit: int | None = None) -> None:
        known = f"is {limit} tokens" if limit else "was exceeded"
        length = f" However, your messages resulted in {tokens} tokens." if limit and tokens else ""
        numbers = f": {tokens} tokens > {limit} maximum" if limit and tokens else ""
        super().__init__(
            f"This model's maximum context length {known}.{length} Please reduce the length of the messages. "
            f"({PROMPT_TOO_LONG}{numbers}) {reason}".rstrip(),
            code="context_length_exceeded",
            param="messages",
        )
        self.reason = reason
        self.tokens = tokens
        self.limit = limit

    def of(self, limit: int | None) -> ContextOverflow:
        """With the model's limit, where the model did not name it."""
        return self if self.limit or not limit else ContextOverflow(self.reason, tokens=self.tokens, limit=limit)


class Unauthenticated(GatewayError):
    status = 401
    type = "invalid_request_error"
    code = "invalid_api_key"


class PermissionDenied(GatewayError):
    status = 403
    type = "permission_error"
    code = "access_denied"


class NotFound(GatewayError):
    status = 404
    type = "invalid_request_error"


class MethodNotAllowed(GatewayError):
    status = 405
    type = "invalid_request_error"


class TooLarge(GatewayError):
    status = 413
    type = "invalid_request_error"
    code = "request_too_large"


class UnsupportedMediaType(GatewayError):
    status = 415
    type = "invalid_request_error"
    code = "unsupported_content_encoding"


class RateLimited(GatewayError):
    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class QuotaExceeded(GatewayError):
    status = 429
    type = "insufficient_quota"
    code = "insufficient_quota"


class Internal(GatewayError):
    """A fault of the gateway. The text is fixed on purpose: what went wrong is in the log under the request id."""

    code = "internal_error"


class UpstreamFailure(GatewayError):
    status = 502
    code = "upstream_error"

    @property
    def passing(self) -> bool:
        """Whether a second try at once may well succeed: a busy host, a pooled connection that had been closed."""
        return self.code in _PASSING and self.should_retry is not False


def shutting_down() -> UpstreamFailure:
    """Another process answers the same request, so clients may try again."""
    return UpstreamFailure(
        "The gateway is shutting down; the answer is not complete.", status=503, code="shutting_down"
    )


_PASSING = frozenset(
    {"service_unavailable", "internal_error", "upstream_unreachable", "upstream_disconnected", "bad_gateway"}
)


def model_not_found(name: str, advice: str = "") -> NotFound:
    """OpenAI's own 404 for a model; `name` is the client's word, shortened, never an ARN. `advice` is a sentence behind it."""
    shown = "the requested ARN" if name.startswith("arn:") else repr(name[:128])
    text = f"The model {shown} does not exist or you do not have access to it."
    return NotFound(f"{text} {advice}".rstrip(), code="model_not_found", param="model")
