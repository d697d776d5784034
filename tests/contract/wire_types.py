"""What the official SDKs say of every answer: their own types, checked strictly, and the exceptions with their reasons.

The SDKs construct their objects without looking at them, so that a missing field is found by a user and not by a test. The
types are those of the installed SDKs (openai, anthropic), generated from the published specifications.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any, Literal

import anthropic.types as anthropic
from anthropic.types.shared import ErrorObject as AnthropicErrorObject
from anthropic.types.shared import ErrorResponse
from openai.types import Completion, CompletionChoice, CreateEmbeddingResponse, Embedding, Model
from openai.types.admin import organization as org
from openai.types.admin.organization import projects as proj
from openai.types.admin.organization.projects.service_accounts import APIKeyCreateResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.conversations import Conversation, ConversationDeletedResource, ConversationItem, ConversationItemList
from openai.types.conversations.message import Message
from openai.types.responses import (
    CompactedResponse,
    Response,
    ResponseItemList,
    ResponseOutputItem,
    ResponseStreamEvent,
)
from openai.types.responses.input_token_count_response import InputTokenCountResponse
from openai.types.shared import ErrorObject
from pydantic import BaseModel, TypeAdapter, ValidationError, create_model
from pydantic_core import from_json

from tests.contract.recorder import Exchange


class ErrorEnvelope(BaseModel):
    """OpenAI's specification calls it ErrorResponse; its SDK reads `error` alone."""

    error: ErrorObject


class Models(BaseModel):
    object: Literal["list"]
    data: list[Model]


class AnthropicModels(BaseModel):
    data: list[anthropic.ModelInfo]
    has_more: bool
    first_id: str | None
    last_id: str | None


def _page(of: type[BaseModel]) -> type[BaseModel]:
    """The SDK has pages as generic classes that hold a client."""
    fields: dict[str, Any] = {"object": Literal["list"], "data": list[of], "has_more": bool}  # type: ignore[valid-type]
    return create_model(f"{of.__name__}Page", **fields)


# Where a published type is wrong, or knows less than the documentation: the type as it should be, and why.


class ChunkChoice(CompletionChoice):
    """OpenAI sends null in every chunk of a legacy stream but the last; its specification has one schema for both."""

    finish_reason: Literal["stop", "length", "content_filter"] | None  # type: ignore[assignment]


class CompletionChunk(Completion):
    choices: list[ChunkChoice]  # type: ignore[assignment]


class AnyEmbedding(Embedding):
    """`encoding_format: base64` gives a string, which the SDK decodes before anybody looks at the type."""

    embedding: list[float] | str  # type: ignore[assignment]


class Embeddings(CreateEmbeddingResponse):
    data: list[AnyEmbedding]  # type: ignore[assignment]


class Compacted(CompactedResponse):
    """The type's own documentation says "a list of all user messages", and its union of output items has no such message."""

    output: list[ResponseOutputItem | Message]  # type: ignore[assignment]


class InputItems(ResponseItemList):
    """An empty list has no first item, which the type does not provide for."""

    first_id: str | None  # type: ignore[assignment]
    last_id: str | None  # type: ignore[assignment]


class ConversationItems(ConversationItemList):
    """As above."""

    first_id: str | None  # type: ignore[assignment]
    last_id: str | None  # type: ignore[assignment]


class RequestTooLarge(BaseModel):
    """In Anthropic's documentation of errors (413); the SDK's union of error objects lacks it."""

    type: Literal["request_too_large"]
    message: str


class AnthropicError(ErrorResponse):
    error: AnthropicErrorObject | RequestTooLarge  # type: ignore[assignment]


class Ping(BaseModel):
    """In Anthropic's documentation of streams; the SDK skips it before it looks at types."""

    type: Literal["ping"]


REQUIRED = {"response.function_call_arguments.done": "name"}
"""Event -> a member that the specification requires and the SDK's type does not have (openai 3.52)."""

