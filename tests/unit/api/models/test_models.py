"""`/models`: OpenAI's shape, and more where more is known."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

import pytest
from openai.types import Model

from app.api.models.decode import name_in
from app.api.models.encode import CREATED, encode, encode_list
from app.api.models.read import list_models, retrieve
from app.core.access import Access
from app.core.ports import ModelEntry
from app.errors import NotFound

BARE = ModelEntry(id="anthropic.claude-v2:1", base_id="anthropic.claude-v2:1", kind="foundation", owner="Anthropic")
FULL = replace(
    BARE,
    id="us.anthropic.claude-opus-5",
    kind="profile",
    name="US Claude Opus 5",
    created=1_750_000_000,
    inputs=("text", "image"),
    outputs=("text",),
    context_window=1_000_000,
    max_output=128_000,
    capabilities=("chat", "tools"),
)
ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6"


class Shelf:
    """Models in memory."""

    def __init__(self, *entries: ModelEntry) -> None:
        self.all = entries

    async def entries(self, access: Access) -> Sequence[ModelEntry]:
        return self.all

    async def entry(self, name: str, access: Access) -> ModelEntry | None:
        return next((entry for entry in self.all if entry.id == name), None)


def test_clients_guess_context_size_so_the_entry_says_it() -> None:
    assert encode(FULL) == {
        "id": "us.anthropic.claude-opus-5",
        "object": "model",
        "created": 1_750_000_000,
        "owned_by": "Anthropic",
        "name": "US Claude Opus 5",
        "kind": "profile",
        "context_window": 1_000_000,
        "max_output_tokens": 128_000,
        "input_modalities": ["text", "image"],
        "output_modalities": ["text"],
        "capabilities": ["chat", "tools"],
    }


def test_what_is_not_known_is_left_out_and_created_stays_the_same() -> None:
    assert encode(BARE) == {
        "id": "anthropic.claude-v2:1",
        "object": "model",
        "created": CREATED,
        "owned_by": "Anthropic",
        "kind": "foundation",
    }


def test_a_model_that_ends_is_marked() -> None:
    ending = replace(BARE, end_of_life="2027-03-30")
    assert encode(ending) == encode(BARE) | {"end_of_life": "2027-03-30"}
    assert encode(replace(ending, lifecycle="LEGACY"))["lifecycle"] == "legacy"


@pytest.mark.parametrize("entry", [BARE, FULL])
def test_the_openai_sdk_reads_an_entry(entry: ModelEntry) -> None:
    model = Model.model_validate(encode(entry))
    assert (model.id, model.object, model.owned_by) == (entry.id, "model", "Anthropic")


def test_the_list_does_not_depend_on_the_order_of_discovery() -> None:
    body = encode_list([FULL, BARE])
    assert body == encode_list([BARE, FULL])
    assert [model["id"] for model in body["data"]] == [BARE.id, FULL.id]
    assert body["object"] == "list"


@pytest.mark.parametrize("id", [BARE.id, FULL.id, ARN])
def test_ids_with_colons_and_slashes_and_arns_are_retrieved_however_they_are_encoded(id: str) -> None:
    shelf = Shelf(BARE, FULL, replace(BARE, id=ARN))
    once = quote(id, safe="")
    for path in (id, once, quote(once, safe=""), f"{id}/", quote(id)):
        assert asyncio.run(retrieve(shelf, Access(), path))["id"] == id


def test_a_path_without_a_model_is_a_404_in_openais_words() -> None:
    with pytest.raises(NotFound, match="'claude%3-9'") as caught:
        asyncio.run(retrieve(Shelf(BARE), Access(), "claude%3-9"))
    assert (caught.value.status, caught.value.code) == (404, "model_not_found")


def test_the_whole_list() -> None:
    assert asyncio.run(list_models(Shelf(FULL, BARE), Access())) == encode_list([BARE, FULL])


def test_a_name_in_a_path() -> None:
    assert name_in("a%253Ab%252Fc") == name_in("a%3Ab%2Fc") == name_in("a:b/c") == "a:b/c"
