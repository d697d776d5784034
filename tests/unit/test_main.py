"""The composition: routes under every prefix, the document that describes them, and nothing done before it is needed."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from app.main import create_app
from app.settings import Settings, SettingsError
from app.web.openapi import describe
from app.web.operation import Operation


def settings(**given: Any) -> Settings:
    return Settings.model_validate(given)


ENVIRON = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
PATHS = ["/chat/completions", "/completions", "/embeddings"]


def client(**settings: Any) -> httpx.AsyncClient:
    app = create_app(Settings.model_validate({"api_key": "sk-1"} | settings), ENVIRON)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")


@pytest.mark.parametrize("prefix", ["/v1", "/api/v1", "/my/prefix"])
@pytest.mark.parametrize("path", [*PATHS, "/models", "/models/some/model:0"])
async def test_every_route_answers_under_every_prefix(prefix: str, path: str) -> None:
    async with client(api_route_prefix="/my/prefix") as http:
        reply = await (http.post if path in PATHS else http.get)(prefix + path)
        assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")


async def test_no_other_prefix_answers() -> None:
    async with client() as http:
        assert (await http.get("/my/prefix/models")).status_code == 404


async def test_a_prefix_that_is_there_already_does_no_harm() -> None:
    async with client(api_route_prefix="/v1") as http:
        assert (await http.get("/v1/models")).status_code == 401


async def test_health_needs_no_key_and_nothing_of_aws() -> None:
    app = create_app(settings(api_key="sk-1"), {})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as http:
        reply = await http.get("/health")
    assert (reply.status_code, reply.json()["status"]) == (200, "ok")
    assert reply.headers["cache-control"] == "no-store"


def test_making_the_application_starts_no_thread() -> None:
    before = threading.active_count()
    create_app(settings(api_key="sk-1"), ENVIRON)
    assert threading.active_count() == before


def test_no_application_without_a_key() -> None:
    with pytest.raises(SettingsError, match="API_KEY"):
        create_app(settings(), ENVIRON)


def test_a_wrong_host_for_images_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="IMAGE_FETCH"):
        create_app(settings(api_key="sk-1", image_fetch=("no host!",)), ENVIRON)


def test_wrong_aliases_are_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="MODEL_ALIASES: alias 'x': unknown field 'modle'"):
        create_app(settings(api_key="sk-1", model_aliases='{"x": {"modle": "a"}}'), ENVIRON)
    with pytest.raises(SettingsError, match="MODEL_ALIASES: a JSON object is expected"):
        create_app(settings(api_key="sk-1", model_aliases=' ["a"]'), ENVIRON)


def test_a_parameter_with_aliases_is_not_read_before_it_is_needed() -> None:
    create_app(settings(api_key="sk-1", model_aliases="/gateway/aliases"), {})


# What /openapi.json says


@pytest.fixture(scope="module")
def document() -> Any:
    async def fetched() -> Any:
        async with client() as http:
            return (await http.get("/openapi.json")).json()

    return asyncio.run(fetched())


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_the_document_lists_each_route_once(document: Any) -> None:
    assert sorted(f"{method} {path}" for path, method, _ in operations(document)) == [
        "delete /v1/conversations/{conversation}",
        "delete /v1/conversations/{conversation}/items/{item}",
        "delete /v1/responses/{response}",
        "get /health",
        "get /v1/conversations/{conversation}",
        "get /v1/conversations/{conversation}/items",
        "get /v1/conversations/{conversation}/items/{item}",
        "get /v1/models",
        "get /v1/models/{model}",
        "get /v1/responses",
        "get /v1/responses/{response}",
        "get /v1/responses/{response}/input_items",
        "get /v1/status",
        "post /v1/chat/completions",
        "post /v1/completions",
        "post /v1/conversations",
        "post /v1/conversations/{conversation}",
        "post /v1/conversations/{conversation}/items",
        "post /v1/embeddings",
        "post /v1/messages",
        "post /v1/messages/count_tokens",
        "post /v1/responses",
        "post /v1/responses/compact",
        "post /v1/responses/input_tokens",
        "post /v1/responses/{response}/cancel",
    ]


def test_the_document_describes_bodies(document: Any) -> None:
    for path in PATHS:
        reference = document["paths"][f"/v1{path}"]["post"]["requestBody"]["content"]["application/json"]["schema"][
            "$ref"
        ]
        schema = document["components"]["schemas"][reference.removeprefix("#/components/schemas/")]
        assert "model" in schema["required"]
        assert schema["properties"]["model"]["type"] == "string"


def test_the_document_describes_errors(document: Any) -> None:
    for path, _, operation in operations(document):
        if path != "/health":
            schema = operation["responses"]["default"]["content"]["application/json"]["schema"]
            members = {"message", "type"} if "/messages" in path else {"message", "type", "param", "code", "request_id"}
            assert set(schema["properties"]["error"]["required"]) == members


def test_the_document_describes_keys_and_the_model_in_the_path(document: Any) -> None:
    assert {name for entry in document["security"] for name in entry} == set(document["components"]["securitySchemes"])
    (parameter,) = document["paths"]["/v1/models/{model}"]["get"]["parameters"]
    assert (parameter["name"], parameter["in"], parameter["required"]) == ("model", "path", True)


def test_the_document_has_no_reference_that_leads_nowhere(document: Any) -> None:
    text = json.dumps(document)
    assert "$defs" not in text
    assert "422" not in text
    for reference in {part.split('"')[0] for part in text.split('"$ref": "')[1:]}:
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_operation_ids_are_unique(document: Any) -> None:
    ids = [operation["operationId"] for path, _, operation in operations(document) if path != "/health"]
    assert len(set(ids)) == len(ids)


async def test_the_document_is_served_and_twice_the_same() -> None:
    async with client() as http:
        first, second = await http.get("/openapi.json"), await http.get("/openapi.json")
    assert first.status_code == 200
    assert first.json() == second.json()
    assert "sk-1" not in first.text


class Tree(BaseModel):
    """A body that contains its own kind."""

    leaves: list[Tree] = []


async def test_a_recursive_body_is_described() -> None:
    async def grow(request: Any) -> Any: ...

    document = describe([Operation("POST", "/trees", grow, "Grow", Tree)], "1")
    assert document["components"]["schemas"]["Tree"]["properties"]["leaves"]["items"] == {
        "$ref": "#/components/schemas/Tree"
    }
