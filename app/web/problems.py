"""Whatever goes wrong, in OpenAI's envelope: status, all four keys, the request id in body and header."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from app.errors import GatewayError, Internal, InvalidRequest
from app.web.asgi import Response
from app.web.content_coding import supported_codings

log = logging.getLogger(__name__)

_FIXED = "The gateway failed on this request. The operator finds the reason in the log under the request id."


def problem_body(error: GatewayError, request_id: str) -> dict[str, Any]:
    """`{"error": {message, type, param, code, request_id}}`."""
    body: dict[str, Any] = error.body()
    body["error"]["request_id"] = request_id
    return body


def problem_headers(error: GatewayError) -> dict[str, str]:
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    if error.retry_after is not None:
        headers["retry-after"] = str(max(1, round(error.retry_after)))
        headers["retry-after-ms"] = str(round(error.retry_after * 1000))
    if error.should_retry is not None:
        headers["x-should-retry"] = "true" if error.should_retry else "false"
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    if error.status == 415:
        headers["accept-encoding"] = ", ".join(supported_codings())  # RFC 9110, 15.5.16
    return headers


def problem_response(error: GatewayError, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        to_json(problem_body(error, request_id)), error.status, headers=problem_headers(error) | dict(headers or {})
    )


def as_gateway_error(problem: BaseException, request_id: str) -> GatewayError:
    """Any exception as one that may be shown. What is not ours is logged by kind and place, without values."""
    if isinstance(problem, GatewayError):
        cause = problem.__cause__
        if problem.status == 500 and cause is not None:
            log_failure(cause, request_id)
        return problem
    if isinstance(problem, ValidationError):
        return from_validation(problem)
    log_failure(problem, request_id)
    return Internal(_FIXED)


def log_failure(problem: BaseException, request_id: str) -> None:
    """The kind of exception and where it was raised. Its text is left out: it may quote a prompt or a key."""
    frames = traceback.extract_tb(problem.__traceback__)[-6:]
    places = " < ".join(
        f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in reversed(frames)
    )
    log.error("unexpected %s in %s at %s", type(problem).__name__, request_id, places)


def from_validation(problem: ValidationError) -> InvalidRequest:
    """pydantic's first complaint, with the field as OpenAI names it. The value is not repeated."""
    first = problem.errors(include_url=False, include_context=False, include_input=False)[0]
    place = [str(step) for step in first["loc"] if not _is_branch(step)]
    param = ".".join(place)[:200] or None
    code = {"missing": "missing_required_parameter"}.get(first["type"], "invalid_value")
    if first["type"].endswith("_type") or first["type"].endswith("_parsing"):
        code = "invalid_type"
    if not place:
        return InvalidRequest("The request body must be a JSON object.", code="invalid_type")
    if first["type"] == "missing":
        return InvalidRequest(f"Missing required parameter: '{param}'.", param=param, code=code)
    return InvalidRequest(f"Invalid value for '{param}': {first['msg']}.", param=param, code=code)


def _is_branch(step: object) -> bool:
    """pydantic names the branches of a union in its paths (`stop.list[str]`); they are no fields."""
    return isinstance(step, str) and (step in ("str", "int", "float", "bool", "dict") or "[" in step)
