"""Settings in an SSM parameter: read with the first request and hourly, never by the start or a health check."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from app import main
from app.errors import GatewayError, Internal
from app.settings import Settings, SettingsError
from app.settings.kept import ALLOWED, LONGEST, merged
from app.stores.secrets import Unavailable
from app.web.asgi import ASGIApp, Receive, Response, Scope, Send
from app.web.lifespan import Application
from app.web.versions import FRESH_SECONDS, RETRY_SECONDS, Versions
from tests.unit.web.asgi import until

NONE = Settings.from_env({})
SECRET = {"api_key", "api_key_hash", "admin_key", "admin_key_hash", "origin_secret", "api_key_secret_arn", "table_name"}


def test_they_count_where_the_environment_is_silent() -> None:
    text = json.dumps({
        "GUARDRAIL_ID": "g1", "max_tools": 7, "ENABLE_PROMPT_CACHING": False, "ALLOWED_ORIGINS": ["https://a.test", "https://b.test"],
        "PRICES": {"acme.x": {"in": 1}}, "IMAGE_FETCH": None,
    })  # fmt: skip
    settings = merged(text, Settings.from_env({"MAX_TOOLS": "9", "API_KEY": "sk-1"}))
    assert (settings.guardrail_id, settings.max_tools, settings.enable_prompt_caching) == ("g1", 9, False)
    assert settings.allowed_origins == ("https://a.test", "https://b.test")
    assert json.loads(settings.prices) == {"acme.x": {"in": 1}}
    assert (settings.api_key, settings.image_fetch) == ("sk-1", NONE.image_fetch)
    assert merged("", NONE) == merged("{}", NONE) == NONE


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "JSON object"),
        ("[]", "JSON object"),
        ("[" * 4000, "JSON object"),
        ('{"API_KEY": "sk-hidden"}', "'API_KEY' cannot be set here"),
        ('{"AWS_ENDPOINT_URL": "http://evil"}', "cannot be set here"),
        ('{"MAX_TOOLS": "hidden"}', "MAX_TOOLS"),
        (" " * (LONGEST + 1), "4096"),
    ],
)
def test_what_cannot_be_used_is_named_and_not_repeated(text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        merged(text, NONE)
    assert "hidden" not in str(caught.value)
    assert "evil" not in str(caught.value)


def test_no_secret_and_no_endpoint_may_stand_in_a_parameter() -> None:
    assert Settings.model_fields.keys() >= ALLOWED
    assert not ALLOWED & SECRET
    assert not [
        name for name in ALLOWED if any(word in name for word in ("key", "secret", "endpoint", "port", "network"))
    ]


class Ground:
    """Versions over applications that say which text made them. `texts`: what is read, in turn; the last one stays."""

    def __init__(self, *texts: str | GatewayError) -> None:
        self.texts = list(texts)
        self.reads = 0
        self.now = 0.0
        self.living: list[str] = []
        self.gate: asyncio.Event | None = None
        self.versions = Versions(self.application("plain"), self.make, self.read, self.failed, lambda: self.now)

    def application(self, name: str) -> Application:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if self.gate is not None:
                await self.gate.wait()
            await Response(name.encode())(scope, receive, send)

        @asynccontextmanager
        async def lifespan() -> AsyncIterator[None]:
            self.living.append(name)
            yield
            self.living.remove(name)

        return Application(answer, lifespan)

    def make(self, text: str) -> Application:
        if text == "broken":
            raise Internal("no", code="misconfigured")
        return self.application(text)

    async def read(self) -> str:
        self.reads += 1
        text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        if isinstance(text, GatewayError):
            raise text
        return text

    def failed(self, error: GatewayError) -> ASGIApp:
        return Response((error.code or "").encode(), error.status)

    async def get(self, path: str = "/v1/models") -> tuple[int, str]:
        transport = httpx.ASGITransport(self.versions)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            reply = await client.get(path)
        return reply.status_code, reply.text


async def test_the_start_and_health_read_nothing_and_requests_read_once() -> None:
    ground = Ground("a")
    async with ground.versions.lifespan():
        assert await ground.get("/health") == (200, "plain")
        assert ground.reads == 0
        assert await asyncio.gather(*(ground.get() for _ in range(5))) == [(200, "a")] * 5
        assert ground.reads == 1
    assert ground.living == []


async def test_settings_that_changed_are_taken_up_after_an_hour_and_a_request_ends_where_it_began() -> None:
    ground = Ground("a", "b")
    async with ground.versions.lifespan():
        await ground.get()
        ground.gate = asyncio.Event()
        long = asyncio.create_task(ground.get())
        await asyncio.sleep(0)
        ground.now = FRESH_SECONDS
        while ground.reads < 2 or "b" not in ground.living:
            late = asyncio.create_task(ground.get())
            await asyncio.sleep(0)
        assert set(ground.living) == {"plain", "a", "b"}
        ground.gate.set()
        assert await long == (200, "a")
        assert (await late)[0] == 200
        ground.gate = None
        assert await ground.get() == (200, "b")
        await until(lambda: "a" not in ground.living)
        ground.now += FRESH_SECONDS
        assert await ground.get() == (200, "b"), "the same text makes no new version"
    assert ground.living == []


async def test_the_last_good_settings_stay_when_later_ones_cannot_be_used(caplog: pytest.LogCaptureFixture) -> None:
    ground = Ground("a", "broken", GatewayError("away"), "c")
    async with ground.versions.lifespan():
        await ground.get()
        for reads in (2, 3):
            ground.now += FRESH_SECONDS
            await ground.get()
            await until(lambda reads=reads: ground.reads == reads)
            assert await ground.get() == (200, "a")
        assert "stay in force" in caplog.text
        ground.now += RETRY_SECONDS
        await ground.get()
        await until(lambda: "c" in ground.living)
        assert await ground.get() == (200, "c")


async def test_without_usable_settings_requests_are_refused_and_tried_again_after_a_minute() -> None:
    ground = Ground("broken", "a")
    async with ground.versions.lifespan():
        assert await ground.get() == (500, "misconfigured")
        assert await ground.get() == (500, "misconfigured")
        assert ground.reads == 1
        assert await ground.get("/health") == (200, "plain")
        ground.now += RETRY_SECONDS
        assert await ground.get() == (200, "a")


async def test_a_web_socket_without_usable_settings_is_closed() -> None:
    ground, sent = Ground("broken"), list[Any]()

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    await ground.versions({"type": "websocket", "path": "/v1/responses"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1013}]


def gateway(monkeypatch: pytest.MonkeyPatch, read: Any) -> httpx.AsyncClient:
    monkeypatch.setattr(main, "parameter", read)
    settings = Settings.from_env({"API_KEY": "sk-1", "SETTINGS_PARAM_NAME": "/gateway/settings"})
    app = main.create_app(settings, {"AWS_REGION": "us-east-1"})
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")


async def test_what_shapes_the_routes_is_composed_after_the_read(monkeypatch: pytest.MonkeyPatch) -> None:
    text = '{"API_ROUTE_PREFIX": "/llm/v1", "MAX_BODY_BYTES": 50}'
    async with gateway(monkeypatch, lambda name, client: text) as client:
        reply = await client.post("/llm/v1/chat/completions", content=b"{" + b" " * 60 + b"}")
    assert reply.status_code == 413


async def test_settings_that_cannot_be_used_are_500_in_the_envelope_of_the_path(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with gateway(monkeypatch, lambda name, client: '{"MAX_TOOLS": "hidden"}') as client:
        openai, anthropic = await client.get("/v1/models"), await client.post("/v1/messages", content=b"{}")
        assert (await client.get("/health")).status_code == 200
    assert (openai.status_code, openai.json()["error"]["code"]) == (500, "misconfigured")
    assert (anthropic.status_code, anthropic.json()["type"]) == (500, "error")
    assert "MAX_TOOLS" in caplog.text
    assert "hidden" not in caplog.text + openai.text


async def test_a_parameter_that_cannot_be_read_is_503(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(name: str, client: object) -> str:
        raise Unavailable("GetParameter: ParameterNotFound")

    with caplog.at_level(logging.ERROR):
        async with gateway(monkeypatch, away) as client:
            reply = await client.get("/v1/models")
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "settings_unavailable")
    assert "ParameterNotFound" in caplog.text
