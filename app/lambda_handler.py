"""Lambda's own handler, for fronts without the Web Adapter: HTTP API, REST API, load balancer, buffered Function URL.

    event of a front -> plain event with trustworthy context headers -> Mangum -> the gateway -> whole answer

A stream arrives whole, with `x-gateway-stream: buffered`; what the front can't carry becomes an error in OpenAI's envelope.
Other events (schedules, queues, authorizers) are refused. The gateway is built when Lambda's runtime looks up `handler`, in
the init phase: there it has a full core, in the first invocation the memory size's share of one (0.2 s of a core, measured
2026-11). The import alone reads no environment and starts nothing, as everywhere in this project.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from typing import Any, Final, Literal, Protocol

from mangum import Mangum
from mangum.protocols import HTTPCycle, LifespanCycle

from app.errors import GatewayError, Internal, InvalidRequest, UpstreamFailure
from app.main import create_app
from app.meter.log import start_logging
from app.settings import Settings, SettingsError
from app.web.asgi import ASGIApp, Message, Receive, Scope, Send
from app.web.entrance import as_request
from app.web.problems import problem_body, problem_headers, problem_response

log = logging.getLogger(__name__)

Event = Mapping[str, Any]
Front = Literal["url", "http-api", "rest-api", "alb"]

LAMBDA_LIMIT: Final = 6 * 1024 * 1024
ALB_LIMIT: Final = 1024 * 1024
"""Bytes of an answer's JSON, escapes and all (quotas of Lambda and of load balancers' Lambda targets, 2026-11)."""
HTTP_API_SECONDS: Final = 30.0
"""An HTTP API waits this long for its function; the quota can't be raised (API Gateway quotas, 2026-11)."""

_ROOT_ROUTES = ("/health", "/openapi.json")
_OURS = ("x-amzn-request-context", "x-amzn-lambda-context")


class LambdaContext(Protocol):  # what is used of the object that the runtime passes
    aws_request_id: str
    invoked_function_arn: str

    def get_remaining_time_in_millis(self) -> int: ...


class Handler:
    """One gateway and one event loop for the life of the process: connections and key reads outlive an invocation.

    `prefix`: API_ROUTE_PREFIX. `close` is for tests; Lambda ends a process without telling it.
    """

    def __init__(self, app: ASGIApp, prefix: str = "") -> None:
        self._served = (*(f"{each}/" for each in ("/v1", "/api/v1", prefix) if each), *_ROOT_ROUTES)
        self._loop = asyncio.new_event_loop()
        self._enter_loop()
        # Mangum would run the lifespan round every request; the application's start belongs to the process.
        self._app = _Buffered(app)
        self._lifespan = LifespanCycle(self._app, "auto")
        self._lifespan.__enter__()
        self._mangum = Mangum(self._app, lifespan="off")

    def __call__(self, event: Any, context: LambdaContext) -> dict[str, Any]:
        front = front_of(event := as_request(event))
        if front is None:
            return _refusal(event)
        self._enter_loop()
        try:  # Mangum's own steps one by one: what it can't read, such as odd base64 or an odd port in Host, ends here
            reader = self._mangum.infer(self._plain(event, front, context), context)  # type: ignore[arg-type]
            cycle = HTTPCycle(reader.scope, reader.body)
        except (AttributeError, LookupError, TypeError, ValueError) as problem:
            return _refusal(event, problem)
        return fitted(reader(cycle(self._app)), ALB_LIMIT if front == "alb" else LAMBDA_LIMIT)

    def close(self) -> None:
        self._enter_loop()
        self._lifespan.__exit__(None, None, None)
        asyncio.set_event_loop(None)
        self._loop.close()

    def _enter_loop(self) -> None:
        # Mangum asks for "the" loop, which only Python before 3.14 makes by itself.
        asyncio.set_event_loop(self._loop)

    def _plain(self, event: Event, front: Front, context: LambdaContext) -> dict[str, Any]:
        """The event with context headers of ours, and its path without the stage that some APIs put in front."""
        told = {
            "x-amzn-request-context": json.dumps(request_context(event, front)),
            "x-amzn-lambda-context": json.dumps(lambda_context(event, front, context)),
        }
        plain = dict(event)
        if front != "alb" or "multiValueHeaders" not in event:
            plain["headers"] = _without_ours(event.get("headers")) | told
        if event.get("multiValueHeaders") is not None:
            plain["multiValueHeaders"] = _without_ours(event["multiValueHeaders"]) | {k: [v] for k, v in told.items()}
        about = event["requestContext"]
        if event.get("version") == "2.0":
            path = self._unstaged(event["rawPath"], about.get("stage"))
            plain["requestContext"] = {**about, "http": {**about["http"], "path": path}}
        else:
            plain["path"] = self._unstaged(event["path"], about.get("stage"))
            # Consoles' test events say null here.
            plain["requestContext"] = {**about, "identity": about.get("identity") or {}}
        return plain

    def _unstaged(self, path: str, stage: str | None) -> str:
        """`/prod/v1/models` -> `/v1/models` for stage `prod`; only where the rest is a path that is served.

        HTTP APIs put a named stage in front, REST APIs only behind some custom domains. A stage may be called `v1`.
        """
        rest = path.removeprefix(f"/{stage}") if stage else path
        return rest if rest.startswith(self._served) else path


