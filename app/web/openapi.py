"""`/openapi.json`, written by FastAPI when it is asked for.

Bodies are read by hand, so that a mistake in one is told in OpenAI's envelope; the framework only describes them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic_core import to_json

from app.web.asgi import Endpoint, Request, Response
from app.web.operation import Operation

if TYPE_CHECKING:
    from fastapi import APIRouter
    from pydantic.json_schema import JsonSchemaMode

_TEXT = {"type": "string"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_ERROR = {
    "type": "object",
    "required": ["message", "type", "param", "code", "request_id"],
    "properties": {
        "message": _TEXT,
        "type": _TEXT,
        "param": _TEXT_OR_NULL,
        "code": _TEXT_OR_NULL,
        "request_id": _TEXT,
    },
}
_ENVELOPE = {"type": "object", "required": ["error"], "properties": {"error": _ERROR}}


def _errors(envelope: Mapping[str, Any]) -> dict[int | str, dict[str, Any]]:
    content = {"application/json": {"schema": envelope}}
    return {"default": {"description": "Any failure; the status tells its kind.", "content": content}}


_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "api-key": {"type": "apiKey", "in": "header", "name": "api-key"},
}


def openapi_endpoint(operations: Iterable[Operation], version: str) -> Endpoint:
    """Serves the document, made once."""
    document: bytes = b""
    writing = asyncio.Lock()

    async def openapi(request: Request) -> Response:
        nonlocal document
        async with writing:
            if not document:
                # In a thread: it takes a quarter of a second, and other people's streams flow meanwhile.
                document = await asyncio.to_thread(lambda: to_json(describe(operations, version)))
        return Response(document, media_type="application/json")

    return openapi


def describe(operations: Iterable[Operation], version: str, prefix: str = "/v1") -> dict[str, Any]:
    """The OpenAPI document of these operations, with errors, keys and the health route."""
    from fastapi import APIRouter, FastAPI

    operations = list(operations)
    bodies, schemas = _schemas(operations)
    router = APIRouter()
    for operation in operations:
        _declare(router, operation, bodies.get((operation.method, operation.path)))
    app = FastAPI(title="Bedrock OpenAI gateway", version=version)
    app.include_router(router, prefix=prefix, responses=_errors(_ENVELOPE))
    document = app.openapi()
    components = document.setdefault("components", {})
    components["securitySchemes"] = _KEYS
    components["schemas"] = components.get("schemas", {}) | schemas
    document["security"] = [{name: []} for name in _KEYS]
    answer = {"200": {"description": "It serves."}}
    document["paths"]["/health"] = {"get": {"summary": "Whether it serves", "security": [], "responses": answer}}
    return document


def _schemas(operations: Iterable[Operation]) -> tuple[dict[tuple[str, str], Any], dict[str, Any]]:
    """A reference to the schema of each operation's body, by method and path, and the schemas by name."""
    from pydantic.json_schema import models_json_schema

    models: dict[tuple[str, str], type[BaseModel]] = {}
    for operation in operations:
        if operation.body is not None:
            models[operation.method, operation.path] = (
                operation.body if isinstance(operation.body, type) else operation.body()
            )
    unique: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (model, "validation") for model in dict.fromkeys(models.values())
    ]
    references, exported = models_json_schema(unique, ref_template="#/components/schemas/{model}")
    return {route: references[model, "validation"] for route, model in models.items()}, exported.get("$defs", {})


def _declare(router: APIRouter, operation: Operation, schema: Mapping[str, Any] | None) -> None:
    extra: dict[str, Any] = {}
    if schema is not None:
        extra["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    names = re.findall(r"\{(\w+)", operation.path)
    if names:
        extra["parameters"] = [{"name": name, "in": "path", "required": True, "schema": _TEXT} for name in names]

    async def described() -> None: ...

    described.__name__ = operation.endpoint.__name__
    router.add_api_route(
        operation.path,
        described,
        methods=[operation.method],
        summary=operation.summary,
        response_model=None,
        responses=_errors(operation.envelope) if operation.envelope is not None else None,
        openapi_extra=extra or None,
    )
