"""Responses over a WebSocket, from behind ASGI: what a client says and what it hears."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from app.api.responses.websocket import MAX_LANES, MAX_WAITING
from app.core import daemon_threads
from app.core.ports import Caller
from app.errors import UpstreamFailure
from tests.unit.api.responses.serving import ANN, MODEL, Served, spoken
from tests.unit.web.asgi import until


class Socket:
    """A connection: `say` what the client says, `hear` the next event, `leave`."""

    def __init__(self, served: Served, key: str = ANN) -> None:
        self.served = served
        self._in: asyncio.Queue[Any] = asyncio.Queue()
        self.sent: list[Any] = []
        self.broken = False
        self._heard = 1
        scope = {"type": "websocket", "headers": [(b"authorization", f"Bearer {key}".encode())]}
        self.task = asyncio.create_task(served.responses.websocket(scope, self._in.get, self._send))

    async def _send(self, message: Any) -> None:
        if self.broken:
            raise OSError
        self.sent.append(message)

    def say(self, message: Any) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        self._in.put_nowait({"type": "websocket.receive", "text": text})

    def ask(self, text: Any, **more: Any) -> None:
        self.say({"type": "response.create", "model": MODEL, "input": text} | more)

    async def hear(self) -> Any:
        await until(lambda: len(self.sent) > self._heard)
        self._heard += 1
        return json.loads(self.sent[self._heard - 1]["text"])

    async def answer(self) -> list[Any]:
        """The events up to the end of a response, or the error."""
        heard = [await self.hear()]
        while heard[-1]["type"] not in ("response.completed", "response.failed", "error"):
            heard.append(await self.hear())
        return heard

    async def leave(self) -> None:
        self._in.put_nowait({"type": "websocket.disconnect"})
        await asyncio.wait_for(self.task, 10)


async def test_the_events_of_a_response() -> None:
    served = Served()
    socket = Socket(served)
    socket.ask("hello")
    heard = await socket.answer()
    assert socket.sent[0] == {"type": "websocket.accept"}
    assert [event["type"] for event in heard[:2]] == ["response.created", "response.in_progress"]
    assert [event["sequence_number"] for event in heard] == list(range(len(heard)))
    last = heard[-1]["response"]
    assert last["output"][0]["content"][0]["text"] == "You said: hello"
    assert await served.store.get("key_ann", last["id"]) is not None
    await socket.leave()


async def test_the_newest_is_continued_though_it_is_not_stored() -> None:
    served = Served()
    socket = Socket(served)
    socket.ask("one", store=False)
    first = (await socket.answer())[-1]["response"]["id"]
    socket.ask("two", store=False, previous_response_id=first)
    second = (await socket.answer())[-1]["response"]["id"]
    socket.ask("three", store=False, previous_response_id=second)
    await socket.answer()
    assert spoken(served.model.prompts[-1]) == ["u:one", "a:You said: one", "u:two", "a:You said: two", "u:three"]
    socket.ask("x", store=False, previous_response_id=first)
    (error,) = await socket.answer()
    assert (error["status"], error["error"]["code"]) == (404, "previous_response_not_found")
    await socket.leave()
    other = Socket(served)
    other.ask("x", previous_response_id=second)
    assert (await other.answer())[0]["error"]["code"] == "previous_response_not_found"
    await other.leave()


async def test_a_chain_of_stored_ones_is_whole_for_others() -> None:
    served = Served()
    socket = Socket(served)
    socket.ask("one")
    first = (await socket.answer())[-1]["response"]["id"]
    socket.ask("two", previous_response_id=first)
    second = (await socket.answer())[-1]["response"]["id"]
    await socket.leave()
    async with served.client() as ann:
        await ann.create("three", previous_response_id=second)
    assert spoken(served.model.prompts[-1])[0] == "u:one"
    assert len(served.model.prompts[-1].messages) == 5


async def test_a_large_message_is_decoded_beside_the_streams_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[Any] = []
    run = daemon_threads.decoding.run

    async def noted(work: Any) -> Any:
        threads.append(work)
        return await run(work)

    monkeypatch.setattr(daemon_threads.decoding, "run", noted)
    socket = Socket(Served())
    for length, decoded in ((10, 0), (300_000, 1)):
        socket.ask("x" * length, store=False)
        assert (await socket.answer())[-1]["type"] == "response.completed"
        assert len(threads) == decoded
    await socket.leave()


async def test_a_conversation_over_a_socket() -> None:
    served = Served()
    async with served.client() as ann:
        conversation = (await ann.ok("POST", "/conversations", {}))["id"]
        socket = Socket(served)
        for text in ("one", "two"):
            socket.ask(text, conversation=conversation)
            await socket.answer()
        assert spoken(served.model.prompts[-1]) == ["u:one", "a:You said: one", "u:two"]
        await socket.leave()


async def test_a_connection_is_warmed_up_without_the_model() -> None:
    served = Served()
    socket = Socket(served)
    socket.ask([{"role": "developer", "content": "Be brief."}], generate=False, store=False)
    heard = await socket.answer()
    assert (heard[-1]["type"], heard[-1]["response"]["output"]) == ("response.completed", [])
    assert served.model.prompts == []
    socket.ask("hello", previous_response_id=heard[-1]["response"]["id"], store=False)
    await socket.answer()
    assert spoken(served.model.prompts[0]) == ["s:Be brief.", "u:hello"]
    await socket.leave()


async def test_what_is_wrong_is_told_and_the_connection_stays() -> None:
    served = Served()
    socket = Socket(served)
    for message, code in (
        ("{", "invalid_json"),
        ("[]", "invalid_value"),
        ({"type": "response.cancel"}, "invalid_value"),
        ({"type": "response.create", "background": True}, "unsupported_parameter"),
        ({"type": "response.create"}, "missing_required_parameter"),
        ({"type": "response.create", "model": MODEL, "input": [5]}, "invalid_type"),
        ('"' + "x" * 1_000_000 + '"', "request_too_large"),
    ):
        socket.say(message)
        error = await socket.hear()
        assert (error["type"], error["error"]["code"]) == ("error", code)
        assert error["status"] in (400, 413)
    socket._in.put_nowait({"type": "websocket.receive", "bytes": json.dumps({"type": "x"}).encode()})
    assert (await socket.hear())["error"]["code"] == "invalid_value"
    socket._in.put_nowait({"type": "websocket.receive"})
    assert (await socket.hear())["error"]["code"] == "invalid_json"
    socket.ask("hello")
    assert (await socket.answer())[-1]["type"] == "response.completed"
    await socket.leave()


async def test_failures_of_the_model() -> None:
    served = Served()
    served.model.failing = UpstreamFailure("broken")
    socket = Socket(served)
    socket.ask("hello")
    assert [(each["type"], each["status"]) for each in await socket.answer()] == [("error", 502)]
    served.model.late = True
    socket.ask("hello")
    answer = await socket.answer()
    assert [each["type"] for each in answer if each["type"] in ("error", "response.failed")] == ["response.failed"]
    await socket.leave()


async def test_one_at_a_time() -> None:
    served = Served()
    served.model.held = asyncio.Event()
    socket = Socket(served)
    socket.ask("one")
    await until(lambda: served.model.prompts)
    socket.ask("two")
    while (heard := await socket.hear())["type"] != "error":
        pass
    assert heard["error"]["code"] == "response_in_progress"
    served.model.held.set()
    assert (await socket.answer())[-1]["type"] == "response.completed"
    socket.ask("three")
    assert (await socket.answer())[-1]["type"] == "response.completed"
    await socket.leave()


async def test_lanes_run_side_by_side_and_their_events_name_them() -> None:
    served = Served()
    served.model.held = asyncio.Event()
    socket = Socket(served)
    for lane in ("a", "b", "a"):
        socket.ask(f"in {lane}", stream_id=lane)
    await until(lambda: len(served.model.prompts) == 2)  # the second of a lane waits
    served.model.held.set()
    ended: list[tuple[str, str]] = []
    while len(ended) < 3:
        event = await socket.hear()
        assert event["stream_id"] in ("a", "b")
        if event["type"] == "response.completed":
            ended.append((event["stream_id"], event["response"]["output"][0]["content"][0]["text"]))
    assert sorted(ended) == [("a", "You said: in a")] * 2 + [("b", "You said: in b")]
    socket.ask("without")
    assert all("stream_id" not in event for event in await socket.answer())
    await socket.leave()


async def test_a_lane_goes_on_from_a_response_of_another_one() -> None:
    served = Served()
    socket = Socket(served)
    socket.ask("hello", stream_id="a", store=False)
    first = (await socket.answer())[-1]["response"]["id"]
    socket.ask("again", stream_id="b", store=False, previous_response_id=first)
    assert (await socket.answer())[-1]["type"] == "response.completed"
    assert spoken(served.model.prompts[-1]) == ["u:hello", "a:You said: hello", "u:again"]
    await socket.leave()


@pytest.mark.parametrize("late", [False, True])
async def test_a_turn_that_fails_takes_what_it_continued_with_it(late: bool) -> None:
    served = Served()
    socket = Socket(served)
    socket.ask("hello", store=False)
    first = (await socket.answer())[-1]["response"]["id"]
    served.model.failing, served.model.late = UpstreamFailure("broken"), late
    socket.ask("again", store=False, previous_response_id=first)
    assert (await socket.answer())[-1]["type"] in ("error", "response.failed")
    served.model.failing = None
    socket.ask("once more", store=False, previous_response_id=first)
    (refused,) = await socket.answer()
    assert (refused["status"], refused["error"]["code"]) == (404, "previous_response_not_found")
    await socket.leave()


@pytest.mark.parametrize("name", [5, "", "x" * 129, ["a"]])
async def test_a_lane_has_a_name(name: Any) -> None:
    socket = Socket(Served())
    socket.ask("hello", stream_id=name)
    (refused,) = await socket.answer()
    assert (refused["status"], refused["error"]["param"]) == (400, "stream_id")
    await socket.leave()


async def test_lanes_and_those_who_wait_on_them_are_bounded() -> None:
    served = Served()
    served.model.held = asyncio.Event()
    socket = Socket(served)
    for number in range(MAX_LANES):
        socket.ask("hello", stream_id=f"lane {number}")
    await until(lambda: len(served.model.prompts) == MAX_LANES)
    for _ in range(MAX_WAITING):
        socket.ask("hello", stream_id="lane 0")
    for name in ("lane 0", "one more"):
        socket.ask("hello", stream_id=name)
        while (heard := await socket.hear())["type"] != "error":
            pass
        assert (heard["status"], heard["error"]["param"]) == (400, "stream_id")
        assert heard["stream_id"] == name
    served.model.held.set()
    await until(lambda: len(served.model.prompts) == MAX_LANES + MAX_WAITING)
    await until(lambda: sum("response.completed" in str(each) for each in socket.sent) == MAX_LANES + MAX_WAITING)
    socket._heard = len(socket.sent)
    socket.ask("hello", stream_id="one more")  # in the place of one that is idle
    assert (await socket.answer())[-1]["stream_id"] == "one more"
    await socket.leave()


@pytest.mark.parametrize("wrong", [{"type": "response.cancel"}, {"background": True}, {"model": None}, {"input": [5]}])
async def test_an_error_names_its_lane(wrong: dict[str, Any]) -> None:
    socket = Socket(Served())
    socket.ask("hello", stream_id="a", **wrong)
    (refused,) = await socket.answer()
    assert (refused["type"], refused["status"], refused["stream_id"]) == ("error", 400, "a")
    await socket.leave()


@pytest.mark.parametrize("wrong", [{"background": True}, {"temperature": "warm"}])
async def test_a_turn_that_is_refused_takes_what_it_continued_with_it(wrong: dict[str, Any]) -> None:
    socket = Socket(Served())
    socket.ask("hello", store=False)
    first = (await socket.answer())[-1]["response"]["id"]
    socket.ask("again", store=False, previous_response_id=first, **wrong)
    assert (await socket.answer())[-1]["status"] == 400
    socket.ask("once more", store=False, previous_response_id=first)
    assert (await socket.answer())[-1]["error"]["code"] == "previous_response_not_found"
    await socket.leave()


@pytest.mark.parametrize("previous", [{}, [], 5])
async def test_a_previous_response_id_of_another_type_does_not_block_its_lane(previous: Any) -> None:
    socket = Socket(Served())
    socket.ask("hello", store=False)
    assert (await socket.answer())[-1]["type"] == "response.completed"
    socket.ask("again", previous_response_id=previous)
    (refused,) = await socket.answer()
    assert (refused["status"], refused["error"]["param"]) == (400, "previous_response_id")
    socket.ask("once more")
    assert (await socket.answer())[-1]["type"] == "response.completed"
    await socket.leave()


async def test_an_answer_that_cannot_be_kept_does_not_block_its_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*given: Any) -> bool:
        raise ValueError("a fault of the store's")

    served = Served()
    socket = Socket(served)
    with monkeypatch.context() as patch:
        patch.setattr(served.store, "put", broken)
        socket.ask("hello")
        socket.ask("hello", stream_id="a")
        socket.ask("hello", stream_id="a")
        for _ in range(3):
            assert (await socket.answer())[-1]["status"] == 500
    socket.ask("hello")
    assert (await socket.answer())[-1]["type"] == "response.completed"
    await socket.leave()


@pytest.mark.parametrize("drain", [False, True])
async def test_requests_that_wait_are_not_begun_for_a_client_that_has_left(drain: bool) -> None:
    served = Served(drain=drain)
    served.model.held = asyncio.Event()
    socket = Socket(served)
    for _ in range(3):
        socket.ask("hello", stream_id="a")
    await until(lambda: served.model.prompts)
    socket._in.put_nowait({"type": "websocket.disconnect"})
    await until(lambda: served.model.calls[0].gone)
    served.model.held.set()
    await asyncio.wait_for(socket.task, 10)
    assert len(served.model.prompts) == served.model.closed == 1


async def test_the_lane_that_gives_way_is_the_least_recently_used() -> None:
    socket = Socket(Served())
    last: dict[str, str] = {}
    for name in ("a", *(f"lane {number}" for number in range(MAX_LANES - 1)), "a", "one more"):
        socket.ask("hello", stream_id=name, store=False)
        last[name] = (await socket.answer())[-1]["response"]["id"]
    for name, kept in (("a", True), ("lane 1", True), ("lane 0", False)):
        socket.ask("hello", stream_id="a", store=False, previous_response_id=last[name])
        assert ((await socket.answer())[-1]["type"] == "response.completed") == kept
    await socket.leave()


async def test_requests_that_wait_are_bounded_in_bytes() -> None:
    served = Served()
    served.model.held = asyncio.Event()
    socket = Socket(served)
    socket.ask("hello", stream_id="a")
    await until(lambda: served.model.prompts)
    for _ in range(3):
        socket.ask("x" * 450_000, stream_id="a")
    while (heard := await socket.hear())["type"] != "error":
        pass
    assert (heard["status"], heard["error"]["code"]) == (400, "response_in_progress")
    served.model.held.set()
    await until(lambda: sum("response.completed" in str(each) for each in socket.sent) == 3)
    socket._heard = len(socket.sent)
    for _ in range(3):  # those that waited have made room
        socket.ask("x" * 450_000, stream_id="a")
        assert (await socket.answer())[-1]["type"] == "response.completed"
    await socket.leave()


async def test_what_lanes_can_continue_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.responses.websocket.LARGEST_HISTORY", 10_000)
    socket = Socket(Served())
    last: dict[str, str] = {}
    for name in ("a", "b", "c"):
        socket.ask("x" * 2_000, stream_id=name, store=False)  # and as many characters come back
        last[name] = (await socket.answer())[-1]["response"]["id"]
    for name, kept in (("a", False), ("b", True)):
        socket.ask("hello", store=False, stream_id="d", previous_response_id=last[name])
        assert ((await socket.answer())[-1]["type"] == "response.completed") == kept
    await socket.leave()


async def test_a_client_that_leaves_stops_the_model() -> None:
    served = Served()
    served.model.held = asyncio.Event()
    socket = Socket(served)
    socket.ask("one")
    await until(lambda: served.model.prompts)
    await socket.leave()
    assert served.model.closed == 1
    assert served.model.calls[0].gone


async def test_or_lets_it_finish_for_the_sake_of_its_usage() -> None:
    served = Served(drain=True)
    served.model.held = asyncio.Event()
    socket = Socket(served)
    socket.ask("one")
    await until(lambda: served.model.prompts)
    socket._in.put_nowait({"type": "websocket.disconnect"})
    await until(lambda: served.model.calls[0].gone)
    said = len(socket.sent)
    served.model.held.set()
    await asyncio.wait_for(socket.task, 10)
    assert len(socket.sent) == said


async def test_a_connection_that_breaks_is_let_go() -> None:
    served = Served(drain=True)
    socket = Socket(served)
    await until(lambda: socket.sent)
    socket.broken = True
    socket.ask("one")
    await until(lambda: served.model.closed == 1)
    await socket.leave()
    assert len(socket.sent) == 1


async def test_a_key_that_was_disabled_meanwhile_asks_no_more() -> None:
    served = Served()
    socket = Socket(served)
    await until(lambda: socket.sent)
    del served.keys.known[ANN]
    socket.ask("one")
    assert (await socket.hear())["status"] == 401
    served.keys.known[ANN] = Caller("key_ann")
    await socket.leave()
