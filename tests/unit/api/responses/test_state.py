"""What is kept, what continues it, and who may see it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.core.responses import DEEPEST, StoredResponse
from app.core.table import TableUnavailable
from app.errors import QuotaExceeded, UpstreamFailure
from tests.unit.api.responses.serving import ANN, BOB, MODEL, Served, spoken


async def test_a_response_comes_back_as_it_was() -> None:
    served = Served()
    async with served.client() as ann:
        made = await ann.create("hello", metadata={"a": "b"}, instructions="Be brief.")
        assert await ann.ok("GET", f"/responses/{made['id']}") == made
        assert (made["status"], made["store"]) == ("completed", True)


async def test_a_streamed_one_is_there_when_its_end_is_told() -> None:
    served = Served()
    async with served.client() as ann:
        body = {"model": MODEL, "input": "hello", "stream": True}
        told = await ann.stream("POST", "/responses", body)
        assert told[-1] == "[DONE]"
        last = told[-2]
        assert last["type"] == "response.completed"
        assert await ann.ok("GET", f"/responses/{last['response']['id']}") == last["response"]


async def test_a_stream_that_broke_is_kept_as_failed() -> None:
    served = Served()
    served.model.failing, served.model.late = UpstreamFailure("broken"), True
    async with served.client() as ann:
        told = await ann.stream("POST", "/responses", {"model": MODEL, "input": "hello", "stream": True})
        assert told[-2]["type"] == "response.failed"
        kept = await ann.ok("GET", f"/responses/{told[-2]['response']['id']}")
        assert (kept["status"], kept["error"]["code"]) == ("failed", "server_error")


async def test_what_failed_before_it_began_is_not_kept() -> None:
    served = Served()
    served.model.failing = UpstreamFailure("broken")
    async with served.client() as ann:
        for stream in (True, False):
            assert (await ann.no("POST", "/responses", {"model": MODEL, "input": "x", "stream": stream}))[0] == 502
    assert await served.store.get_many("key_ann", ["resp_x"]) == {}


async def test_what_shall_not_be_kept_is_not() -> None:
    served = Served()
    async with served.client() as ann:
        made = await ann.create("hello", store=False)
        assert made["store"] is False
        assert await ann.no("GET", f"/responses/{made['id']}") == (404, "response_not_found", "response_id")


async def test_a_chain_is_put_together_and_instructions_are_not_inherited() -> None:
    served = Served()
    async with served.client() as ann:
        first = await ann.create("one", instructions="Be brief.")
        second = await ann.create("two", previous_response_id=first["id"])
        third = await ann.create("three", previous_response_id=second["id"])
        assert spoken(served.model.prompts[-1]) == ["u:one", "a:You said: one", "u:two", "a:You said: two", "u:three"]
        assert third["previous_response_id"] == second["id"]
        # A second branch from the same root.
        await ann.create("other", previous_response_id=first["id"])
        assert spoken(served.model.prompts[-1]) == ["u:one", "a:You said: one", "u:other"]


@pytest.mark.parametrize("name", ["previous_response_id", "conversation"])
async def test_nobody_continues_what_is_not_theirs(name: str) -> None:
    served = Served()
    async with served.client() as ann, served.client(BOB) as bob:
        made = await ann.create("secret")
        conversation = await ann.ok("POST", "/conversations", {})
        id = made["id"] if name == "previous_response_id" else conversation["id"]
        code = "previous_response_not_found" if name == "previous_response_id" else "conversation_not_found"
        assert await bob.no("POST", "/responses", {"model": MODEL, "input": "x", name: id}) == (404, code, name)
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/input_items")):
            assert (await bob.no(method, f"/responses/{made['id']}{path}"))[:2] == (404, "response_not_found")
        assert served.model.prompts[1:] == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"previous_response_id": "resp_1", "conversation": "c"}, (400, "mutually_exclusive_parameters")),
        ({"previous_response_id": "x" * 5000}, (404, "previous_response_not_found")),
        ({"previous_response_id": "a#b"}, (404, "previous_response_not_found")),
        ({"previous_response_id": 5}, (400, "invalid_type")),
        ({"previous_response_id": ["x"]}, (400, "invalid_type")),
        ({"conversation": {"id": 5}}, (400, "invalid_type")),
        ({"conversation": {}}, (400, "missing_required_parameter")),
        ({"conversation": {"id": "c"}}, (404, "conversation_not_found")),
        ({"background": True, "store": False}, (400, "invalid_value")),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, (404, "item_not_found")),
        ({"input": [{"type": "item_reference", "id": "msg_" + "0" * 52}]}, (404, "item_not_found")),
    ],
)
async def test_what_cannot_be_continued(given: dict[str, Any], told: tuple[int, str]) -> None:
    served = Served()
    async with served.client() as ann:
        assert (await ann.no("POST", "/responses", {"model": MODEL, "input": "x"} | given))[:2] == told


@pytest.mark.parametrize("path", ["/responses", "/responses/compact"])
async def test_a_caller_without_money_is_refused_before_anything_is_looked_up(path: str) -> None:
    served = Served()
    served.model.refusal = QuotaExceeded("Nothing is left.")
    async with served.client() as ann:
        body = {"model": MODEL, "input": "x", "previous_response_id": "resp_unknown"}
        assert (await ann.no("POST", path, body))[0] == 429


async def test_an_empty_reference_is_none() -> None:
    served = Served()
    async with served.client() as ann:
        await ann.create("hello", previous_response_id=None, conversation=None)
        assert spoken(served.model.prompts[-1]) == ["u:hello"]


@pytest.mark.parametrize("body", [[], "x", 5, None])
async def test_what_is_no_request(body: Any) -> None:
    served = Served()
    async with served.client() as ann:
        assert (await ann.no("POST", "/responses", body))[0] == 400
        assert (await ann.no("POST", "/responses/compact", body))[0] == 400
        assert (await ann.no("POST", "/responses/input_tokens", body))[0] == 400


async def test_a_chain_with_a_gap_cannot_be_continued() -> None:
    served = Served()
    async with served.client() as ann:
        first = await ann.create("one")
        second = await ann.create("two", previous_response_id=first["id"])
        assert (await ann.ok("DELETE", f"/responses/{first['id']}"))["deleted"] is True
        body = {"model": MODEL, "input": "x", "previous_response_id": second["id"]}
        assert (await ann.no("POST", "/responses", body))[:2] == (404, "previous_response_not_found")


async def keep(served: Served, id: str, **more: Any) -> None:
    response = {"id": id, "status": "completed", "output": [], "background": False}
    stored = StoredResponse(id, response, [{"type": "message", "id": f"in_{id}", "role": "user", "content": id}])
    await served.store.put("key_ann", replace(stored, **more))


async def test_a_chain_has_an_end() -> None:
    served = Served()
    chain = tuple(f"r{number}" for number in range(DEEPEST))
    for number, id in enumerate(chain):
        await keep(served, id, ancestors=chain[:number] if number >= DEEPEST - 1 else ())
    async with served.client() as ann:
        await ann.create("last", previous_response_id=chain[-1])
        assert len(spoken(served.model.prompts[-1])) == DEEPEST + 1
        await keep(served, "deeper", ancestors=chain)
        body = {"model": MODEL, "input": "x", "previous_response_id": "deeper"}
        assert (await ann.no("POST", "/responses", body))[:2] == (400, "context_length_exceeded")


async def test_a_history_has_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Served()
    await keep(served, "r0", input=[{"type": "message", "id": "i", "role": "user", "content": "x" * 5000}])
    await keep(served, "r1", ancestors=("r0",))
    async with served.client() as ann:
        body = {"model": MODEL, "input": "x", "previous_response_id": "r1"}
        for name, most in (("LARGEST_HISTORY", 4000), ("MOST_ITEMS", 1)):
            with monkeypatch.context() as patched:
                patched.setattr(f"app.api.responses.state.{name}", most)
                assert await ann.no("POST", "/responses", body) == (
                    400,
                    "context_length_exceeded",
                    "previous_response_id",
                )
        await ann.ok("POST", "/responses", body)


async def test_a_chain_that_bites_its_tail_has_each_response_once() -> None:
    """Nobody can make one; a table that somebody has written to might hold it."""
    served = Served()
    await keep(served, "r0", ancestors=("r1",))
    await keep(served, "r1", ancestors=("r0", "r1", "r0"))
    async with served.client() as ann:
        await ann.create("x", previous_response_id="r1")
        assert spoken(served.model.prompts[-1]) == ["u:r0", "u:r1", "u:x"]


async def test_a_long_history_is_decoded_in_a_thread() -> None:
    served = Served()
    many = [{"type": "message", "id": f"i{n}", "role": "user", "content": str(n)} for n in range(500)]
    await keep(served, "r0", input=many)
    async with served.client() as ann:
        await ann.create("x", previous_response_id="r0")
        await ann.create("y" * 300_000)
    assert len(spoken(served.model.prompts[0])) == 501


async def test_an_item_is_found_by_its_id() -> None:
    served = Served()
    async with served.client() as ann, served.client(BOB) as bob:
        made = await ann.create("hello")
        item = made["output"][0]["id"]
        given = [{"type": "item_reference", "id": item}, {"role": "user", "content": "and"}]
        await ann.create("", input=given)
        assert spoken(served.model.prompts[-1]) == ["a:You said: hello", "u:and"]
        await ann.create("", input=given, previous_response_id=made["id"])
        assert (await bob.no("POST", "/responses", {"model": MODEL, "input": given}))[:2] == (404, "item_not_found")


async def test_an_item_referred_to_a_thousand_times_stands_there_once() -> None:
    """Else a request of some KB becomes one of GB, towards the model and in the store."""
    served = Served()
    async with served.client() as ann:
        made = await ann.create("hello")
        again = {"type": "item_reference", "id": made["output"][0]["id"]}
        await ann.create("", input=[*[again] * 1000, {"role": "user", "content": "and"}])
        assert spoken(served.model.prompts[-1]) == ["a:You said: hello", "u:and"]


async def test_items_of_responses_that_are_too_large_together_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Served()
    async with served.client() as ann:
        made = [await ann.create("x" * 400) for _ in range(3)]
        given = [{"type": "item_reference", "id": each["output"][0]["id"]} for each in made]
        await ann.create("", input=given)
        monkeypatch.setattr("app.api.responses.state.LARGEST_HISTORY", 5000)
        body = {"model": MODEL, "input": given}
        assert await ann.no("POST", "/responses", body) == (400, "context_length_exceeded", "input")


async def test_without_a_store_requests_are_answered_all_the_same() -> None:
    served = Served(keeps=False)
    async with served.client() as ann:
        made = await ann.create("hello")
        assert made["store"] is False
        told = await ann.stream("POST", "/responses", {"model": MODEL, "input": "hello", "stream": True})
        assert told[0]["response"]["store"] is False
        assert (await ann.no("GET", f"/responses/{made['id']}"))[:2] == (404, "response_not_found")
        assert (await ann.no("DELETE", f"/responses/{made['id']}"))[:2] == (404, "response_not_found")
        body = {"model": MODEL, "input": "x"}
        refused = await ann.no("POST", "/responses", body | {"previous_response_id": made["id"]})
        assert refused == (404, "previous_response_not_found", "previous_response_id")
        assert (await ann.no("POST", "/responses", body | {"conversation": "c"}))[1] == "conversation_not_found"
        assert (await ann.no("POST", "/responses", body | {"background": True}))[1] == "unsupported_parameter"
        await served.responses.finish()


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_is_given_though_it_cannot_be_kept(
    stream: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    served = Served()

    async def away(*given: Any) -> bool:
        raise TableUnavailable("away")

    async def large(*given: Any) -> bool:
        return False

    async with served.client() as ann:
        for put in (away, large):
            monkeypatch.setattr(served.store, "put", put)
            reply = await ann.http.post("/responses", json={"model": MODEL, "input": "hello", "stream": stream})
            assert reply.status_code == 200
            assert "You said: hello" in reply.text
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


async def test_reading_fails_clearly_where_the_store_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Served()

    async def away(*given: Any) -> Any:
        raise TableUnavailable("away")

    monkeypatch.setattr(served.store, "get", away)
    async with served.client() as ann:
        assert (await ann.no("GET", "/responses/resp_1"))[:2] == (503, "table_unavailable")
        body = {"model": MODEL, "input": "x", "previous_response_id": "resp_1"}
        assert (await ann.no("POST", "/responses", body))[:2] == (503, "table_unavailable")


# What it was made from


async def test_input_items_in_pages() -> None:
    served = Served()
    async with served.client() as ann:
        first = await ann.create("one")
        second = await ann.create("two", previous_response_id=first["id"])
        path = f"/responses/{second['id']}/input_items"
        whole = await ann.ok("GET", path, order="asc")
        assert [item["role"] for item in whole["data"]] == ["user", "assistant", "user"]
        assert (whole["object"], whole["has_more"]) == ("list", False)
        newest = await ann.ok("GET", path, limit="2")
        assert newest["data"] == whole["data"][:0:-1]
        assert (newest["has_more"], newest["last_id"]) == (True, whole["data"][1]["id"])
        rest = await ann.ok("GET", path, limit="2", after=newest["last_id"])
        assert (rest["data"], rest["has_more"]) == (whole["data"][:1], False)
        for params in ({"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"order": "up"}, {"after": "msg_x"}):
            assert (await ann.no("GET", path, **params))[:2] == (400, "invalid_value")
        await ann.ok("DELETE", f"/responses/{first['id']}")
        assert len((await ann.ok("GET", path))["data"]) == 1


async def test_sealed_thoughts_are_shown_to_who_asks_for_them() -> None:
    served = Served()
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gw1.x"}
    response = {"id": "r0", "status": "completed", "output": [thought]}
    await keep(served, "r0", input=[thought], response=response)
    async with served.client() as ann:
        for path in ("/responses/r0", "/responses/r0/input_items"):
            member = "output" if path.endswith("r0") else "data"
            assert "encrypted_content" not in (await ann.ok("GET", path))[member][0]
            asked = {"include[]": "reasoning.encrypted_content"}
            assert (await ann.ok("GET", path, **asked))[member][0] == thought


# Conversations


async def test_a_conversation_grows_with_its_responses() -> None:
    served = Served()
    async with served.client() as ann:
        conversation = await ann.ok("POST", "/conversations", {"items": [{"role": "user", "content": "I am Ann."}]})
        first = await ann.create("one", conversation=conversation["id"])
        assert first["conversation"] == {"id": conversation["id"]}
        await ann.create("two", conversation={"id": conversation["id"]}, store=False)
        assert spoken(served.model.prompts[-1]) == ["u:I am Ann.", "u:one", "a:You said: one", "u:two"]
        listed = await ann.ok("GET", f"/conversations/{conversation['id']}/items", order="asc")
        assert len(listed["data"]) == 5
        # A response that continues one of a conversation has what stood before it there, and nothing after.
        await ann.create("x", previous_response_id=first["id"])
        assert spoken(served.model.prompts[-1]) == ["u:I am Ann.", "u:one", "a:You said: one", "u:x"]
        items = await ann.ok("GET", f"/responses/{first['id']}/input_items", order="asc")
        assert [item["content"][0]["text"] for item in items["data"]] == ["I am Ann.", "one"]


async def test_a_conversation_takes_nothing_from_what_failed() -> None:
    served = Served()
    served.model.failing, served.model.late = UpstreamFailure("broken"), True
    async with served.client() as ann:
        conversation = await ann.ok("POST", "/conversations", {})
        body = {"model": MODEL, "input": "hello", "stream": True, "conversation": conversation["id"]}
        await ann.stream("POST", "/responses", body)
        assert (await ann.ok("GET", f"/conversations/{conversation['id']}/items"))["data"] == []


# Counting and compacting


async def test_tokens_are_counted_with_what_came_before() -> None:
    served = Served()
    async with served.client() as ann:
        first = await ann.create("one")
        body = {"model": MODEL, "input": "hello", "previous_response_id": first["id"]}
        reply = await ann.http.post("/responses/input_tokens", json=body)
        assert reply.json() == {"object": "response.input_tokens", "input_tokens": 5}
        assert reply.headers["x-gateway-estimate"] == "true"


async def test_a_conversation_is_compacted_and_goes_on() -> None:
    served = Served()
    async with served.client() as ann:
        first = await ann.create("one")
        body = {"model": MODEL, "input": "two", "previous_response_id": first["id"], "instructions": "Be brief."}
        compacted = await ann.ok("POST", "/responses/compact", body)
        assert compacted["object"] == "response.compaction"
        assert compacted["usage"]["total_tokens"] == 7
        assert "Be brief." in served.model.prompts[-1].messages[-1].parts[-1].text  # type: ignore[union-attr]
        said = [item["content"][0]["text"] for item in compacted["output"][:-1]]
        assert said == ["one", "two"]
        assert compacted["output"][-1]["type"] == "compaction"
        await ann.create("", input=[*compacted["output"], {"role": "user", "content": "three"}])
        assert "A summary." in spoken(served.model.prompts[-1])[-2]
        listed = [{"role": "user", "content": "hello"}]
        assert len((await ann.ok("POST", "/responses/compact", {"model": MODEL, "input": listed}))["output"]) == 2


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"input": "x"}, (400, "missing_required_parameter", "model")),
        ({"model": MODEL}, (400, "missing_required_parameter", "input")),
        ({"model": MODEL, "input": 5}, (400, "invalid_type", "input")),
        ({"model": MODEL, "input": "x", "instructions": 5}, (400, "invalid_type", "instructions")),
        ({"model": MODEL, "previous_response_id": "r"}, (404, "previous_response_not_found", "previous_response_id")),
    ],
)
async def test_what_cannot_be_compacted(body: Any, told: Any) -> None:
    async with Served().client() as ann:
        assert await ann.no("POST", "/responses/compact", body) == told


async def test_a_summary_of_nothing_is_a_failure() -> None:
    served = Served()
    served.model.failing = ValueError()
    async with served.client() as ann:
        assert (await ann.no("POST", "/responses/compact", {"model": MODEL, "input": "x"}))[:2] == (502, "empty_answer")


async def test_a_key_is_needed() -> None:
    async with Served().client("sk-nobody") as nobody:
        for method, path in (
            ("POST", "/responses"),
            ("GET", "/responses/r"),
            ("DELETE", "/responses/r"),
            ("POST", "/responses/compact"),
            ("POST", "/conversations"),
            ("GET", "/conversations/c/items"),
        ):
            assert (await nobody.no(method, path, {}))[0] == 401


async def test_there_is_no_web_socket_here() -> None:
    async with Served().client(ANN) as ann:
        assert (await ann.no("GET", "/responses"))[:2] == (426, "upgrade_required")