class _Buffered:
    """Pure ASGI. Hands the answer on once it is complete; names a stream for what has become of it.

    An answer that was begun and not finished would pass for a whole one: it becomes a 500.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        kept: list[Message] = []

        async def keep(message: Message) -> None:
            kept.append(message)

        await self._app(scope, receive, keep)
        if len(kept) < 2 or kept[-1].get("more_body"):
            log.error("an answer was left unfinished")
            kept.clear()
            await problem_response(Internal("The gateway failed on this request."), "")(scope, receive, keep)
        start, *bodies = kept
        headers = list(start.get("headers", ()))
        if any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in headers):
            headers.append((b"x-gateway-stream", b"buffered"))
        await send({**start, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else b"".join(each.get("body", b"") for each in bodies)
        await send({"type": "http.response.body", "body": body})


def _misconfigured(problem: SettingsError) -> ASGIApp:
    """Answers 500 to everything, in OpenAI's envelope: clients see an error they know, the log has the cause.

    To fail the init phase instead would give clients a bare 502, and start it anew, billed, with every request.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        log.error("the gateway can't start: %s", problem)
        if scope["type"] == "http":
            text = "The gateway's settings can't be used; its log says which."
            error = Internal(text, code="misconfigured", should_retry=False)
            await problem_response(error, "")(scope, receive, send)

    return app


def front_of(event: Any) -> Front | None:
    """Which front sent this event; None for what is no HTTP request, and for an API's question to an authorizer."""
    context = event.get("requestContext") if isinstance(event, dict) else None
    if not isinstance(context, dict) or "methodArn" in event or "routeArn" in event:
        return None
    if not _are_headers(event.get("headers")) or not _are_headers(event.get("multiValueHeaders"), many=True):
        return None
    if event.get("version") == "2.0":
        http = context.get("http")
        if isinstance(http, dict) and _are_texts(http.get("method"), http.get("sourceIp"), event.get("rawPath")):
            return "url" if ".lambda-url." in str(context.get("domainName")) else "http-api"
    elif _are_texts(event.get("httpMethod"), event.get("path")):
        if "elb" in context:
            return None if event.get("multiValueHeaders", event.get("headers")) is None else "alb"
        if "resource" in event:
            return "http-api" if event.get("version") == "1.0" else "rest-api"
    return None


def _are_headers(found: Any, *, many: bool = False) -> bool:
    """Nothing, or names with texts; with lists of texts where a name may have `many`."""
    if not isinstance(found, dict):
        return found is None
    return all(isinstance(v, list) and _are_texts(*v) for v in found.values()) if many else _are_texts(*found.values())


def _are_texts(*values: Any) -> bool:
    return all(isinstance(each, str) for each in values)


def request_context(event: Event, front: Front) -> dict[str, Any]:
    """What the Web Adapter would say in `x-amzn-request-context`: the event's own of version 2.0, or in its shape."""
    context: dict[str, Any] = event["requestContext"]
    if event.get("version") == "2.0":
        return context
    source = _behind_balancer(event) if front == "alb" else (context.get("identity") or {}).get("sourceIp")
    http = {"method": event["httpMethod"], "path": event["path"], "sourceIp": source or ""}
    return {"http": http, "requestId": context.get("requestId") or ""}


