"""Conversations and their items, by their routes."""

from __future__ import annotations

from typing import Any

import pytest

from app.api.conversations.decode import decode_items
from app.core.table import TableUnavailable
from app.errors import InvalidRequest
from tests.unit.api.responses.serving import BOB, Served

SAID = {"type": "message", "role": "user", "content": "hello"}


async def test_a_life() -> None:
    async with Served().client() as ann:
        made = await ann.ok("POST", "/conversations", {"metadata": {"a": "b"}, "items": [SAID]})
        assert (made["object"], made["metadata"]) == ("conversation", {"a": "b"})
        path = f"/conversations/{made['id']}"
        assert await ann.ok("GET", path) == made
        changed = await ann.ok("POST", path, {"metadata": {"c": "d"}})
        assert changed == made | {"metadata": {"c": "d"}}
        assert (await ann.ok("POST", path, {"metadata": None}))["metadata"] == {}
        assert await ann.ok("DELETE", path) == {
            "id": made["id"],
            "object": "conversation.deleted",
            "deleted": True,
        }
        for method, rest in (
            ("GET", ""),
            ("DELETE", ""),
            ("GET", "/items"),
            ("GET", "/items/x"),
            ("DELETE", "/items/x"),
        ):
            assert (await ann.no(method, path + rest))[:2] == (404, "conversation_not_found")
        assert (await ann.no("POST", path, {"metadata": {}}))[0] == 404
        assert (await ann.no("POST", f"{path}/items", {"items": [SAID]}))[0] == 404


async def test_items() -> None:
    async with Served().client() as ann:
        path = f"/conversations/{(await ann.ok('POST', '/conversations', {}))['id']}"
        call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
        added = await ann.ok("POST", f"{path}/items", {"items": [SAID, call]})
        assert added["object"] == "list"
        first, second = added["data"]
        assert (first["content"], first["status"]) == ([{"type": "input_text", "text": "hello"}], "completed")
        assert (first["id"][:4], second["id"][:3]) == ("msg_", "fc_")
        assert (added["first_id"], added["last_id"], added["has_more"]) == (first["id"], second["id"], False)
        assert (await ann.ok("GET", f"{path}/items"))["data"] == [second, first]
        assert (await ann.ok("GET", f"{path}/items", order="asc", limit="1"))["data"] == [first]
        after = await ann.ok("GET", f"{path}/items", order="asc", after=first["id"])
        assert after["data"] == [second]
        assert await ann.ok("GET", f"{path}/items/{second['id']}") == second
        assert (await ann.ok("DELETE", f"{path}/items/{second['id']}"))["object"] == "conversation"
        for method in ("GET", "DELETE"):
            assert (await ann.no(method, f"{path}/items/{second['id']}"))[:2] == (404, "item_not_found")
        assert (await ann.ok("POST", f"{path}/items", {"items": []}))["data"] == []
        assert (await ann.no("POST", f"{path}/items", {"items": [first]}))[:2] == (400, "duplicate_item")
        assert (await ann.no("POST", f"{path}/items", {"items": [SAID] * 21}))[0] == 400


async def test_nobody_sees_what_is_not_theirs() -> None:
    served = Served()
    async with served.client() as ann, served.client(BOB) as bob:
        path = f"/conversations/{(await ann.ok('POST', '/conversations', {'items': [SAID]}))['id']}"
        (item,) = (await ann.ok("GET", f"{path}/items"))["data"]
        for method, rest, body in (
            ("GET", "", None),
            ("POST", "", {"metadata": {}}),
            ("DELETE", "", None),
            ("GET", "/items", None),
            ("POST", "/items", {"items": [SAID]}),
            ("GET", f"/items/{item['id']}", None),
            ("DELETE", f"/items/{item['id']}", None),
        ):
            assert (await bob.no(method, path + rest, body))[:2] == (404, "conversation_not_found")
        assert (await ann.ok("GET", f"{path}/items"))["data"] == [item]


async def test_sealed_thoughts_are_shown_to_who_asks() -> None:
    async with Served().client() as ann:
        thought = {"type": "reasoning", "summary": [], "encrypted_content": "gw1.x"}
        path = f"/conversations/{(await ann.ok('POST', '/conversations', {'items': [thought]}))['id']}/items"
        (item,) = (await ann.ok("GET", path))["data"]
        assert "encrypted_content" not in item
        asked = {"include[]": "reasoning.encrypted_content"}
        assert (await ann.ok("GET", path, **asked))["data"][0]["encrypted_content"] == "gw1.x"
        assert "encrypted_content" in await ann.ok("GET", f"{path}/{item['id']}", **asked)


async def test_deleted_between_two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Served()
    async with served.client() as ann:
        path = f"/conversations/{(await ann.ok('POST', '/conversations', {}))['id']}/items"

        async def gone(*given: Any) -> bool:
            return False

        monkeypatch.setattr(served.store, "append", gone)
        assert (await ann.no("POST", path, {"items": [SAID]}))[:2] == (404, "conversation_not_found")


async def test_the_table_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Served()

    async def away(*given: Any) -> Any:
        raise TableUnavailable("away")

    monkeypatch.setattr(served.store, "conversation", away)
    async with served.client() as ann:
        assert (await ann.no("GET", "/conversations/c"))[:2] == (503, "table_unavailable")


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"items": 5},
        {"items": [SAID] * 21},
        {"metadata": {"a": 5}},
        {"metadata": {"a" * 65: "b"}},
        {"metadata": {"a": "b" * 513}},
        {"metadata": {str(n): "" for n in range(17)}},
    ],
)
async def test_what_is_no_conversation(body: Any) -> None:
    async with Served().client() as ann:
        assert (await ann.no("POST", "/conversations", body))[0] == 400


@pytest.mark.parametrize(
    ("item", "param"),
    [
        (5, "items.0"),
        ({}, "items.0.type"),
        ({"type": 5}, "items.0.type"),
        ({"type": "item_reference", "id": "x"}, "items.0.type"),
        ({"type": "message"}, "items.0.role"),
        ({"role": ["user"], "content": "x"}, "items.0.role"),
        ({"role": "user"}, "items.0.content"),
        ({"role": "user", "content": [5]}, "items.0.content"),
        ({**SAID, "id": 5}, "items.0.id"),
        ({**SAID, "id": "a#b"}, "items.0.id"),
        ({**SAID, "id": "x" * 513}, "items.0.id"),
    ],
)
def test_what_is_no_item(item: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_items([item])
    assert caught.value.param == param


def test_items_get_what_they_lack() -> None:
    said, told, shell = decode_items([
        {"role": "assistant", "content": "hi", "id": ""},
        {"role": "user", "content": [{"type": "input_text", "text": "x"}], "status": "incomplete", "id": "mine"},
        {"type": "shell_call", "call_id": "c"},
    ])  # fmt: skip
    assert said["content"] == [{"type": "output_text", "text": "hi", "annotations": []}]
    assert (told["id"], told["status"], told["type"]) == ("mine", "incomplete", "message")
    assert shell["id"].startswith("item_")


def test_two_of_one_id() -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_items([{**SAID, "id": "a"}, {**SAID, "id": "a"}])
    assert (caught.value.code, caught.value.param) == ("duplicate_item", "items.1.id")
