"""Every check can fail: a gateway that is wrong in one way is found out by the check it concerns."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.canary import bill, checks, client, questions
from app.canary.bill import Probe
from app.canary.checks import CHAT, EMBEDDING, Check
from app.canary.client import Gateway
from app.canary.deep import Task, attempt
from app.canary.prices import Price
from app.canary.settings import Settings
from tests.unit.canary.fake import EVENTS, Asked, FakeGateway, Reply, said, streamed

KEY = "sk-canary-77aa"
CHECKS = {check.name: check for check in (*CHAT, *EMBEDDING)}
PRICE = Price(1, 10, 0.1, 2)
USAGE = {"prompt_tokens": 10, "completion_tokens": 2}
COST = 100 * (10 + 20)
ESTIMATE = 999_999

Answers = Callable[[Asked], Reply]


def outcome(check: str, answer: Reply | Answers, last: str = "None", key: str = KEY) -> tuple[str, str, int]:
    """Status, detail and cost of a check against a gateway that answers so."""
    answers = (lambda asked: answer) if isinstance(answer, Reply) else answer
    with FakeGateway(answers) as fake:
        probe = Probe(Gateway(Settings(url=fake.url), key), "some-model", PRICE)
        result = attempt(Task("some-model", CHECKS[check], 0, last), probe)
    assert result.ms is not None
    assert len(result.detail) <= 160
    return result.status, result.detail, probe.cost(ESTIMATE)


def message(finish: str = "stop", usage: Any = USAGE, **fields: Any) -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", **fields}, "finish_reason": finish}
    return said({"choices": [choice], "usage": usage})


def call(name: str = "get_weather", arguments: Any = '{"city": "Oslo"}', id_: Any = "call_1", **more: Any) -> Any:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def delta(finish: str | None = None, **fields: Any) -> Any:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


END = [delta("stop"), {"choices": [], "usage": USAGE}]
REFUSED = said({"error": {"message": "The model has no such thing.", "param": "x"}}, 400)


# What goes wrong everywhere


BROKEN: dict[str, tuple[Reply, str]] = {
    "HTML": (Reply(200, b"<html>Bad Gateway</html>", {"content-type": "text/html"}), "no "),
    "HTML error": (Reply(502, b"<html>Bad Gateway</html>"), "status 502: the answer is no JSON"),
    "empty error": (Reply(503, b""), "status 503: the answer is no JSON"),
    "error": (
        said({"error": {"message": f"boom for {KEY} arn:aws:iam::123456789012:role/x"}}, 500),
        "500: boom for (hid",
    ),
    "odd error": (said({"error": ["x"], "message": 5}, 500), "status 500"),
    "huge error": (Reply(500, b"x" * 100_000), "status 500: the answer is longer than 65536 bytes"),
    "access": (said({"error": {"message": "No access to the model."}}, 403), "status 403: No access"),
    "cut": (Reply(200, b'data: {"choices"', EVENTS, length=900), ""),
    "huge": (Reply(200, b" " * (client.LONGEST_BODY + 1), EVENTS), ""),
    "deep": (Reply(200, b"data: " + b"[" * 90_000 + b"\n\n", EVENTS), "no JSON"),
    "list": (said([1]), ""),
    "null": (said({"choices": None, "data": None}), ""),
    "odd choices": (said({"choices": [5], "data": [5]}), ""),
    "no stream": (said({"choices": []}), ""),
    "no frames": (streamed(done=False), ""),
    "only done": (streamed(), ""),
    "odd chunks": (streamed({"choices": "x"}, {"choices": [{"delta": 5}]}), ""),
    "error within": (streamed({"error": {"message": f"later, {KEY}"}}), ""),
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_answer_is_a_failed_check(check: str, name: str) -> None:
    reply, detail = BROKEN[name]
    status, found, cost = outcome(check, reply)
    assert status == "failed", found
    assert detail in found or name in ("HTML", "deep")
    assert KEY not in found
    assert "arn:" not in found
    # Refusals cost nothing; for what else came without usage, the whole estimate is kept.
    assert cost == (0 if name == "access" else ESTIMATE)


@pytest.mark.parametrize("check", CHECKS)
def test_nobody_there_is_a_failed_check(check: str) -> None:
    probe = Probe(Gateway(Settings(url="http://127.0.0.1:1/"), KEY), "some-model", PRICE)
    result = attempt(Task("some-model", CHECKS[check], 0, "None"), probe)
    assert (result.status, result.detail) == ("failed", "not connected: connection refused")


@pytest.mark.parametrize("check", CHECKS)
def test_a_throttled_check_is_skipped_even_where_it_was_ok(check: str) -> None:
    reply = said({"error": {"message": "Too many tokens"}}, 429)
    assert outcome(check, reply, last="ok") == ("skipped", "throttled: status 429: Too many tokens", 0)


@pytest.mark.parametrize("check", ["tools", "parallel_tools", "thinking", "json_schema", "image"])
def test_what_the_model_cannot_do_is_skipped_unless_it_once_worked(check: str) -> None:
    reason = "status 400: The model has no such thing."
    assert outcome(check, REFUSED) == ("skipped", reason, 0)
    assert outcome(check, REFUSED, last="failed") == ("skipped", reason, 0)
    assert outcome(check, REFUSED, last="ok") == ("failed", f"was ok before; now: {reason}", 0)


@pytest.mark.parametrize("check", ["chunking", "cache", "embeddings"])
def test_what_every_model_takes_is_never_skipped(check: str) -> None:
    assert outcome(check, REFUSED)[0] == "failed"


def test_an_answer_nobody_foresaw_is_a_failed_check(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = streamed(delta(tool_calls=[call(index=[])]), *END)
    assert outcome("parallel_tools", odd)[:2] == ("failed", "the answer could not be read (TypeError)")


def test_a_stream_that_never_ends_is_cut_off() -> None:
    def for_ever() -> Iterator[bytes]:
        return itertools.repeat(f"data: {json.dumps(delta(content='x' * 5000))}\n\n".encode())

    status, detail, _ = outcome("chunking", lambda asked: Reply(body=for_ever(), headers=EVENTS))
    assert (status, detail) == ("failed", f"the stream is longer than {client.LONGEST_BODY} bytes")


def test_a_line_that_never_ends_is_cut_off() -> None:
    status, detail, _ = outcome("chunking", Reply(body=b"x" * 300_000, headers=EVENTS))
    assert (status, detail) == ("failed", "the answer has a line of more than 262144 bytes")


def test_a_stream_that_stalls_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "REQUEST_SECONDS", 0.2)
    stop = threading.Event()

    def stalled() -> Iterator[bytes]:
        yield f"data: {json.dumps(delta(content='x'))}\n\n".encode()
        stop.wait(20)

    status, detail, _ = outcome("chunking", lambda asked: Reply(body=stalled(), headers=EVENTS))
    stop.set()
    assert (status, detail) == ("failed", "no complete answer within 0.2 s")


def test_a_stream_whose_connection_breaks_is_a_failed_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def readline(self: Any, limit: int = -1) -> bytes:
        raise ConnectionResetError

    monkeypatch.setattr(http.client.HTTPResponse, "readline", readline)
    status, detail, cost = outcome("chunking", streamed(*TEXT))
    assert (status, detail) == ("failed", "the connection was closed before the answer was complete")
    assert cost == ESTIMATE


# Chunking


def paced(pause: float, *chunks: Any, done: bool = True) -> Answers:
    def pieces() -> Iterator[bytes]:
        wait = threading.Event()
        for chunk in chunks:
            yield b": ping\n\n"
            yield f"data: {json.dumps(chunk)}\n\n".encode()
            wait.wait(pause)
        yield b"data: [DONE]\n\n" if done else b""

    return lambda asked: Reply(body=pieces(), headers=EVENTS)


TEXT = [delta(content=str(number)) for number in range(10)]


def test_a_stream_spread_over_time_is_ok() -> None:
    status, detail, cost = outcome("chunking", paced(0.02, *TEXT, *END))
    assert (status, cost) == ("ok", COST), detail
    assert detail.startswith("10 chunks over ")


def test_thoughts_are_chunks_too() -> None:
    thoughts = [delta(reasoning_content=str(number)) for number in range(6)]
    assert outcome("chunking", paced(0.02, *thoughts, *END))[0] == "ok"


def test_a_stream_that_comes_all_at_once_is_not() -> None:
    wait = threading.Event()
    body = b"".join(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in [*TEXT, *END]) + b"data: [DONE]\n\n"

    def answer(asked: Asked) -> Reply:
        wait.wait(0.5)
        return Reply(body=body, headers=EVENTS)

    status, detail, cost = outcome("chunking", answer)
    assert (status, cost) == ("failed", COST)
    assert detail.startswith("all at once: 10 chunks over ")


def test_the_rest_that_a_stream_must_have() -> None:
    assert outcome("chunking", paced(0.02, *TEXT, *END, done=False))[1] == "the stream ended without [DONE]"
    assert outcome("chunking", paced(0.02, *TEXT, END[1]))[1] == "the stream ended without a finish_reason"
    assert outcome("chunking", paced(0.02, *TEXT[:4], *END))[1] == "4 chunks with text, expected at least 5"


def test_a_front_that_cannot_stream_is_no_failure() -> None:
    reply = streamed(*TEXT, *END)
    reply.headers = {**EVENTS, "x-gateway-stream": "buffered"}
    assert outcome("chunking", reply)[:2] == (
        "skipped",
        "this deployment answers streams whole (x-gateway-stream: buffered)",
    )


# Tools


def test_a_tool_call_is_ok() -> None:
    assert outcome("tools", message("tool_calls", content=None, tool_calls=[call()])) == ("ok", "1 call", COST)


@pytest.mark.parametrize(
    ("reply", "detail"),
    [
        (message(content="It rains."), "no tool call, finish_reason stop"),
        (message("stop", tool_calls=[call()]), "a tool call, but finish_reason stop"),
        (message("tool_calls", tool_calls=[call("other")]), "a call of a tool that was not offered"),
        (message("tool_calls", tool_calls=[call(id_=None)]), "a tool call has no id"),
        (
            message("tool_calls", tool_calls=[call(arguments='{"city": "Os')]),
            "the arguments of a tool call are no JSON",
        ),
        (message("tool_calls", tool_calls=[call(arguments=None)]), "the arguments of a tool call are no JSON"),
        (message("tool_calls", tool_calls=[call(arguments="{}")]), "the arguments of a tool call don't fit its schema"),
        (message("tool_calls", tool_calls={"0": call()}), "tool_calls is no list"),
        (message("tool_calls", tool_calls=[{"id": "x"}]), "a tool call has no function"),
    ],
)
def test_a_wrong_tool_call(reply: Reply, detail: str) -> None:
    assert outcome("tools", reply) == ("failed", detail, COST)


# Parallel tools


def fragments(*parts: Any) -> Reply:
    return streamed(*(delta(tool_calls=[part]) for part in parts), delta("tool_calls"), {"choices": [], "usage": USAGE})


def more(index: Any, arguments: str, **fields: Any) -> Any:
    return {"index": index, "function": {"arguments": arguments}, **fields}


FIRST = [call(arguments="", index=0), more(0, '{"city":'), more(0, ' "Oslo"}')]
SECOND = [call("get_time", "", "call_2", index=1), more(1, '{"city": "Lima"}')]


def test_two_calls_kept_apart_are_ok() -> None:
    mixed = [FIRST[0], SECOND[0], FIRST[1], SECOND[1], FIRST[2]]
    assert outcome("parallel_tools", fragments(*FIRST, *SECOND)) == ("ok", "2 calls", COST)
    assert outcome("parallel_tools", fragments(*mixed)) == ("ok", "2 calls", COST)


@pytest.mark.parametrize(
    ("reply", "status", "detail"),
    [
        (fragments(*FIRST), "skipped", "the model made 1 call in this turn"),
        (fragments(*FIRST, call("get_time", id_="call_2", index=0)), "failed", "two calls share an index"),
        (fragments(*FIRST, call("get_time", index=1)), "failed", "two calls share an id"),
        (
            fragments(*FIRST, call("get_time", id_="call_2", index=2)),
            "failed",
            "the indexes of the calls are not 0, 1, ...",
        ),
        (
            fragments(*FIRST, SECOND[0], more(0, '{"city": "Lima"}')),
            "failed",
            "the arguments of a tool call are no JSON",
        ),
    ],
)
def test_calls_that_are_mixed_up(reply: Reply, status: str, detail: str) -> None:
    assert outcome("parallel_tools", reply)[:2] == (status, detail)


# Thinking

DETAILS = [{"type": "reasoning.text", "text": "Hm.", "signature": "c2ln", "index": 0}]
THOUGHT = message("tool_calls", content=None, reasoning_content="Hm.", reasoning_details=DETAILS, tool_calls=[call()])


def two_turns(first: Reply, second: Reply) -> Answers:
    return lambda asked: second if asked.json["messages"][-1]["role"] == "tool" else first


def test_thoughts_go_back_as_they_came() -> None:
    asked: list[Asked] = []

    def answer(each: Asked) -> Reply:
        asked.append(each)
        return two_turns(THOUGHT, message(content="Sunny."))(each)

    assert outcome("thinking", answer) == ("ok", "thoughts went back and were taken", 2 * COST)
    back = asked[1].json["messages"]
    assert [each["role"] for each in back] == ["user", "assistant", "tool"]
    assert back[1]["reasoning_details"] == DETAILS
    assert back[2]["tool_call_id"] == "call_1"
    assert asked[0].json["reasoning_effort"] == asked[1].json["reasoning_effort"] == "low"


@pytest.mark.parametrize(
    ("first", "second", "status", "detail"),
    [
        (message(content="It rains."), REFUSED, "skipped", "the model gave no reasoning"),
        (
            message(content="Hi", reasoning_content="Hm."),
            REFUSED,
            "skipped",
            "the model thought, but did not call the tool",
        ),
        (THOUGHT, REFUSED, "failed", "status 400: The model has no such thing."),
        (THOUGHT, message(content=" "), "failed", "the turn after the tool's result is empty"),
    ],
)
def test_thinking_that_does_not_come_round(first: Reply, second: Reply, status: str, detail: str) -> None:
    assert outcome("thinking", two_turns(first, second))[:2] == (status, detail)


def test_a_model_that_takes_no_effort() -> None:
    reply = message(content="It rains.")
    reply.headers = {**reply.headers, "x-gateway-ignored": "seed,reasoning_effort"}
    assert outcome("thinking", reply)[:2] == ("skipped", "the model takes no reasoning_effort")
    assert outcome("thinking", reply, last="ok")[0] == "failed"


# JSON schema, image


def test_json_that_fits() -> None:
    reply = message(content='{"population": 700000, "city": "Oslo"}')
    assert outcome("json_schema", reply) == ("ok", "fits the schema", COST)


@pytest.mark.parametrize(
    ("reply", "status", "detail"),
    [
        (message(content='```json\n{"population": 7, "city": "Oslo"}\n```'), "failed", "the answer is no JSON"),
        (message(content='{"city": "Oslo"}'), "failed", "the answer does not fit the schema"),
        (message(content='{"city": "Oslo", "population": "many"}'), "failed", "the answer does not fit the schema"),
        (message(content='{"city": "Oslo", "population": 7, "x": 1}'), "failed", "the answer does not fit the schema"),
        (message(content="[]"), "failed", "the answer does not fit the schema"),
        (message(content=None), "failed", "the answer is empty"),
        (message("length", content=""), "skipped", "the model used all its tokens before it answered"),
        (said({"choices": [{}], "usage": USAGE}), "failed", "the answer has no choices[0].message"),
    ],
)
def test_json_that_does_not(reply: Reply, status: str, detail: str) -> None:
    assert outcome("json_schema", reply) == (status, detail, COST)


def test_an_image_is_seen_or_at_least_answered() -> None:
    assert outcome("image", message(content="Red."))[:2] == ("ok", "named the colour")
    assert outcome("image", message(content="Blue."))[:2] == ("ok", "answered, but did not name the colour")
    assert outcome("image", message(content=" "))[:2] == ("failed", "the answer is empty")


def test_the_picture_is_a_png_of_one_colour() -> None:
    head, data = questions.red_square(4).split(",")
    png = base64.b64decode(data)
    assert head == "data:image/png;base64"
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        chunks[kind] = png[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", png, at + 8 + length)[0] == zlib.crc32(kind + chunks[kind])
        at += 12 + length
    assert chunks[b"IHDR"] == struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0)
    assert zlib.decompress(chunks[b"IDAT"]) == (b"\x00" + b"\xff\x00\x00" * 4) * 4


# Cache


def cached(*counts: tuple[Any, Any]) -> Answers:
    left = list(counts)

    def answer(asked: Asked) -> Reply:
        write, read = left.pop(0)
        details = {"cache_write_tokens": write, "cached_tokens": read}
        return message(content="yes", usage=USAGE | {"prompt_tokens": 10_000, "prompt_tokens_details": details})

    return answer


def test_a_prefix_written_and_read() -> None:
    status, detail, cost = outcome("cache", cached((9000, 0), (0, 9000)))
    assert (status, detail) == ("ok", "9000 tokens written, 9000 read")
    assert cost == 100 * (1000 + 9000 * 2 + 20) + 100 * (1000 + 900 + 20)


def test_a_prefix_that_is_not_read() -> None:
    assert outcome("cache", cached((9000, 0), (9000, 0)))[:2] == (
        "failed",
        "written by the first request, but not read by the second",
    )


def test_an_answer_without_usage_is_not_one_without_a_cache() -> None:
    assert outcome("cache", message(content="yes", usage=None))[:2] == ("failed", "the answer has no usage")


@pytest.mark.parametrize("counts", [(0, 0), (None, None), ("9000", 0)])
def test_a_model_without_a_cache_is_asked_once(counts: tuple[Any, Any]) -> None:
    assert outcome("cache", cached(counts))[:2] == ("skipped", "no cache write is reported")
    assert outcome("cache", cached(counts), last="ok")[:2] == (
        "failed",
        "was ok before; now: no cache write is reported",
    )


def test_the_prefix_is_long_and_new_each_time() -> None:
    one, other = questions.long_text(), questions.long_text()
    assert one.split(".")[0] != other.split(".")[0]
    assert 18_000 < len(one) < 24_000


# Embeddings


def vector(embedding: Any) -> Reply:
    return said({"data": [{"index": 0, "embedding": embedding}], "usage": {"prompt_tokens": 6, "total_tokens": 6}})


def test_a_vector_is_ok() -> None:
    assert outcome("embeddings", vector([0.1, -2, 0.0])) == ("ok", "3 dimensions", 600)


@pytest.mark.parametrize("embedding", [[], [0.0, 0], ["a"], [None], [float("nan")], [float("inf")], "AAAA", None, {}])
def test_what_is_no_vector(embedding: Any) -> None:
    status, detail, cost = outcome("embeddings", vector(embedding))
    assert (status, cost) == ("failed", 600)
    assert "embedding" in detail


# What is asked


def test_the_estimate_is_above_all_a_check_can_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """In characters, of which a token has at least two and a half in such texts; what tools and pictures add is known."""
    asked: list[Asked] = []
    turns = two_turns(THOUGHT, message(content="Sunny."))

    def answer(each: Asked) -> Reply:
        asked.append(each)
        if b"cache_control" in each.body:
            return message(
                usage=USAGE | {"prompt_tokens_details": {"cache_write_tokens": 5, "cached_tokens": 5}}, content="y"
            )
        return turns(each)

    for check in CHAT:
        asked.clear()
        outcome(check.name, answer)
        bodies = [each.json for each in asked]
        assert sum(body["max_completion_tokens"] for body in bodies) <= check.tokens_out
        tokens = sum(len(json.dumps(body["messages"])) / 2.5 for body in bodies) if check.name != "image" else 1700
        tokens += sum(600 + 150 * len(body["tools"]) for body in bodies if "tools" in body)
        tokens += 1000 * (check.name == "json_schema")
        assert tokens <= check.tokens_in, check.name


def test_models_with_embed_in_their_id_are_embedding_models() -> None:
    assert checks.checks_for("cohere.embed-v4:0") == EMBEDDING
    assert checks.checks_for("embed:my-alias") == EMBEDDING
    assert checks.checks_for("amazon.nova-lite-v1:0") == CHAT
    assert {check.name for check in (*CHAT, *EMBEDDING)} == {
        "chunking", "tools", "parallel_tools", "thinking", "json_schema", "image", "cache", "embeddings",
    }  # fmt: skip


def test_the_key_goes_in_both_headers_and_the_path_is_the_urls_own() -> None:
    def answer(asked: Asked) -> Reply:
        assert asked.headers["authorization"] == f"Bearer {KEY}"
        assert asked.headers["x-api-key"] == KEY
        assert asked.path == "/stage/v1/embeddings"
        return vector([1.0])

    with FakeGateway(answer) as fake:
        gateway = Gateway(Settings(url=fake.url + "stage/"), KEY)
        assert bill.Probe(gateway, "m", PRICE).embed("x").body["data"]


def test_with_iam_the_signature_has_authorization_to_itself() -> None:
    def answer(asked: Asked) -> Reply:
        assert asked.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=testing/")
        assert asked.headers["x-api-key"] == KEY
        return vector([1.0])

    with FakeGateway(answer) as fake:
        settings = Settings(url=fake.url, auth="AWS_IAM", region="us-east-1")
        assert bill.Probe(Gateway(settings, KEY), "m", PRICE).embed("x").body["data"]


def test_a_check_is_a_name_for_its_own_function() -> None:
    assert all(isinstance(check, Check) and check.run.__name__ == check.name for check in CHECKS.values())
