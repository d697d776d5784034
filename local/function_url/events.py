"""HTTP request -> the event of a Function URL: payload format 2.0.

Fields as AWS documents them for function URLs (lambda/latest/dg/urls-invocation.html, 2026-11). Their order and the headers
that AWS's front adds are taken from published events; which content types count as text is not documented for URLs, and
is the list of API Gateway's HTTP APIs.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl, unquote

from local.function_url.wire import HOP_BY_HOP, Head

TEXT_TYPES = {"application/javascript", "application/json", "application/xml"}
_TRACE = re.compile(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}(?:;(?:Parent=[0-9a-f]{16}|Sampled=[01?])){0,2}")


@dataclass(frozen=True, slots=True)
class Url:
    """The address that the function is told, as AWS would give it: `<id>.lambda-url.<region>.on.aws`."""

    id: str
    region: str

    @property
    def domain(self) -> str:
        return f"{self.id}.lambda-url.{self.region}.on.aws"


def event_of(head: Head, body: bytes, source: str, url: Url, request_id: str) -> dict[str, Any]:
    """`source` is the address of the connection: what a client says in `x-forwarded-for` never becomes `sourceIp`."""
    path, query = split_target(head.target)
    headers = headers_of(head, len(body), source, url)
    cookies = [crumb for name, value in head.headers if name == "cookie" for crumb in value.split("; ") if crumb]
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        **({"cookies": cookies} if cookies else {}),
        "headers": headers,
    }
    if query:
        event["queryStringParameters"] = parameters_of(query)
    event["requestContext"] = context_of(head, path, source, url, request_id)
    if body:
        text = text_of(head, body)
        event["body"] = base64.b64encode(body).decode() if text is None else text
        event["isBase64Encoded"] = text is None
    else:
        event["isBase64Encoded"] = False
    return event


def encoded(event: dict[str, Any]) -> bytes:
    """The event as it is sent, and as its size is measured."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def split_target(target: str) -> tuple[str, str]:
    """Path and query, as they were sent; a proxy's absolute form loses its host, `*` becomes `/`."""
    scheme, separator, rest = target.partition("://")
    if separator and "/" not in scheme and "?" not in scheme:
        _host, slash, path = rest.partition("/")
        target = slash + path if slash else "/"
    path, _, query = target.partition("?")
    return (path if path.startswith("/") else "/"), query


def headers_of(head: Head, length: int, source: str, url: Url) -> dict[str, str]:
    """Lower-case names, repetitions joined by commas, without cookies and without what belongs to the connection."""
    names = dict.fromkeys(name for name, _ in head.headers if name not in HOP_BY_HOP | {"cookie", "expect"})
    headers = {name: ",".join(value for key, value in head.headers if key == name) for name in names}
    if length or "content-length" in headers:
        headers["content-length"] = str(length)
    # What a client sends stays on the left (seen in 2026-03): whoever reads the leftmost address believes a stranger.
    forwarded = headers.get("x-forwarded-for")
    return headers | {
        "host": url.domain,
        "x-forwarded-for": f"{forwarded}, {source}" if forwarded else source,
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
        "x-amzn-tls-version": "TLSv1.3",
        "x-amzn-tls-cipher-suite": "TLS_AES_128_GCM_SHA256",
        "x-amzn-trace-id": traced(headers.get("x-amzn-trace-id")),
    }


def traced(said: str | None) -> str:
    """A client's trace where it is one, and otherwise a new one.

    The adapter has it from the Runtime API, makes it an environment variable, and panics where it holds a NUL.
    """
    return said if said and _TRACE.fullmatch(said) else trace_id()


def trace_id() -> str:
    return f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"


def parameters_of(query: str) -> dict[str, str]:
    """Decoded; repetitions are joined by commas."""
    joined: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def context_of(head: Head, path: str, source: str, url: Url, request_id: str) -> dict[str, Any]:
    now = time.time()
    return {
        "accountId": "anonymous",
        "apiId": url.id,
        "authentication": None,
        "authorizer": None,
        "domainName": url.domain,
        "domainPrefix": url.id,
        "http": {
            "method": head.method,
            "path": unquote(path),
            "protocol": head.version,
            "sourceIp": source,
            "userAgent": head.get("user-agent"),
        },
        "requestId": request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "timeEpoch": int(now * 1000),
    }


def text_of(head: Head, body: bytes) -> str | None:
    """The body as text; None where it is to go as base64."""
    message = Message()
    message["content-type"] = head.get("content-type") or ""
    kind = message.get_content_type() if head.get("content-type") else ""
    if head.get("content-encoding") or not (kind.startswith("text/") or kind in TEXT_TYPES):
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
