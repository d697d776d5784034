"""What `/openapi.json` says beyond what the framework finds out by itself: bodies, errors, keys.

Bodies are read by hand, so that a mistake in one is told in OpenAI's envelope; the framework does not touch them.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

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

ERRORS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "Any failure, in OpenAI's envelope; the status tells its kind.",
        "content": {"application/json": {"schema": _ENVELOPE}},
    }
}
"""For `include_router(responses=...)`."""

_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "api-key": {"type": "apiKey", "in": "header", "name": "api-key"},
}


def documented(schema: type[BaseModel]) -> dict[str, Any]:
    """Arguments for a route whose body is read by hand."""
    return {"response_model": None, "openapi_extra": _Body(schema)}


def describe(app: FastAPI) -> None:
    """Complete the document with the keys and the health route, when somebody asks for it."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        document = plain()
        document.setdefault("components", {})["securitySchemes"] = _KEYS
        document["security"] = [{name: []} for name in _KEYS]
        answer = {"200": {"description": "It serves."}}
        document["paths"]["/health"] = {"get": {"summary": "Whether it serves", "security": [], "responses": answer}}
        return document

    app.openapi = openapi  # type: ignore[method-assign]


class _Body(dict[str, Any]):
    """The request body of an operation. Made when it is read: schemas take milliseconds that a cold start needs."""

    def __init__(self, schema: type[BaseModel]) -> None:
        super().__init__(requestBody={})
        self._schema = schema

    def items(self) -> Any:
        if not self["requestBody"]:
            schema = self._schema.model_json_schema()
            schema = _inlined(schema, schema.pop("$defs", {}))
            self["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
        return super().items()


def _inlined(node: Any, definitions: dict[str, Any]) -> Any:
    """The schema without `$defs`: their references would be read from the root of the whole document."""
    if isinstance(node, list):
        return [_inlined(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inlined(definitions[node["$ref"].rsplit("/", 1)[-1]], definitions)
    return {name: _inlined(value, definitions) for name, value in node.items()}
