"""Every failure that a prompt can ask for, as boto3 sees it."""

import time
from typing import Any

import pytest
import urllib3
from botocore.eventstream import ChecksumMismatch
from botocore.exceptions import ClientError, EventStreamError

from local.emulator import Emulator
from tests.unit.local.asking import CLAUDE, ask, deltas, stream, text_of, user
from tests.unit.local.conftest import client


def collect(runtime: Any, text: str) -> tuple[list[dict[str, Any]], BaseException | None]:
    """The events up to the end or the failure, and the failure."""
    events: list[dict[str, Any]] = []
    response = runtime.converse_stream(modelId=CLAUDE, messages=[user(text)])
    try:
        for event in response["stream"]:
            events.append(event)
    except (EventStreamError, ChecksumMismatch, urllib3.exceptions.HTTPError) as error:
        return events, error
    finally:
        response["stream"].close()
    return events, None


@pytest.mark.parametrize(
    ("marker", "code", "status"),
    [
        ("throttle", "ThrottlingException", 429),
        ("error=ServiceUnavailableException", "ServiceUnavailableException", 503),
        ("error=ModelTimeoutException", "ModelTimeoutException", 408),
        ("error=ModelErrorException", "ModelErrorException", 424),
        ("error=AccessDeniedException", "AccessDeniedException", 403),
        ("error=ResourceNotFoundException", "ResourceNotFoundException", 404),
        ("error=InternalServerException", "InternalServerException", 500),
        ("context-overflow", "ValidationException", 400),
        ("html-503", "503", 503),
    ],
)
@pytest.mark.parametrize("streaming", [False, True])
def test_errors_before_the_answer(runtime: Any, marker: str, code: str, status: int, streaming: bool) -> None:
    call = stream if streaming else ask
    with pytest.raises(ClientError) as raised:
        call(runtime, f"hi [[emulate: {marker}]]")
    assert raised.value.response["Error"]["Code"] == code
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


@pytest.mark.parametrize(
    ("marker", "code", "seen"),
    [
        ("throttle after=3", "throttlingException", 3),
        ("error=ModelStreamErrorException after=2", "modelStreamErrorException", 2),
        ("error=InternalServerException after=99", "internalServerException", 5),
        ("error-frame=SomethingNew after=1", "SomethingNew", 1),
        ("first-event-throttle", "throttlingException", 0),
        ("context-overflow stream", "validationException", 0),
    ],
)
def test_errors_within_the_stream(runtime: Any, marker: str, code: str, seen: int) -> None:
    events, error = collect(runtime, f"one two [[emulate: {marker}]]")
    assert isinstance(error, EventStreamError)
    assert error.response["Error"]["Code"] == code
    assert len(deltas(events)) == seen


def test_a_marker_may_stand_in_the_system_prompt(runtime: Any) -> None:
    with pytest.raises(ClientError, match="ThrottlingException"):
        ask(runtime, "hi", system=[{"text": "Be nice. [[emulate: throttle]]"}])


def test_a_message_can_be_given(runtime: Any) -> None:
    with pytest.raises(ClientError, match="quota is gone"):
        ask(runtime, "hi [[emulate: error=ThrottlingException message=quota_is_gone]]")


def test_a_cut_connection(runtime: Any) -> None:
    events, error = collect(runtime, "one two three four [[emulate: cut after=2]]")
    assert isinstance(error, urllib3.exceptions.ProtocolError)
    assert len(deltas(events)) <= 2


def test_a_stream_without_message_stop_just_ends(runtime: Any) -> None:
    events, error = collect(runtime, "hi [[emulate: no-stop]]")
    assert error is None
    assert "contentBlockStop" in events[-1]


def test_a_broken_checksum(runtime: Any) -> None:
    events, error = collect(runtime, "one two three [[emulate: bad-crc after=2]]")
    assert isinstance(error, ChecksumMismatch)
    assert len(deltas(events)) == 2


def test_unknown_events_and_deltas(runtime: Any) -> None:
    events, error = collect(runtime, "hi [[emulate: unknown-event]]")
    assert error is None
    assert {"SDK_UNKNOWN_MEMBER": {"name": "somethingNew"}} in deltas(events)


