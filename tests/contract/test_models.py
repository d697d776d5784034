"""The model list through the official SDK."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from app.plan.model_id import base_of
from app.plan.traits import traits_of
from local.emulator import Emulator
from tests.contract.conftest import KEY, NO_CERTIFICATES, problem, sent, serving
from tests.contract.words import CLAUDE, CLOCK, COHERE, NOVA, TITAN, WEATHER, system, user

PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6"
PROVISIONED = "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/p1r2o3v4i5s6"
IMPORTED = "arn:aws:bedrock:us-east-1:123456789012:imported-model/i1m2p3o4r5t6"
DEPLOYED = "arn:aws:bedrock:us-east-1:123456789012:custom-model-deployment/d1e2p3l4o5y6"


def test_the_list(client: OpenAI) -> None:
    models = client.models.list().data
    ids = [model.id for model in models]
    assert len(ids) == len(set(ids)) > 50
    assert {NOVA, CLAUDE, TITAN, COHERE} <= set(ids)
    assert {model.object for model in models} == {"model"}
    assert all(model.created > 1_600_000_000 and model.owned_by for model in models)
    assert [(model.id, model.created) for model in client.models.list().data] == [(m.id, m.created) for m in models]


def test_what_an_entry_tells(client: OpenAI) -> None:
    entry = client.models.retrieve(CLAUDE).model_dump()
    assert entry["id"] == CLAUDE
    assert entry["owned_by"].lower() == "anthropic"
    assert entry["context_window"] == 200_000
    assert "image" in [kind.lower() for kind in entry["input_modalities"]]


def test_every_listed_model_can_be_retrieved(client: OpenAI) -> None:
    for model in client.models.list().data:
        assert client.models.retrieve(model.id).id == model.id


def test_the_catalogue_beside_the_list(client: OpenAI, http: httpx.Client) -> None:
    headers = {"authorization": f"Bearer {client.api_key}"}
    body = http.get("/v1/models?client_version=0.169.0", headers=headers).json()
    plain = http.get("/v1/models", headers=headers).json()
    assert body.keys() == {"object", "data", "models"}
    assert {name: body[name] for name in plain} == plain
    slugs = [model["slug"] for model in body["models"]]
    assert CLAUDE in slugs
    assert TITAN not in slugs
    assert set(slugs) < {model["id"] for model in body["data"]}


@pytest.mark.parametrize("name", [NOVA, CLAUDE, PROFILE, PROVISIONED, IMPORTED, DEPLOYED])
def test_ids_and_arns(client: OpenAI, name: str) -> None:
    assert client.models.retrieve(name).object == "model"
    reply = client.chat.completions.create(model=name, messages=[user("Hello")])
    assert reply.model == name
    assert reply.choices[0].message.content == "You said: Hello"


@pytest.mark.parametrize("spelled", [NOVA, quote(NOVA, safe=""), quote(quote(NOVA, safe=""), safe=""),
                                     PROFILE, quote(PROFILE, safe=""), PROFILE.replace("/", "%2F"), f"{NOVA}/"])  # fmt: skip
@pytest.mark.parametrize("prefix", ["/v1", "/api/v1"])
def test_ids_in_every_spelling(http: httpx.Client, prefix: str, spelled: str) -> None:
    reply = http.get(f"{prefix}/models/{spelled}", headers={"Authorization": f"Bearer {KEY}"})
    assert reply.status_code == 200, reply.text


@pytest.mark.parametrize(
    "name", ["missing", "missing/model:0", "arn:aws:bedrock:us-east-1:123456789012:imported-model/x"]
)
def test_a_model_that_is_not_there(client: OpenAI, name: str) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        client.models.retrieve(name)
    assert problem(raised.value)[1] == "model_not_found"
    assert "123456789012" not in str(raised.value)


SCENES: dict[str, dict[str, Any]] = {
    "words": {"messages": [system("Be brief."), user("Hello")]},
    "sampling": {"messages": [user("Hello")], "temperature": 1.7, "top_p": 0.5, "stop": ["x", "y", "z", "u", "v"]},
    "prefill": {"messages": [user("Hello"), {"role": "assistant", "content": "Well, "}]},
    "tools": {"messages": [user("Weather in Paris?")], "tools": [WEATHER, CLOCK], "parallel_tool_calls": False},
    "forced": {"messages": [user("Weather in Paris?")], "tools": [WEATHER, CLOCK], "tool_choice": "required",
               "reasoning_effort": "high"},
    "schema": {"messages": [user("city: Paris")], "response_format": {"type": "json_schema", "json_schema": {
        "name": "place", "schema": WEATHER["function"]["parameters"]}}},
}  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("scene", SCENES)
def test_every_kind_of_listed_model_takes_what_clients_send(client: OpenAI, scene: str, stream: bool) -> None:
    """One model for each set of traits: nothing else makes the gateway treat two models differently."""
    refused = {}
    kinds = {traits_of(base_of(model.id) or ""): model for model in client.models.list().data}
    for model in kinds.values():
        outputs = model.model_dump().get("output_modalities", ["text"])
        if "text" not in outputs or ("tools" in SCENES[scene] and "r1" in model.id):
            continue
        try:
            if stream:
                list(client.chat.completions.create(model=model.id, stream=True, **SCENES[scene]))
            else:
                client.chat.completions.create(model=model.id, **SCENES[scene])
        except openai.APIError as problem:
            refused[model.id] = str(problem)
    assert refused == {}


async def test_the_async_client_pages(async_client: AsyncOpenAI) -> None:
    assert NOVA in [model.id async for model in async_client.models.list()]


# Aliases


@pytest.mark.parametrize("name", ["fast", "standard", "reasoning"])
async def test_presets_are_models_like_any_other(client: OpenAI, async_client: AsyncOpenAI, name: str) -> None:
    entry = client.models.retrieve(name)
    assert (entry.id, entry.model_dump()["kind"]) == (name, "alias")
    assert name in [model.id for model in client.models.list().data]
    raw = client.chat.completions.with_raw_response.create(model=name, messages=[user("Hello")])
    reply = raw.parse()
    assert (reply.model, reply.choices[0].message.content) == (name, "You said: Hello")
    assert raw.headers["x-gateway-model"] not in ("", name)
    stream = await async_client.chat.completions.create(model=name, messages=[user("Hello")], stream=True)
    chunks = [chunk async for chunk in stream]
    assert {chunk.model for chunk in chunks} == {name}
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "You said: Hello"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]}),
        ("/v1/completions", {"prompt": "hi"}),
        ("/v1/responses", {"input": "hi"}),
        ("/v1/responses/compact", {"input": "hi"}),
        ("/v1/messages", {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}),
        ("/v1/messages/count_tokens", {"messages": [{"role": "user", "content": "hi"}]}),
        ("/v1/embeddings", {"input": "hi"}),
    ],
)
def test_a_model_that_the_deployment_does_not_allow_is_a_403_on_every_route(
    emulator: Emulator, path: str, body: dict[str, Any]
) -> None:
    headers = {"x-api-key": KEY}
    with (
        serving(emulator.url, allowed_models=("amazon.nova-*",)) as url,
        httpx.Client(base_url=url, headers=headers, timeout=20, verify=NO_CERTIFICATES) as http,
    ):
        refused = http.post(path, json={"model": TITAN if "embed" in path else CLAUDE} | body)
        listed = [each["id"] for each in http.get("/v1/models").json()["data"]]
    assert refused.status_code == 403, refused.text
    assert "does not allow" in refused.json()["error"]["message"]
    assert sent(emulator) == []
    assert NOVA in listed
    assert {CLAUDE, TITAN}.isdisjoint(listed)
