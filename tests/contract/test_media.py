"""Images and files through the official SDK."""

from __future__ import annotations

import base64
from typing import Any

import openai
import pytest
from openai import OpenAI

from local.emulator import Emulator
from tests.contract.conftest import problem, sent
from tests.contract.words import CLAUDE, NOVA, PDF, data_url, png

MODELS = pytest.mark.parametrize("model", [NOVA, CLAUDE])


def ask(client: OpenAI, model: str, *parts: Any, stream: bool = False) -> str:
    messages: Any = [{"role": "user", "content": [{"type": "text", "text": "Look"}, *parts]}]
    if not stream:
        return client.chat.completions.create(model=model, messages=messages).choices[0].message.content or ""
    chunks = client.chat.completions.create(model=model, messages=messages, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def image(url: str) -> Any:
    return {"type": "image_url", "image_url": {"url": url, "detail": "auto"}}


def file(data: str, name: str | None) -> Any:
    return {"type": "file", "file": {"file_data": data} | ({} if name is None else {"filename": name})}


@MODELS
@pytest.mark.parametrize("stream", [False, True])
def test_an_image_in_a_data_url(client: OpenAI, model: str, stream: bool) -> None:
    text = ask(client, model, image(data_url(png(), "image/png")), stream=stream)
    assert text == "I see a png image of 3x2 pixels. You said: Look"


def test_a_wrong_media_type_is_mended(client: OpenAI) -> None:
    assert "a png image of 3x2" in ask(client, CLAUDE, image(data_url(png(), "image/jpeg")))


@MODELS
def test_several_images_stay_in_order(client: OpenAI, emulator: Emulator, model: str) -> None:
    ask(client, model, *(image(data_url(png(width), "image/png")) for width in (1, 2, 3)))
    blocks = sent(emulator)[0]["messages"][0]["content"]
    images = [base64.b64decode(block["image"]["source"]["bytes"]) for block in blocks if "image" in block]
    assert images == [png(1), png(2), png(3)]


@MODELS
@pytest.mark.parametrize("data", [data_url(PDF, "application/pdf"), base64.b64encode(PDF).decode()])
def test_a_pdf(client: OpenAI, emulator: Emulator, model: str, data: str) -> None:
    assert ask(client, model, file(data, "Q3 report (final).pdf")).startswith('I see the document "')
    (document,) = [block["document"] for block in sent(emulator)[0]["messages"][0]["content"] if "document" in block]
    assert document["format"] == "pdf"
    assert base64.b64decode(document["source"]["bytes"]) == PDF


def test_two_files_of_one_name(client: OpenAI) -> None:
    text = ask(client, CLAUDE, *[file(data_url(PDF, "application/pdf"), "a.pdf")] * 2)
    assert text.count("the document") == 2


@pytest.mark.parametrize(("media_type", "name", "data"), [
    ("text/csv", "a.csv", b"a,b\n1,2\n"),
    ("text/plain", "a.txt", b"words"),
    ("text/markdown", "a.md", b"# words"),
    ("text/html", "a.html", b"<p>words</p>"),
    ("application/json", "a.json", b"{}"),
    ("text/plain", None, b"words"),
])  # fmt: skip
def test_other_files(client: OpenAI, media_type: str, name: str | None, data: bytes) -> None:
    assert "Look" in ask(client, CLAUDE, file(data_url(data, media_type), name))


def test_a_file_alone_has_words_beside_it(client: OpenAI, emulator: Emulator) -> None:
    messages: Any = [{"role": "user", "content": [file(data_url(PDF, "application/pdf"), "a.pdf")]}]
    client.chat.completions.create(model=CLAUDE, messages=messages)
    assert any("text" in block for block in sent(emulator)[0]["messages"][0]["content"])


def test_an_image_in_a_tool_result(client: OpenAI) -> None:
    tool: Any = {"type": "function", "function": {"name": "screenshot", "parameters": {"type": "object"}}}
    call = {"id": "call_1", "type": "function", "function": {"name": "screenshot", "arguments": "{}"}}
    shown: Any = [{"type": "text", "text": "here"}, image(data_url(png(), "image/png"))]
    history: Any = [
        {"role": "user", "content": "screenshot please"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": shown},
    ]
    for model in (CLAUDE, "us.openai.gpt-6.1-sol"):
        reply = client.chat.completions.create(model=model, messages=history, tools=[tool])
        assert reply.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("model", ["amazon.nova-micro-v1:0", "qwen.qwen3-32b-v1:0"])
def test_an_image_for_a_model_that_sees_none(client: OpenAI, emulator: Emulator, model: str) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        ask(client, model, image(data_url(png(), "image/png")))
    assert problem(raised.value)[2] is not None
    assert sent(emulator) == []


@pytest.mark.parametrize("url", ["data:image/png;base64,%%%", "data:image/png;base64,", "not a url", ""])
def test_a_broken_image(client: OpenAI, url: str) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        ask(client, CLAUDE, image(url))
    assert "messages.0" in (raised.value.param or "")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/a.png", "http://169.254.169.254/latest/meta-data", "file:///etc/passwd"]
)
def test_private_addresses_are_not_fetched(client: OpenAI, emulator: Emulator, url: str) -> None:
    with pytest.raises(openai.BadRequestError):
        ask(client, CLAUDE, image(url))
    assert sent(emulator) == []
