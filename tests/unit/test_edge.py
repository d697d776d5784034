"""The recipes of docs/edge.md, run as they stand there, against a CloudFront with origin access control of our own."""

from __future__ import annotations

import asyncio
import hashlib
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
import urllib3

from local.doctor.__main__ import main as examine
from local.emulator import Emulator
from tests.wire.gateway import KEY, NOVA, serving

PAGE = Path(__file__).parents[2] / "docs" / "edge.md"
MISMATCH = b'{"message":"The request signature we calculated does not match the signature you provided."}'


class Edge(http.server.ThreadingHTTPServer):
    """Puts its signature in the place of Authorization, and, as Lambda would, refuses a body whose hash nobody told."""

    daemon_threads = True

    def __init__(self, origin: str) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.origin = origin
        self.pool = urllib3.PoolManager(retries=False)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Request(http.server.BaseHTTPRequestHandler):
    disable_nagle_algorithm = True  # else a body waits 40 ms for the acknowledgement of its head
    server: Edge

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        hashed = self.headers.get("x-amz-content-sha256")
        if body and hashed != hashlib.sha256(body).hexdigest():
            return self._answer(403, "application/json", [MISMATCH])
        sent = {name.lower(): value for name, value in self.headers.items() if name.lower() != "host"}
        sent["authorization"] = "AWS4-HMAC-SHA256 Credential=cloudfront"
        sent["accept-encoding"] = "identity"
        answer = self.server.pool.request(
            self.command, self.server.origin + self.path, body=body or None, headers=sent, preload_content=False
        )
        return self._answer(answer.status, answer.headers["content-type"], answer.stream())

    do_GET = do_POST

    def _answer(self, status: int, kind: str, pieces: Any) -> None:
        self.send_response_only(status)
        self.send_header("content-type", kind)
        self.end_headers()
        for piece in pieces:
            self.wfile.write(piece)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with Emulator() as emulator, serving(emulator.url) as gateway, Edge(gateway.url) as edge:
        thread = threading.Thread(target=edge.serve_forever, args=(0.01,))
        thread.start()
        yield edge
        edge.shutdown()
        thread.join(10)
        edge.pool.clear()


def recipe(number: int, edge: Edge, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The client that the page's nth piece of Python makes."""
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[number]
    monkeypatch.setenv("OPENAI_BASE_URL", edge.url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    names: dict[str, Any] = {}
    exec(compile(code, str(PAGE), "exec"), names)
    return names["client"]


QUESTION: Any = [{"role": "user", "content": "Grüße"}]


def test_a_stock_client_is_refused_when_it_posts_and_only_then(edge: Edge) -> None:
    with openai.OpenAI(
        base_url=edge.url, api_key="unused", default_headers={"x-api-key": KEY}, max_retries=0
    ) as client:
        assert client.models.list().data
        with pytest.raises(openai.PermissionDeniedError, match="does not match"):
            client.chat.completions.create(model=NOVA, messages=QUESTION)


def test_the_key_in_authorization_does_not_arrive(edge: Edge) -> None:
    with (
        openai.OpenAI(base_url=edge.url, api_key=KEY, max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.models.list()


def test_the_doctor_finds_its_way_and_says_what_clients_must_do(edge: Edge, capsys: pytest.CaptureFixture[str]) -> None:
    assert examine(["--url", edge.url, "--no-aws"], {"OPENAI_API_KEY": KEY}) == 0
    shown = capsys.readouterr().out
    assert "WARNING  Authorization: the key in it does not arrive" in shown
    assert "ok       1 MB body" in shown


def test_the_hook_makes_the_sdk_work(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    with recipe(0, edge, monkeypatch) as client:
        assert client.models.retrieve(NOVA).id == NOVA
        whole = client.chat.completions.create(model=NOVA, messages=QUESTION)
        assert "Grüße" in whole.choices[0].message.content
        stream = client.chat.completions.create(model=NOVA, messages=QUESTION, stream=True)
        assert "Grüße" in "".join(chunk.choices[0].delta.content or "" for chunk in stream)
        assert client.embeddings.create(model="amazon.titan-embed-text-v2:0", input="Grüße").data[0].embedding


def test_the_asynchronous_hook_makes_the_sdk_work(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk() -> str:
        async with recipe(1, edge, monkeypatch) as client:
            stream = await client.chat.completions.create(model=NOVA, messages=QUESTION, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert "Grüße" in asyncio.run(talk())