_PREFIX = re.compile(r"^(/api)?(/v1)+(?=/)")
MOST_LINES = 12
_ID = "[^/]+"
_ORG = "/organization"
_PROJECT = f"{_ORG}/projects/{_ID}"
ANSWERS: list[tuple[str, str, Any]] = [
    ("POST", "/chat/completions", ChatCompletion),
    ("POST", "/completions", Completion),
    ("POST", "/embeddings", Embeddings),
    ("GET", "/models", Models),
    ("GET", "/models/.+", Model),
    ("POST", "/responses", Response),
    ("POST", "/responses/input_tokens", InputTokenCountResponse),
    ("POST", "/responses/compact", Compacted),
    ("GET", f"/responses/{_ID}", Response),
    ("POST", f"/responses/{_ID}/cancel", Response),
    ("GET", f"/responses/{_ID}/input_items", InputItems),
    ("POST", "/conversations", Conversation),
    ("GET", f"/conversations/{_ID}", Conversation),
    ("POST", f"/conversations/{_ID}", Conversation),
    ("DELETE", f"/conversations/{_ID}", ConversationDeletedResource),
    ("GET", f"/conversations/{_ID}/items", ConversationItems),
    ("POST", f"/conversations/{_ID}/items", ConversationItems),
    ("GET", f"/conversations/{_ID}/items/{_ID}", ConversationItem),
    ("DELETE", f"/conversations/{_ID}/items/{_ID}", Conversation),
    ("POST", "/messages", anthropic.Message),
    ("POST", "/messages/count_tokens", anthropic.MessageTokensCount),
    ("GET", f"{_ORG}/admin_api_keys", _page(org.AdminAPIKey)),
    ("POST", f"{_ORG}/admin_api_keys", org.AdminAPIKeyCreateResponse),
    ("GET", f"{_ORG}/projects", _page(org.Project)),
    ("POST", f"{_ORG}/projects", org.Project),
    ("GET", _PROJECT, org.Project),
    ("POST", _PROJECT, org.Project),
    ("GET", f"{_PROJECT}/api_keys", _page(proj.ProjectAPIKey)),
    ("GET", f"{_PROJECT}/api_keys/{_ID}", proj.ProjectAPIKey),
    ("GET", f"{_PROJECT}/service_accounts", _page(proj.ProjectServiceAccount)),
    ("POST", f"{_PROJECT}/service_accounts", proj.ServiceAccountCreateResponse),
    ("POST", f"{_PROJECT}/service_accounts/{_ID}/api_keys", APIKeyCreateResponse),
    ("GET", f"{_PROJECT}/rate_limits", _page(proj.ProjectRateLimit)),
    ("GET", f"{_ORG}/usage/completions", org.UsageCompletionsResponse),
    ("GET", f"{_ORG}/usage/embeddings", org.UsageEmbeddingsResponse),
    ("GET", f"{_ORG}/costs", org.UsageCostsResponse),
    ("GET", f"{_ORG}/audit_logs", _page(org.AuditLogListResponse)),
]
EVENTS: dict[str, Any] = {
    "/chat/completions": ChatCompletionChunk,
    "/completions": CompletionChunk,
    "/responses": ResponseStreamEvent,
    "/messages": anthropic.RawMessageStreamEvent | Ping,
}
UNTYPED = (
    ("DELETE", f"/responses/{_ID}"),  # the SDK's method returns None
    ("GET", "/status"),  # the gateway's own
    ("GET", "(/health|/openapi.json)?"),  # the gateway's own
    ("HEAD", ".*"),
    ("OPTIONS", ".*"),  # CORS
    ("(POST|DELETE|GET)", f"{_ORG}/.*"),  # those without a row above: tests of the admin client check their objects
)
"""Answers that no published type describes."""


def violations(exchange: Exchange) -> list[str]:
    """One line for each place where an answer is not what its type says."""
    path = _PREFIX.sub("", re.sub("/+", "/", exchange.path.rstrip("/")))
    if not exchange.body or exchange.method == "HEAD":
        return []
    if exchange.content_type.startswith("text/event-stream"):
        checked = [(kind, data) for data in _events(exchange.body) if (kind := _event(path, data)) is not None]
    elif exchange.complete:
        checked = [(_envelope(exchange, path) if exchange.status >= 400 else _answer(exchange, path), exchange.body)]
    else:
        return []
    found = (line for kind, data in checked if kind is not None for line in _errors(kind, data))
    return [f"{exchange.method} {path} {exchange.status}: {line}" for line in found]


def _answer(exchange: Exchange, path: str) -> Any:
    if path.startswith("/models") and "anthropic-version" in exchange.asked:
        return AnthropicModels if path == "/models" else anthropic.ModelInfo
    for method, pattern, kind in ANSWERS:
        if exchange.method == method and re.fullmatch(pattern, path):
            return kind
    known = any(re.fullmatch(method, exchange.method) and re.fullmatch(at, path) for method, at in UNTYPED)
    assert known, f"no type for the answer to {exchange.method} {path}; add it to ANSWERS"
    return None


def _envelope(exchange: Exchange, path: str) -> Any:
    other = path == "/messages" or path.startswith("/messages/") or "anthropic-version" in exchange.asked
    return AnthropicError if other else ErrorEnvelope


def _events(body: bytes) -> Iterator[bytes]:
    for line in body.split(b"\n"):
        if line.startswith(b"data: ") and line != b"data: [DONE]":
            yield line.removeprefix(b"data: ")


def _event(path: str, data: bytes) -> Any:
    if data.startswith(b'{"error":'):
        return ErrorEnvelope
    if path == "/messages" and data.startswith(b'{"type":"error"'):
        return AnthropicError
    return EVENTS["/responses" if path.startswith("/responses/") else path]


def _errors(kind: Any, data: bytes) -> list[str]:
    try:
        _adapter(kind).validate_json(data, strict=True)
    except ValidationError as problem:
        places = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in problem.errors(include_url=False))
        return [*islice(places, MOST_LINES), f"in {data[:500].decode()}"]
    for event, member in REQUIRED.items():
        if data.startswith(b'{"type":"%b"' % event.encode()) and member not in from_json(data):
            return [f"{member}: required in {event}"]
    return []


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