def test_any_finish_reason(runtime: Any) -> None:
    assert ask(runtime, "hi [[emulate: finish=content_filtered]]")["stopReason"] == "content_filtered"


@pytest.mark.parametrize("marker", ["tokens=40", "delay=0 tokens=40"])
def test_a_wanted_number_of_tokens(runtime: Any, marker: str) -> None:
    events = stream(runtime, f"hi [[emulate: {marker}]]")
    assert len(deltas(events)) == 40
    assert events[-1]["metadata"]["usage"]["outputTokens"] == 40


def test_tokens_come_at_the_asked_pace(runtime: Any, emulator: Emulator) -> None:

    started = time.monotonic()
    stream(runtime, "hi [[emulate: delay=0.01 tokens=10]]")
    assert 0.1 <= time.monotonic() - started < 1.0


def test_a_stall_pauses_once(runtime: Any) -> None:

    started = time.monotonic()
    events, error = collect(runtime, "one two three [[emulate: stall=0.1 after=2]]")
    assert error is None
    assert 0.1 <= time.monotonic() - started < 1.0
    assert "messageStop" in events[-2]


def test_a_silence_does_not_end_a_stream_whose_chunks_are_left_whole() -> None:
    hello = {"type": "contentBlockDelta", "payload": {"contentBlockIndex": 0, "delta": {"text": "x"}}, "wait": 0.02}
    stop = {"type": "messageStop", "payload": {"stopReason": "end_turn"}}
    with Emulator(chop=False) as emulator:
        emulator.script({"events": [hello, {"raw": "", "wait": 0.02}, hello, stop]})
        events, error = collect(client("bedrock-runtime", emulator), "hi")
    assert (len(events), error) == (3, None)


def test_fail_once_fails_once(runtime: Any) -> None:
    with pytest.raises(ClientError, match="ServiceUnavailableException"):
        ask(runtime, "retry me [[emulate: fail-once=ServiceUnavailableException]]")
    assert "retry me" in text_of(ask(runtime, "retry me [[emulate: fail-once=ServiceUnavailableException]]"))


def test_fail_once_can_fail_more_often(runtime: Any) -> None:
    for _ in range(2):
        with pytest.raises(ClientError, match="ThrottlingException"):
            ask(runtime, "again [[emulate: fail-once=ThrottlingException times=2]]")
    ask(runtime, "again [[emulate: fail-once=ThrottlingException times=2]]")


def test_a_client_that_leaves_is_noticed(runtime: Any, emulator: Emulator) -> None:
    response = runtime.converse_stream(modelId=CLAUDE, messages=[user("hi [[emulate: hang after=1]]")])
    next(iter(response["stream"]))
    response["stream"].close()
    (entry,) = emulator.requests
    assert entry.wait()
    assert entry.hung_up
    assert entry.events == 2


def test_a_hang_before_the_answer_lasts_until_the_client_gives_up(emulator: Emulator) -> None:
    with urllib3.PoolManager(retries=False, timeout=0.05) as pool, pytest.raises(urllib3.exceptions.ReadTimeoutError):
        pool.request(
            "POST",
            f"{emulator.url}/model/amazon.nova-lite-v1%3A0/converse",
            headers={"Authorization": "Bearer x"},
            json={"messages": [user("hi [[emulate: hang]]")]},
        )
    (entry,) = emulator.requests
    assert entry.wait()
    assert entry.hung_up


def test_an_error_of_the_emulator_itself_is_a_500(runtime: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_name: str) -> None:
        raise RuntimeError

    monkeypatch.setattr("local.emulator.converse.prompts.read", broken)
    with pytest.raises(ClientError, match="InternalServerException"):
        ask(runtime)


def test_a_conversation_longer_than_the_context_is_refused(runtime: Any) -> None:
    with pytest.raises(ClientError, match="prompt is too long"):
        ask(runtime, "x" * 900_000)


@pytest.mark.parametrize("marker", ["no-usage"])
def test_an_answer_without_usage_is_whole(runtime: Any, marker: str) -> None:
    events, error = collect(runtime, f"hi [[emulate: {marker}]]")
    assert (error, "messageStop" in events[-1]) == (None, True)
