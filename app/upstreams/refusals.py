"""An HTTP answer of AWS that is not a success, as one of the gateway's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from app.core.json_values import parse_or_mend
from app.errors import GatewayError, UpstreamFailure
from app.upstreams.errors import from_aws


def refusal(status: int, headers: Mapping[str, str], data: bytes) -> GatewayError:
    """`data` is AWS's JSON (`message` or `Message`, `__type`), or a proxy's HTML page, which is not repeated.

    A status below 400 is no refusal of the request: a redirect or an empty success is a fault on the way.
    """
    if status < 400:
        return UpstreamFailure(f"Bedrock answered with HTTP {status} and no answer.", code="upstream_bad_answer")
    try:
        body: Any = parse_or_mend(data, from_json)
    except ValueError:
        body = None
    members = body if isinstance(body, dict) else {}
    code = headers.get("x-amzn-errortype") or str(members.get("__type") or members.get("code") or "")
    message = members.get("message") or members.get("Message") or ""
    error = from_aws(code, str(message), status, members)
    retry_after = headers.get("retry-after", "")
    if retry_after.isdecimal() and error.should_retry is not False:
        error.retry_after = float(retry_after)
    return error
