"""The work for a request grows with its size, never with the square of it: every dimension is doubled, twice.

Work is counted, not timed: lines and calls of Python, and calls of C functions from Python. What C does within one call (a
regular expression, a copy) is not seen; where that has gone wrong before, a test below looks at it by itself.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from base64 import b64encode
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from app.api.chat.decode import decode as decode_chat
from app.api.chat.encode import ChatStream, encode_completion
from app.api.messages.decode import decode as decode_messages
from app.api.messages.encode import MessageStream, encode_message
from app.api.responses.decode import decode as decode_responses
from app.api.responses.stream import ResponseStream
from app.core import json_values
from app.core.events import Event, fold
from app.core.prompt import Prompt
from app.stages.estimate import prompt_tokens
from app.stores.table.http import Connection
from app.upstreams.converse.reply import ReplyMachine
from app.upstreams.converse.request import to_body, to_bytes
from tests.unit.plan.planning import SONNET_45, planned

Body = dict[str, Any]
LINEAR = 2.4
"""The second doubling may take this many times what the first one took: 2 is linear, 4 a square."""
STEPS = 2_000
"""Steps that may come on top: what is done once, and rounding."""


def work(run: Callable[[], object]) -> int:
    """How many lines and calls it takes."""
    steps = 0

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal steps
        steps += 1
        return trace

    def profile(frame: FrameType, event: str, arg: object) -> None:
        nonlocal steps
        steps += event == "c_call"

    before = sys.gettrace(), sys.getprofile()
    gc.collect()
    gc.disable()  # what ends the life of other tests' objects is no part of the work
    sys.settrace(trace)
    sys.setprofile(profile)
    try:
        run()
    finally:
        sys.setprofile(before[1])
        sys.settrace(before[0])
        gc.enable()
    return steps


def grows_linearly(run: Callable[[int], Callable[[], object]], size: int) -> None:
    """`run(n)` prepares what is then measured."""
    run(size)()  # what is cached and imported by the first call is no part of the growth
    once, twice, four_times = (work(run(each)) for each in (size, 2 * size, 4 * size))
    first, second = twice - once, four_times - twice
    assert second <= LINEAR * first + STEPS, f"{once} steps, then {twice}, then {four_times}"


def ask(prompt: Prompt) -> None:
    plan, _ = planned(prompt)
    body, _ = to_body(plan)
    to_bytes(body)
    prompt_tokens(plan)


DECODERS: dict[str, Callable[[Body], Prompt]] = {
    "chat": lambda body: decode_chat(body).prompt,
    "responses": lambda body: decode_responses(body).prompt,
    "messages": lambda body: decode_messages(body).prompt,
}
SOUND = {"data": b64encode(b"RIFF0000WAVE").decode(), "format": "wav"}
PNG = b64encode(b"\x89PNG\r\n\x1a\n").decode()
TEXT_FILE = b64encode(b"words").decode()
VOXTRAL = "mistral.voxtral-small-24b-2507"
"""Hears and takes tools."""
USER = {"role": "user", "content": "hi"}


def chat(*messages: Body, **options: Any) -> Body:
    return {"messages": list(messages) or [USER]} | options


def responses(*items: Body, **options: Any) -> Body:
    return {"input": list(items) or "hi"} | options


def messages(*turns: Body, **options: Any) -> Body:
    return {"messages": list(turns) or [USER], "max_tokens": 100} | options


def turns(texts: list[str]) -> list[Body]:
    return [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts)]


def schema(properties: int) -> Body:
    members = {f"p{place}": {"type": "string", "minLength": 1, "pattern": "(?!a)b"} for place in range(properties)}
    return {"type": "object", "properties": members, "required": list(members)}


def branches(count: int) -> Body:
    """A root that is a union, each branch of which leads to a definition of its own and to one that all share."""
    definitions = {f"d{place}": schema(1) | {"anyOf": [{"$ref": "#/$defs/all"}]} for place in range(count)}
    refs = [{"$ref": f"#/$defs/d{place}"} for place in range(count)]
    return {"anyOf": refs, "allOf": [{"allOf": refs}], "$defs": definitions | {"all": schema(count)}}


def chain(definitions: int) -> Body:
    """Definitions that refer to the next one, so that nothing is recursive and everything is reached."""
    links = {
        f"d{place}": {"type": "object", "properties": {"next": {"$ref": f"#/$defs/d{place + 1}"}}}
        for place in range(definitions)
    }
    last = {f"d{definitions}": {"type": "string"}}
    return {"type": "object", "properties": {"first": {"$ref": "#/$defs/d0"}}, "$defs": links | last}


def deep(depth: int) -> Body:
    inner: Body = {"type": "object"}
    for _ in range(depth):
        inner = {"type": "object", "properties": {"p": inner}}
    return {"anyOf": [inner], "required": ["p"]}


def chat_tool(name: str, parameters: Body) -> Body:
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def flat_tool(name: str, parameters: Body) -> Body:
    return {"type": "function", "name": name, "parameters": parameters}


def messages_tool(name: str, parameters: Body) -> Body:
    return {"name": name, "input_schema": parameters}


def chat_call(identifier: str) -> Body:
    function = {"name": "f", "arguments": json.dumps({"of": identifier})}
    return {"role": "assistant", "tool_calls": [{"id": identifier, "type": "function", "function": function}]}


def chat_result(identifier: str, content: Any = "r") -> Body:
    return {"role": "tool", "tool_call_id": identifier, "content": content}


def response_call(identifier: str) -> Body:
    return {"type": "function_call", "call_id": identifier, "name": "f", "arguments": json.dumps({"of": identifier})}


def response_result(identifier: str, output: Any = "r") -> Body:
    return {"type": "function_call_output", "call_id": identifier, "output": output}


def use(identifier: str) -> Body:
    return {"type": "tool_use", "id": identifier, "name": "f", "input": {"of": identifier}}


def result(identifier: str, content: Any = "r", **more: Any) -> Body:
    return {"type": "tool_result", "tool_use_id": identifier, "content": content} | more


def ids(count: int) -> list[str]:
    """Ids that begin alike, each of them used twice."""
    return [f"{'x' * 57}{place:06}" for place in range(count)] * 2


MARK = {"cache_control": {"type": "ephemeral"}}
CHAT: dict[str, Callable[[int], Body]] = {
    "messages": lambda n: chat(*turns(["hi"] * n)),
    "messages-of-one-role": lambda n: chat(*[USER] * n),
    "blank-turns": lambda n: chat(*turns([" "] * n), USER),
    "system-messages": lambda n: chat(USER, *[{"role": "system", "content": "s"}] * n),
    "parts": lambda n: chat({"role": "user", "content": [{"type": "text", "text": "hi"}] * n}),
    "tools": lambda n: chat(tools=[chat_tool(f"a.{place}", {}) for place in range(n)]),
    "tools-of-one-name": lambda n: chat(tools=[chat_tool("f", {})] * n),
    "allowed-tools": lambda n: chat(
        tools=[chat_tool(f"f{place}", {}) for place in range(n)],
        tool_choice={
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [chat_tool(f"f{place}", {}) for place in range(n)]},
        },
    ),
    "properties": lambda n: chat(tools=[chat_tool("f", schema(n))]),
    "branches": lambda n: chat(tools=[chat_tool("f", branches(n))]),
    "format-properties": lambda n: chat(response_format={"type": "json_schema", "json_schema": {"schema": schema(n)}}),
    "definitions": lambda n: chat(response_format={"type": "json_schema", "json_schema": {"schema": chain(n)}}),
    "json-tool-names": lambda n: chat(
        tools=[chat_tool("json_response" + "_" * place, {}) for place in range(n)],
        response_format={"type": "json_schema", "json_schema": {"schema": {"type": "array"}}},
    ),
    "ids": lambda n: chat(USER, *(each for name in ids(n) for each in (chat_call(name), chat_result(name)))),
    "calls-in-one-turn": lambda n: chat(
        USER,
        {"role": "assistant", "tool_calls": [chat_call(f"c{place}")["tool_calls"][0] for place in range(n)]},
        *(chat_result(f"c{place}") for place in range(n)),
    ),
    "called-names": lambda n: chat(
        USER,
        *(
            {
                "role": "assistant",
                "tool_calls": [{"id": f"c{place}", "function": {"name": f"f.{place}", "arguments": "{}"}}],
            }
            for place in range(n)
        ),
    ),
    "names-of-documents": lambda n: chat(
        {"role": "user", "content": [{"type": "file", "file": {"filename": "a.txt", "file_data": TEXT_FILE}}] * n}
    ),
    "long-names-of-documents": lambda n: chat(
        {
            "role": "user",
            "content": [
                {"type": "file", "file": {"filename": f"{'x' * 194}{place % (n // 2)}.txt", "file_data": TEXT_FILE}}
                for place in range(n)
            ],
        }
    ),
    "marks": lambda n: chat({"role": "user", "content": [{"type": "text", "text": "hi"} | MARK] * n}),
    "marks-on-results": lambda n: chat(
        USER,
        *(each for place in range(n) for each in (chat_call(f"c{place}"), chat_result(f"c{place}") | MARK)),
    ),
    "sound-in-a-result": lambda n: chat(
        USER, chat_call("c"), chat_result("c", [{"type": "input_audio", "input_audio": SOUND}] * n)
    ),
    "reasoning": lambda n: chat(
        USER,
        {
            "role": "assistant",
            "content": "hi",
            "reasoning_details": [{"type": "reasoning.text", "text": f"{place}", "signature": "s"} for place in range(n)],
        },
    ),
    "unknown-parameters": lambda n: chat(**{f"p{place}": 1 for place in range(n)}),
    "stop-sequences": lambda n: chat(stop=[f"s{place}" for place in range(n)]),
}  # fmt: skip
RESPONSES: dict[str, Callable[[int], Body]] = {
    "messages": lambda n: responses(*turns(["hi"] * n)),
    "messages-of-one-role": lambda n: responses(*[USER] * n),
    "blank-turns": lambda n: responses(*turns([" "] * n), USER),
    "parts": lambda n: responses({"role": "user", "content": [{"type": "input_text", "text": "hi"}] * n}),
    "tools": lambda n: responses(tools=[flat_tool(f"a.{place}", {}) for place in range(n)]),
    "tools-in-a-namespace": lambda n: responses(
        tools=[{"type": "namespace", "name": "n", "tools": [flat_tool(f"f{place}", {}) for place in range(n)]}],
        tool_choice={"type": "allowed_tools", "tools": [{"type": "namespace", "name": "n"}] * n},
    ),
    "names-that-collide": lambda n: responses(
        tools=[
            *(flat_tool("n__x" + "_" * place, {}) for place in range(n // 2)),
            {"type": "namespace", "name": "n", "tools": [flat_tool("x" + "_" * at, {}) for at in range(n // 2)]},
        ]
    ),
    "additional-tools": lambda n: responses(
        *({"type": "additional_tools", "tools": [flat_tool(f"f{place}", {})]} for place in range(n)), USER
    ),
    "properties": lambda n: responses(tools=[flat_tool("f", schema(n))]),
    "branches": lambda n: responses(tools=[flat_tool("f", branches(n))]),
    "definitions": lambda n: responses(text={"format": {"type": "json_schema", "name": "a", "schema": chain(n)}}),
    "ids": lambda n: responses(
        USER, *(each for name in ids(n) for each in (response_call(name), response_result(name)))
    ),
    "references": lambda n: responses(
        *({"type": "message", "id": f"m{place}", "role": "user", "content": "hi"} for place in range(n)),
        *({"type": "item_reference", "id": f"m{place}"} for place in range(n)),
    ),
    "names-of-documents": lambda n: responses(
        {"role": "user", "content": [{"type": "input_file", "filename": "a.txt", "file_data": TEXT_FILE}] * n}
    ),
    "marks-on-results": lambda n: responses(
        USER,
        *(
            each
            for place in range(n)
            for each in (
                response_call(f"c{place}"),
                response_result(f"c{place}", [{"type": "input_text", "text": "r"} | MARK]),
            )
        ),
    ),
    "reasoning": lambda n: responses(
        USER, *({"type": "reasoning", "content": [{"type": "reasoning_text", "text": "t"}]} for _ in range(n)), USER
    ),
}  # fmt: skip
MESSAGES: dict[str, Callable[[int], Body]] = {
    "messages": lambda n: messages(*turns(["hi"] * n)),
    "messages-of-one-role": lambda n: messages(*[USER] * n),
    "blank-turns": lambda n: messages(*turns([" "] * n), USER),
    "blocks": lambda n: messages({"role": "user", "content": [{"type": "text", "text": "hi"}] * n}),
    "system": lambda n: messages(system=[{"type": "text", "text": "s"} | MARK] * n),
    "tools": lambda n: messages(tools=[messages_tool(f"a.{place}", {}) | MARK for place in range(n)]),
    "properties": lambda n: messages(tools=[messages_tool("f", schema(n))]),
    "branches": lambda n: messages(tools=[messages_tool("f", branches(n))]),
    "definitions": lambda n: messages(output_config={"format": {"type": "json_schema", "schema": chain(n)}}),
    "ids": lambda n: messages(
        USER,
        *(
            each
            for name in ids(n)
            for each in (
                {"role": "assistant", "content": [use(name)]},
                {"role": "user", "content": [result(name)]},
            )
        ),
    ),
    "results-in-one-turn": lambda n: messages(
        USER,
        {"role": "assistant", "content": [use(f"c{place}") for place in range(n)]},
        {"role": "user", "content": [result(f"c{place}", **MARK) for place in reversed(range(n))]},
    ),
    "names-of-documents": lambda n: messages(
        {
            "role": "user",
            "content": [{"type": "document", "title": "a", "source": {"type": "text", "data": "words"}}] * n,
        }
    ),
    "marks-on-results": lambda n: messages(
        USER,
        *(
            each
            for place in range(n)
            for each in (
                {"role": "assistant", "content": [use(f"c{place}")]},
                {"role": "user", "content": [result(f"c{place}", **MARK)]},
            )
        ),
    ),
    "images-in-a-result": lambda n: messages(
        USER,
        {"role": "assistant", "content": [use("c")]},
        {
            "role": "user",
            "content": [
                result("c", [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}] * n)
            ],
        },
    ),
    "thoughts": lambda n: messages(
        USER,
        {"role": "assistant", "content": [{"type": "thinking", "thinking": f"{at}", "signature": "s"} for at in range(n)]},
        USER,
    ),
}  # fmt: skip
SURFACES = {"chat": CHAT, "responses": RESPONSES, "messages": MESSAGES}


@pytest.mark.parametrize(
    ("surface", "dimension"), [(surface, name) for surface, bodies in SURFACES.items() for name in bodies]
)
def test_a_request_is_decoded_planned_and_repaired_in_linear_work(surface: str, dimension: str) -> None:
    def run(size: int) -> Callable[[], object]:
        model = VOXTRAL if dimension.startswith("sound") else SONNET_45
        body = SURFACES[surface][dimension](size) | {"model": model}
        return lambda: ask(DECODERS[surface](body))

    grows_linearly(run, 120)


def test_a_nested_schema_is_brought_into_form_in_linear_work() -> None:
    """The parser takes no deeper nesting than 200."""

    def run(depth: int) -> Callable[[], object]:
        body = chat(tools=[chat_tool("f", deep(depth))], model=SONNET_45)
        body["response_format"] = {"type": "json_schema", "json_schema": {"schema": deep(depth)}}
        return lambda: ask(decode_chat(body).prompt)

    grows_linearly(run, 20)


def reply(blocks: int) -> Body:
    """A whole Converse answer: texts, thoughts, calls."""
    content: list[Body] = []
    for place in range(blocks):
        content.append({"reasoningContent": {"reasoningText": {"text": f"t{place}", "signature": "s"}}})
        content.append({"text": f"{place} {{not JSON] "})
        content.append({"toolUse": {"toolUseId": f"c{place}", "name": "f", "input": {"of": place}}})
    return {"output": {"message": {"content": content}}, "stopReason": "tool_use", "usage": {}}


def answered(blocks: int, **options: Any) -> list[Event]:
    plan, _ = planned(decode_chat(chat(model=SONNET_45, **options)).prompt)
    return ReplyMachine(plan).whole(reply(blocks))


@pytest.mark.parametrize("options", [{}, {"response_format": {"type": "json_object"}}])
def test_an_answer_is_read_in_linear_work(options: Body) -> None:
    grows_linearly(lambda size: lambda: answered(size, **options), 60)


@pytest.mark.parametrize(
    "stream",
    [
        lambda: ChatStream("id", 0, "m", include_usage=True),
        lambda: ResponseStream("resp_1", 0, decode_responses(responses(model=SONNET_45))),
        lambda: MessageStream("msg_1", "m"),
    ],
    ids=["chat", "responses", "messages"],
)
def test_a_stream_is_encoded_in_linear_work(stream: Callable[[], Any]) -> None:
    def run(size: int) -> Callable[[], object]:
        encoder, events = stream(), answered(size)

        def encode() -> None:
            for event in events:
                encoder.feed(0, [event])
            encoder.finish()

        return encode

    grows_linearly(run, 60)


@pytest.mark.parametrize(
    "encode",
    [lambda reply: encode_completion("id", 0, "m", [reply]), lambda reply: encode_message("id", "m", reply)],
    ids=["chat", "messages"],
)
def test_a_whole_answer_is_encoded_in_linear_work(encode: Callable[[Any], object]) -> None:
    def run(size: int) -> Callable[[], object]:
        whole = fold([answered(size)])
        return lambda: encode(whole)

    grows_linearly(run, 60)


def test_chunks_of_the_table_are_read_in_linear_work() -> None:
    """However an answer is cut into pieces, no chunk of it is read again with each piece that comes."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def ask(chunks: int) -> None:
        connection = Connection()
        connection.connection_made(_Written())
        asked = asyncio.create_task(connection.ask(b"POST", None))
        await asyncio.sleep(0)
        for piece in (head, *[b"1\r\nx\r\n"] * chunks, b"0\r\n\r\n"):
            connection.data_received(piece)
        assert (await asked).body == b"x" * chunks

    grows_linearly(lambda size: lambda: asyncio.run(ask(size)), 60)


class _Written(asyncio.Transport):
    """Takes what is written and does nothing with it."""

    def write(self, data: Any) -> None:
        pass


@pytest.mark.parametrize("digits", [308, 309, 2_000])
def test_a_run_of_digits_is_looked_at_from_its_beginning_only(digits: int) -> None:
    """From each of its digits, a body of runs of 308 digits was read 308 times."""
    run = b"1" * digits
    assert bool(json_values.may_overflow(run)) is (digits > 308)
    assert all(json_values._LARGE.match(run, at) is None for at in range(1, digits))
