"""Responses that are made while nobody waits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic_core import from_json

from app.api.responses.background import SILENCE
from app.core.ports import Caller
from app.core.table import TableUnavailable
from app.errors import QuotaExceeded, Unauthenticated, UpstreamFailure
from app.stores.responses.store import TableStore, memory_store
from app.stores.table.memory import MemoryTable
from tests.unit.api.responses.serving import BOB, MODEL, Client, Served, events, spoken
from tests.unit.stores.failing import Clock
from tests.unit.web.asgi import until

BODY = {"model": MODEL, "input": "hello", "background": True}


def over(response: Any) -> bool:
    return response["status"] not in ("queued", "in_progress")


async def queued(client: Client, **more: Any) -> str:
    made = await client.ok("POST", "/responses", BODY | more)
    assert (made["status"], made["background"], made["output"]) == ("queued", True, [])
    return str(made["id"])


async def test_it_is_queued_at_once_and_completed_later() -> None:
    served = Served()
    served.model.held = asyncio.Event()
    async with served.client() as ann:
        id = await queued(ann)
        assert (await ann.until(id, lambda found: found["status"] == "in_progress"))["output"] == []
        served.model.held.set()
        done = await ann.until(id, over)
        assert (done["status"], done["output"][0]["content"][0]["text"]) == ("completed", "You said: hello")
        assert done["usage"]["total_tokens"] == 7
        # It can be continued as any other.
        await ann.create("more", previous_response_id=id)
        assert spoken(served.model.prompts[-1]) == ["u:hello", "a:You said: hello", "u:more"]


async def test_what_is_not_finished_cannot_be_continued() -> None:
    served = Served()
    served.model.held = asyncio.Event()
    async with served.client() as ann:
        id = await queued(ann)
        refused = await ann.no("POST", "/responses", {"model": MODEL, "input": "x", "previous_response_id": id})
        assert refused == (400, "invalid_value", "previous_response_id")
        await served.responses.finish()


@pytest.mark.parametrize(
    ("problem", "code"),
    [(UpstreamFailure("broken"), "server_error"), (QuotaExceeded("spent"), "insufficient_quota"), (ValueError(), None)],
)
async def test_a_failure_is_told_by_the_response(problem: Exception, code: str | None) -> None:
    served = Served()
    served.model.failing = problem
    async with served.client() as ann:
        done = await ann.until(await queued(ann), over)
        assert (done["status"], done["error"]["code"]) == ("failed", code or "server_error")
        assert "secret" not in done["error"]["message"]


async def test_a_conversation_grows_when_it_is_done() -> None:
    served = Served()
    async with served.client() as ann:
        conversation = (await ann.ok("POST", "/conversations", {}))["id"]
        await ann.until(await queued(ann, conversation=conversation), over)
        async with asyncio.timeout(10):  # they are appended after the response is over
            while not (items := (await ann.ok("GET", f"/conversations/{conversation}/items"))["data"]):  # noqa: ASYNC110
                await asyncio.sleep(0)
        assert [item["role"] for item in items] == ["assistant", "user"]


async def test_only_so_many_at_once() -> None:
    served = Served(max_concurrent=2)
    served.model.held = asyncio.Event()
    async with served.client() as ann:
        await queued(ann)
        await queued(ann)
        assert (await ann.no("POST", "/responses", BODY))[:2] == (429, "too_many_responses")
        await served.responses.finish()


async def test_what_is_too_large_to_be_kept_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Served()

    async def large(*given: Any) -> bool:
        return False

    monkeypatch.setattr(served.store, "begin", large)
    async with served.client() as ann:
        assert (await ann.no("POST", "/responses", BODY))[:2] == (400, "request_too_large")


# Cancelling


async def test_a_cancelled_one_stops_and_stays_cancelled() -> None:
    served = Served()
    served.model.held = asyncio.Event()
    async with served.client() as ann:
        id = await queued(ann)
        await until(lambda: served.model.prompts)
        cancelled = await ann.ok("POST", f"/responses/{id}/cancel")
        assert cancelled["status"] == "cancelled"
        await until(lambda: served.model.closed == 1)
        assert (await ann.ok("GET", f"/responses/{id}"))["status"] == "cancelled"
        assert (await ann.ok("POST", f"/responses/{id}/cancel"))["status"] == "cancelled"


async def test_what_is_over_is_not_cancelled() -> None:
    served = Served()
    async with served.client() as ann:
        id = await queued(ann)
        await ann.until(id, over)
        assert (await ann.ok("POST", f"/responses/{id}/cancel"))["status"] == "completed"
        ordinary = await ann.create("hello")
        assert (await ann.no("POST", f"/responses/{ordinary['id']}/cancel"))[0] == 400
        assert (await ann.no("POST", "/responses/resp_none/cancel"))[0] == 404


async def test_another_process_cancels() -> None:
    table = MemoryTable()
    here, there = Served(TableStore(table)), Served(TableStore(table))
    here.model.held = asyncio.Event()
    async with here.client() as ann, there.client() as elsewhere:
        id = await queued(ann)
        await until(lambda: here.model.prompts)
        assert (await elsewhere.ok("POST", f"/responses/{id}/cancel"))["status"] == "cancelled"
        await until(lambda: here.model.closed == 1)
        await here.responses.finish()
        assert (await ann.ok("GET", f"/responses/{id}"))["status"] == "cancelled"


async def test_a_response_that_completes_before_it_is_cancelled_stays_completed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served = Served()
    held = served.model.held = asyncio.Event()
    cancel = served.store.cancel
    async with served.client() as ann:
        id = await queued(ann)
        await until(lambda: served.model.prompts)

        async def cancel_late(*given: Any) -> bool:
            """The response completes between the read and the write of the request that cancels it."""
            held.set()
            await ann.until(id, over)
            return await cancel(*given)

        monkeypatch.setattr(served.store, "cancel", cancel_late)
        assert (await ann.ok("POST", f"/responses/{id}/cancel"))["status"] == "completed"


async def test_deleting_stops_it() -> None:
    table = MemoryTable()
    here, there = Served(TableStore(table)), Served(TableStore(table))
    async with here.client() as ann, there.client() as elsewhere:
        for client in (ann, elsewhere):
            here.model.held = asyncio.Event()
            here.model.prompts.clear()
            here.model.closed = 0
            id = await queued(ann)
            await until(lambda: here.model.prompts)
            await client.ok("DELETE", f"/responses/{id}")
            await until(lambda: here.model.closed == 1)
            await here.responses.finish()
            assert (await ann.no("GET", f"/responses/{id}"))[0] == 404
    assert await table.query("response#key_ann") == []


# Streams


async def only_id(table: MemoryTable) -> str:
    """Returns the id of the one response that is stored: a client that streams gets it with the first event."""
    (id,) = [str(row["sk"]) for row in await table.query("response#key_ann") if "#" not in str(row["sk"])]
    return id


async def test_a_stream_of_it_while_it_is_made() -> None:
    table = MemoryTable()
    served = Served(TableStore(table))
    served.model.held = asyncio.Event()
    async with served.client() as ann, served.client(BOB) as bob:
        asked = asyncio.create_task(ann.stream("POST", "/responses", BODY | {"stream": True}))
        await until(lambda: served.model.prompts)
        id = await only_id(table)
        again = asyncio.create_task(ann.stream("GET", f"/responses/{id}", stream="true", starting_after="2"))
        assert (await bob.no("GET", f"/responses/{id}", stream="true"))[0] == 404
        served.model.held.set()
        told, rest = await asked, await again
        assert [event["type"] for event in told[:3]] == ["response.created", "response.queued", "response.in_progress"]
        assert [event["sequence_number"] for event in told[:-1]] == list(range(len(told) - 1))
        assert (told[-2]["type"], told[-1]) == ("response.completed", "[DONE]")
        assert rest == told[3:]


async def test_a_stream_of_it_afterwards_and_from_another_process() -> None:
    table = MemoryTable()
    here, there = Served(TableStore(table)), Served(TableStore(table))
    here.model.held = asyncio.Event()
    async with here.client() as ann, there.client() as elsewhere:
        asked = asyncio.create_task(ann.stream("POST", "/responses", BODY | {"stream": True}))
        await until(lambda: here.model.prompts)
        id = await only_id(table)
        along = asyncio.create_task(elsewhere.stream("GET", f"/responses/{id}", stream="true"))
        await asyncio.sleep(0)
        here.model.held.set()
        told = await asked
        assert await along == told
        assert await elsewhere.stream("GET", f"/responses/{id}", stream="true", starting_after="4") == told[5:]
        assert await ann.stream("GET", f"/responses/{id}", stream="true", starting_after="9999") == ["[DONE]"]


async def test_a_stream_of_what_was_cancelled_ends() -> None:
    table = MemoryTable()
    here, there = Served(TableStore(table)), Served(TableStore(table))
    here.model.held = asyncio.Event()
    async with here.client() as ann, there.client() as elsewhere:
        asked = asyncio.create_task(ann.stream("POST", "/responses", BODY | {"stream": True}))
        await until(lambda: here.model.prompts)
        id = await only_id(table)
        await ann.ok("POST", f"/responses/{id}/cancel")
        told = await asked
        assert told[-1] == "[DONE]"
        assert "response.completed" not in [event["type"] for event in told[:-1]]
        assert (await elsewhere.stream("GET", f"/responses/{id}", stream="true"))[-1] == "[DONE]"


async def test_who_follows_what_is_cancelled_is_not_told_that_the_gateway_shuts_down() -> None:
    table = MemoryTable()
    served = Served(TableStore(table))
    served.model.held = asyncio.Event()
    async with served.client() as ann:
        asked = asyncio.create_task(ann.stream("POST", "/responses", BODY | {"stream": True}))
        await until(lambda: served.model.prompts)
        id = await only_id(table)
        await ann.ok("POST", f"/responses/{id}/cancel")
        told = await asked
        assert told[-1] == "[DONE]"
        assert not [event for event in told[:-1] if event["type"] == "response.failed"]


async def test_only_background_responses_are_streamed_again() -> None:
    served = Served()
    async with served.client() as ann:
        made = await ann.create("hello")
        path = f"/responses/{made['id']}"
        assert await ann.no("GET", path, stream="true") == (400, "invalid_value", "stream")
        id = await queued(ann)
        refused = await ann.no("GET", f"/responses/{id}", stream="true", starting_after="x")
        assert refused == (400, "invalid_value", "starting_after")
        await served.responses.finish()


async def test_a_store_that_goes_away_breaks_the_stream_and_not_the_response(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = MemoryTable()
    here, there = Served(TableStore(table)), Served(TableStore(table))
    async with here.client() as ann, there.client() as elsewhere:
        id = await queued(ann)
        await ann.until(id, over)

        async def away(*given: Any) -> Any:
            raise TableUnavailable("away")

        monkeypatch.setattr(there.store, "events", away)
        told = await elsewhere.stream("GET", f"/responses/{id}", stream="true")
        assert [(event["type"], event["code"]) for event in told] == [("error", "table_unavailable")]
        assert (told[0]["error"]["code"], told[0]["sequence_number"]) == ("table_unavailable", -1)


# What may go wrong meanwhile


def test_one_that_was_abandoned_has_failed() -> None:
    clock = Clock()
    store = memory_store(clock=clock)

    async def begin() -> str:
        served = Served(store, clock=clock)
        served.model.held = asyncio.Event()
        async with served.client() as ann:
            id = await queued(ann)
            await until(lambda: served.model.prompts)
            return id

    async def look(id: str) -> None:
        async with Served(store, clock=clock).client() as after:
            assert (await after.ok("GET", f"/responses/{id}"))["status"] == "in_progress"
            clock.now += SILENCE + 1
            failed = await after.ok("GET", f"/responses/{id}")
            assert (failed["status"], failed["error"]["code"]) == ("failed", "server_error")
            told = await after.stream("GET", f"/responses/{id}", stream="true")
            assert [event["type"] for event in told[-3:-1]] == ["error", "response.failed"]
            numbers = [event["sequence_number"] for event in told[:-1]]
            assert numbers == sorted(set(numbers))
            assert (await after.ok("POST", f"/responses/{id}/cancel"))["status"] == "failed"

    id = asyncio.run(begin())  # its event loop ends, and cancels the worker without giving a reason
    asyncio.run(look(id))


async def test_the_process_ends_and_tells() -> None:
    served = Served()
    served.model.held = asyncio.Event()
    async with served.client() as ann:
        id = await queued(ann)
        await until(lambda: served.model.prompts)
        await served.responses.finish()
        failed = await ann.ok("GET", f"/responses/{id}")
        assert (failed["status"], failed["error"]["code"]) == ("failed", "server_error")
        assert "shutting down" in failed["error"]["message"]
        await served.responses.finish()


async def test_a_store_that_is_away_for_a_while_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Served()
    served.model.held = asyncio.Event()
    missed: list[str] = []

    def away(name: str) -> Any:
        async def fail(*given: Any) -> Any:
            missed.append(name)
            raise TableUnavailable("away")

        return fail

    async with served.client() as ann:
        with monkeypatch.context() as patched:
            patched.setattr(served.store, "beat", away("beat"))
            patched.setattr(served.store, "update", away("update"))
            id = await queued(ann)
            await until(lambda: {"beat", "update"} <= set(missed))
        served.model.held.set()
        assert (await ann.until(id, over))["status"] == "completed"


async def test_an_end_that_cannot_be_written_is_told_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    served = Served()

    async def away(*given: Any) -> Any:
        raise TableUnavailable("away")

    monkeypatch.setattr(served.store, "update", away)
    async with served.client() as ann:
        await queued(ann)
        await until(lambda: "could not be kept" in caplog.text)


async def test_what_was_over_when_it_was_read_again() -> None:
    """Read as in progress, over a moment later."""
    served = Served()
    served.model.held = asyncio.Event()
    async with served.client() as ann:
        id = await queued(ann)
        await until(lambda: served.model.prompts)
        held = await served.store.get("key_ann", id)
        served.model.held.set()
        await ann.until(id, over)
        kept = served.store.get

        async def old(*given: Any) -> Any:
            served.store.get = kept  # type: ignore[method-assign]
            return held

        served.store.get = old  # type: ignore[assignment,method-assign]
        assert (await ann.ok("GET", f"/responses/{id}"))["status"] == "completed"


# On Lambda


class Queue:
    """Implements Invoke: what Lambda has to deliver. `failing`: what it raises."""

    def __init__(self) -> None:
        self.events: list[bytes] = []
        self.failing: Exception | None = None

    async def __call__(self, event: bytes) -> None:
        if self.failing is not None:
            raise self.failing
        self.events.append(event)


class Environments:
    """Two environments of one function."""

    def __init__(self) -> None:
        self.queue = Queue()
        self.gone = False
        table = MemoryTable()
        self.one, self.two = (
            Served(TableStore(table), elsewhere=True, invoke=self.queue, caller_of=self.caller) for _ in range(2)
        )

    async def caller(self, id: str) -> Caller | None:
        return None if self.gone else Caller(id, project="proj_1")


@pytest.fixture
def function() -> Environments:
    return Environments()


async def test_another_invocation_makes_it(function: Environments) -> None:
    async with function.one.client() as ann, function.two.client("") as lambdas:
        first = await ann.create("one")
        id = await queued(ann, previous_response_id=first["id"])
        assert function.one.model.prompts[1:] == []
        (event,) = function.queue.events
        assert await lambdas.ok("POST", "/events", from_json(event)) == {"status": "ok"}
        assert spoken(function.two.model.prompts[0]) == ["u:one", "a:You said: one", "u:hello"]
        assert function.two.model.calls[0].caller == Caller("key_ann", project="proj_1")
        done = await ann.ok("GET", f"/responses/{id}")
        assert done["status"] == "completed"
        items = await ann.ok("GET", f"/responses/{id}/input_items")
        stored = await function.one.store.get("key_ann", id)
        assert stored is not None
        assert items["data"][0]["id"] == stored.input[0]["id"]
        # A retry of Lambda's, or somebody who has seen the event.
        assert (await lambdas.no("POST", "/events", from_json(event)))[0] == 404
        assert len(function.two.model.prompts) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"secret": "wrong"},
        {"secret": ""},
        {"secret": None},
        {"tenant": "key_bob"},
        {"tenant": ""},
        {"response": "resp_other"},
        {"response": ["x"]},
        {"gateway": "other"},
    ],
)
async def test_nothing_else_is_an_event(function: Environments, changed: dict[str, Any]) -> None:
    async with function.one.client() as ann, function.two.client("") as stranger:
        await queued(ann)
        event = from_json(function.queue.events[0]) | changed
        assert (await stranger.no("POST", "/events", event))[:2] == (404, "unknown_url")
        assert function.two.model.prompts == []
        assert (await stranger.ok("POST", "/events", from_json(function.queue.events[0])))["status"] == "ok"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"x" * 100_000])
async def test_what_is_no_event_at_all(function: Environments, body: bytes) -> None:
    async with function.one.client("") as stranger:
        reply = await stranger.http.post("/events", content=body)
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "unknown_url")


@pytest.mark.parametrize("changed", [{"tenant": "t" * 3000}, {"tenant": "a#b"}, {"response": "r" * 3000}])
async def test_what_no_table_takes_for_a_key_does_not_reach_it(
    function: Environments, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str]
) -> None:
    async def away(*given: Any) -> None:
        raise TableUnavailable("away")

    monkeypatch.setattr(function.one.store, "claim", away)
    event = {"gateway": "background", "tenant": "key_ann", "response": "resp_1", "secret": "s"}
    async with function.one.client("") as lambdas:
        assert (await lambdas.no("POST", "/events", event))[0] == 503
        assert (await lambdas.no("POST", "/events", event | changed))[0] == 404


async def test_no_events_without_a_store() -> None:
    async with Served(keeps=False).client() as ann:
        event = {"gateway": "background", "tenant": "k", "response": "r", "secret": "s"}
        assert (await ann.no("POST", "/events", event))[0] == 404


async def test_a_key_that_is_gone_or_disabled_makes_nothing(function: Environments) -> None:
    async with function.one.client() as ann, function.two.client("") as lambdas:
        function.gone = True
        id = await queued(ann)
        await lambdas.ok("POST", "/events", from_json(function.queue.events[0]))
        assert (await ann.ok("GET", f"/responses/{id}"))["status"] == "failed"
        assert function.two.model.prompts == []
        told = await ann.stream("GET", f"/responses/{id}", stream="true")
        assert [event["type"] for event in told[:-1]] == ["error", "response.failed"]


async def test_what_cannot_be_begun_is_not_kept(function: Environments) -> None:
    function.queue.failing = UpstreamFailure("no", status=503, code="background_unavailable")
    async with function.one.client() as ann:
        assert (await ann.no("POST", "/responses", BODY))[:2] == (503, "background_unavailable")
    assert await function.one.store.get_many("key_ann", ["x"]) == {}


async def test_on_lambda_without_a_table_there_is_no_background() -> None:
    async with Served(elsewhere=True).client() as ann:
        assert await ann.no("POST", "/responses", BODY) == (400, "unsupported_parameter", "background")
        assert (await ann.create("hello"))["store"] is True


async def test_an_unknown_key_raises_as_at_the_door() -> None:
    async def refused(id: str) -> Caller | None:
        raise Unauthenticated("This API key is disabled.", code="key_disabled")

    queue = Queue()
    served = Served(TableStore(MemoryTable()), elsewhere=True, invoke=queue, caller_of=refused)
    async with served.client() as ann:
        id = await queued(ann)
        await ann.ok("POST", "/events", from_json(queue.events[0]))
        failed = await ann.ok("GET", f"/responses/{id}")
        assert (failed["status"], failed["error"]["message"]) == ("failed", "This API key is disabled.")


def test_the_events_of_a_stream_can_be_read() -> None:
    assert events(b'event: a\ndata: {"x":1}\n\ndata: [DONE]\n\n') == [{"x": 1}, "[DONE]"]