def lambda_context(event: Event, front: Front, context: LambdaContext) -> dict[str, Any]:
    """What the Web Adapter would say in `x-amzn-lambda-context`. `deadline`: epoch milliseconds, of whoever gives up first."""
    now = time.time() * 1000
    deadline = now + context.get_remaining_time_in_millis()
    if front == "http-api":
        about = event["requestContext"]
        began = about.get("timeEpoch") or about.get("requestTimeEpoch")
        # Its clock is another machine's, and a test event's is of some day long ago: then the time from now on counts.
        if not isinstance(began, int) or not now - HTTP_API_SECONDS * 1000 < began <= now:
            began = now
        deadline = min(deadline, began + HTTP_API_SECONDS * 1000)
    arn = context.invoked_function_arn
    return {"request_id": context.aws_request_id, "deadline": round(deadline), "invoked_function_arn": arn}


def _behind_balancer(event: Event) -> str:
    """The last address of X-Forwarded-For: the balancer's (in its default mode `append`), those before the client's word."""
    found = ""
    for name, values in (event.get("multiValueHeaders") or event.get("headers") or {}).items():
        if name.lower() == "x-forwarded-for" and values:
            found = values if isinstance(values, str) else values[-1]
    last = found.rpartition(",")[2].strip()  # it may come with a port: `192.0.2.1:443`, `[2001:db8::1]:443`
    if last.startswith("["):
        return last[1:].partition("]")[0]
    return last.partition(":")[0] if last.count(":") == 1 else last


def _without_ours(headers: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (headers or {}).items() if name.lower() not in _OURS}


def fitted(answer: dict[str, Any], limit: int) -> dict[str, Any]:
    """The answer, or, where its JSON has more than `limit` bytes, an error that says so; of the same form.

    Clients are told not to try again: the model has been paid, and would be again for the same answer.
    """
    body = answer.get("body") or ""
    if len(body) * 6 + 64 * 1024 <= limit:  # JSON makes six bytes of a character at most; the rest is for headers
        return answer
    size = len(json.dumps(answer, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    if size <= limit:
        return answer
    told = {k: v[0] for k, v in (answer.get("multiValueHeaders") or {}).items()} | (answer.get("headers") or {})
    kept = {name: value for name, value in told.items() if name.startswith(("x-", "access-control-", "vary"))}
    error = UpstreamFailure(
        f"The answer has {size} bytes, and this way to the gateway carries {limit}. Ask for less at once, or use a "
        "Function URL that streams.",
        code="response_too_large",
        should_retry=False,
    )
    return _written(error, answer, kept)


def _written(error: GatewayError, like: Mapping[str, Any], kept: Mapping[str, str]) -> dict[str, Any]:
    headers = {**kept, **problem_headers(error)}
    headers.pop("x-gateway-stream", None)
    form = {"headers": headers} if "headers" in like else {"multiValueHeaders": {k: [v] for k, v in headers.items()}}
    body = problem_body(error, headers.get("x-request-id", ""))
    return {"statusCode": error.status, "body": json.dumps(body), "isBase64Encoded": False, **form}


def _refusal(event: Any, problem: Exception | None = None) -> dict[str, Any]:
    """For an event that is no request. An answer, not an exception: to fail would have some sources send it again."""
    source, form = "", "headers"
    if isinstance(event, dict):
        records = event.get("Records")
        one = records[0] if isinstance(records, list) and records and isinstance(records[0], dict) else event
        source = str(one.get("eventSource") or one.get("source") or "")[:64]
        form = "multiValueHeaders" if "multiValueHeaders" in event and "headers" not in event else form
    origin = f"; its source is {source!r}" if source else ""
    cause = f" ({type(problem).__name__})" if problem else ""
    log.error("an event that is no HTTP request was refused%s%s", cause, origin)
    error = InvalidRequest("This function answers HTTP requests only.", code="not_a_request")
    return _written(error, {form: None}, {})


def build(environ: Mapping[str, str] | None = None) -> Handler:
    """The handler as the environment configures it. Settings that can't be used make one that answers 500."""
    try:
        settings = Settings.from_env(environ)
        start_logging("DEBUG" if settings.debug else settings.log_level.upper(), as_json=True)
        return Handler(create_app(settings, environ), settings.api_route_prefix)
    except SettingsError as problem:
        start_logging("INFO", as_json=True)
        return Handler(_misconfigured(problem))


def __getattr__(name: str) -> Handler:
    if name != "handler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    built = globals()["handler"] = build()
    return built
