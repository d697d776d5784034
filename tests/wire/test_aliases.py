"""Aliases through whole processes: which target is called, in which region, and what the client is told of it."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from app.core.access import Access
from app.core.ports import Caller
from local.emulator import Emulator
from tests.wire.gateway import KEY, NOVA, TITAN, Gateway, chat, environment, frames, serving, text_of

LITE, PRO, MICRO = f"us.{NOVA}", "us.amazon.nova-pro-v1:0", "amazon.nova-micro-v1:0"
HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0"
ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6"
ALIASES = {
    "safe": [LITE, PRO],
    "abroad": [{"model": HAIKU, "region": "eu-central-1", "tier": "flex"}, PRO],
    "small": [MICRO, NOVA],
    "flagged": [PRO, {"model": LITE, "larger": True}],
    "ab": [{"split": [{"model": LITE, "weight": 1}, {"model": PRO, "weight": 1}]}, MICRO],
    "mine": {"model": HAIKU, "profile": ARN},
    "vectors": [{"model": TITAN, "region": "us-west-2"}, TITAN],
}

THROTTLED = {"status": 429, "headers": {"x-amzn-ErrorType": "ThrottlingException"}, "body": {"message": "slow down"}}
BUSY = {"status": 503, "headers": {"x-amzn-ErrorType": "ServiceUnavailableException"}, "body": {"message": "busy"}}
UNKNOWN = {"status": 404, "headers": {"x-amzn-ErrorType": "ResourceNotFoundException"}, "body": {"message": "none"}}
NOT_GRANTED = {
    "status": 403,
    "headers": {"x-amzn-ErrorType": "AccessDeniedException"},
    "body": {"message": "You don't have access to the model with the specified model ID."},
}
INVALID = {"status": 400, "headers": {"x-amzn-ErrorType": "ValidationException"}, "body": {"message": "odd"}}
FIRST_EVENT = {"operation": "ConverseStream", "events": [{"exception": "throttlingException", "message": "slow down"}]}


class OneKey:
    """Implements core.ports.Keys: one key, with these rules."""

    def __init__(self, access: Access = Access()) -> None:  # noqa: B008  frozen
        self.access = access

    async def authenticate(self, presented: str) -> Caller | None:
        return Caller("key_1", access=self.access) if presented == KEY else None


@pytest.fixture
def gateway(emulator: Emulator) -> Iterator[Gateway]:
    """One per test: what breakers have learned must not reach the next."""
    with serving(emulator.url, model_aliases=json.dumps(ALIASES)) as gateway:
        yield gateway


def called(emulator: Emulator) -> list[tuple[str | None, str]]:
    """Model and region of each call, by the path and the signature's scope."""
    return [
        (each.model_id, each.headers["authorization"].split("Credential=")[1].split("/")[2])
        for each in emulator.requests
        if each.method == "POST"
    ]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("failures", "calls"),
    [
        ([], [LITE]),
        ([THROTTLED], [LITE, PRO]),
        ([BUSY, BUSY], [LITE, LITE, PRO]),
        ([UNKNOWN], [LITE, PRO]),
        ([NOT_GRANTED], [LITE, PRO]),
    ],
    ids=["well", "throttled", "busy", "unknown", "not granted"],
)
def test_what_fails_before_the_first_byte_is_answered_by_the_next(
    gateway: Gateway, emulator: Emulator, failures: list[Any], calls: list[str], stream: bool
) -> None:
    emulator.script(*failures)
    with gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=chat(model="safe", stream=stream))
    assert reply.status_code == 200
    text = text_of(frames(reply.text)) if stream else reply.json()["choices"][0]["message"]["content"]
    assert text == "You said: Hello"
    assert reply.headers["x-gateway-model"] == calls[-1]
    assert called(emulator) == [(model, "us-east-1") for model in calls]
    (record,) = gateway.records()
    receipt = record.call.receipt
    assert (record.outcome, record.call.model, receipt.route, receipt.model) == ("ok", "safe", "safe", calls[-1])
    assert receipt.target is not None
    assert receipt.target.model_id == calls[-1]
    assert receipt.retries == len(calls) - 1


def test_a_stream_that_is_throttled_by_its_first_event_moves_on_too(gateway: Gateway, emulator: Emulator) -> None:
    emulator.script(FIRST_EVENT)
    with gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=chat(model="safe", stream=True))
    assert (reply.status_code, text_of(frames(reply.text))) == (200, "You said: Hello")
    assert [model for model, _ in called(emulator)] == [LITE, PRO]


def test_what_breaks_after_the_first_byte_is_told(gateway: Gateway, emulator: Emulator) -> None:
    with gateway.client() as client:
        reply = client.post(
            "/v1/chat/completions", json=chat("[[emulate: throttle after=2]]", model="safe", stream=True)
        )
    assert reply.status_code == 200
    assert frames(reply.text)[-1]["error"]["code"] == "rate_limit_exceeded"
    assert [model for model, _ in called(emulator)] == [LITE]


@pytest.mark.parametrize("model", ["safe", LITE])
def test_where_nothing_is_left_the_last_error_is_told(gateway: Gateway, emulator: Emulator, model: str) -> None:
    emulator.script(THROTTLED, THROTTLED)
    with gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=chat(model=model))
    assert (reply.status_code, reply.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert reply.headers["x-gateway-model"] == (PRO if model == "safe" else LITE)
    assert len(called(emulator)) == (2 if model == "safe" else 1)


def test_a_bad_request_is_the_clients_own(gateway: Gateway, emulator: Emulator) -> None:
    emulator.script(INVALID)
    with gateway.client() as client:
        assert client.post("/v1/chat/completions", json=chat(model="safe")).status_code == 400
    assert len(called(emulator)) == 1


def test_another_region_is_called_with_its_own_profile_signature_and_tier(gateway: Gateway, emulator: Emulator) -> None:
    emulator.script(THROTTLED)
    with gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=chat(model="abroad"))
    assert reply.status_code == 200
    assert called(emulator) == [(f"eu.{HAIKU}", "eu-central-1"), (PRO, "us-east-1")]
    first, second = (each.body for each in emulator.requests if each.method == "POST")
    assert first["serviceTier"] == {"type": "flex"}
    assert "serviceTier" not in second
    (record,) = gateway.records()
    assert (record.call.traffic, record.call.receipt.model) == ("realtime", PRO)


def test_a_tier_of_the_chain_is_told_in_the_record_and_gives_way_to_the_requests(
    gateway: Gateway, emulator: Emulator
) -> None:
    with gateway.client() as client:
        client.post("/v1/chat/completions", json=chat(model="abroad"))
        client.post("/v1/chat/completions", json=chat(model="abroad", service_tier="default"))
    assert [record.call.traffic for record in gateway.records(2)] == ["flex", "realtime"]
    assert emulator.requests[-1].body["serviceTier"] == {"type": "default"}


@pytest.mark.parametrize(("alias", "calls"), [("small", [MICRO, NOVA]), ("flagged", [PRO, LITE]), ("safe", [LITE])])
def test_a_prompt_that_is_too_long_goes_to_a_larger_model(
    gateway: Gateway, emulator: Emulator, alias: str, calls: list[str]
) -> None:
    emulator.script({**INVALID, "body": {"message": "Input is too long for requested model."}})
    with gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=chat(model=alias))
    assert [model for model, _ in called(emulator)] == calls
    if len(calls) == 1:
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "context_length_exceeded")
    else:
        assert (reply.status_code, reply.headers["x-gateway-model"]) == (200, calls[-1])


def test_a_target_that_keeps_failing_is_not_asked_for_a_while(gateway: Gateway, emulator: Emulator) -> None:
    with gateway.client() as client:
        for _ in range(5):
            emulator.script(THROTTLED)
            assert client.post("/v1/chat/completions", json=chat(model="safe")).status_code == 200
        emulator.reset()
        assert client.post("/v1/chat/completions", json=chat(model="safe")).status_code == 200
    assert [model for model, _ in called(emulator)] == [PRO]


def test_both_arms_of_a_split_are_called_and_told(gateway: Gateway, emulator: Emulator) -> None:
    with gateway.client() as client:
        served = Counter(
            client.post("/v1/chat/completions", json=chat(model="ab")).headers["x-gateway-model"] for _ in range(40)
        )
    assert set(served) == {LITE, PRO}  # each of them missing has a chance of 2 ** -40
    assert Counter(record.call.receipt.model for record in gateway.records(40)) == served


def test_what_a_model_refuses_is_mended_without_leaving_the_arm(gateway: Gateway, emulator: Emulator) -> None:
    refusal = {**INVALID, "body": {"message": "temperature is not supported by this model"}}
    emulator.script(refusal)
    with gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=chat(model="ab", temperature=0.5))
    assert reply.status_code == 200
    (first, _), (second, _) = called(emulator)
    assert first == second == reply.headers["x-gateway-model"]


def test_a_profile_of_the_chain_is_called(gateway: Gateway, emulator: Emulator) -> None:
    with gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=chat(model="mine"))
    assert called(emulator) == [(ARN, "us-east-1")]
    assert reply.headers["x-gateway-model"] == HAIKU
    assert "123456789012" not in str(reply.headers) + reply.text


def test_embeddings_follow_a_chain(gateway: Gateway, emulator: Emulator) -> None:
    emulator.script(THROTTLED)
    with gateway.client() as client:
        reply = client.post("/v1/embeddings", json={"model": "vectors", "input": "Hello"})
    assert (reply.status_code, reply.json()["model"]) == (200, "vectors")
    assert called(emulator) == [(TITAN, "us-west-2"), (TITAN, "us-east-1")]
    (record,) = gateway.records()
    assert (record.call.receipt.route, record.call.receipt.model, record.call.receipt.retries) == ("vectors", TITAN, 1)


def test_aliases_are_listed_and_retrieved(gateway: Gateway) -> None:
    with gateway.client() as client:
        listed = {each["id"]: each for each in client.get("/v1/models").json()["data"]}
        assert {"safe", "vectors", "ab", "fast", "standard", "reasoning"} <= set(listed)
        assert listed["safe"]["kind"] == "alias"
        assert client.get("/v1/models/safe").json() == listed["safe"]


def test_presets_work_without_any_setting(emulator: Emulator) -> None:
    with serving(emulator.url) as gateway, gateway.client() as client:
        for name in ("fast", "standard", "reasoning"):
            reply = client.post("/v1/chat/completions", json=chat(model=name))
            assert (reply.status_code, reply.json()["model"]) == (200, name)
            assert "." in reply.headers["x-gateway-model"]


# What a key may do


def test_a_key_is_held_to_its_models(emulator: Emulator) -> None:
    keys = OneKey(Access(models=("safe", "amazon.titan-*"), max_tokens=50, tier="flex"))
    with serving(emulator.url, keys=keys, model_aliases=json.dumps(ALIASES)) as gateway, gateway.client() as client:
        for model in (NOVA, "fast", LITE, ARN):
            reply = client.post("/v1/chat/completions", json=chat(model=model))
            error = reply.json()["error"]
            assert (reply.status_code, error["type"], error["code"]) == (
                403,
                "invalid_request_error",
                "model_not_found",
            )
            assert "123456789012" not in reply.text
        assert client.post("/v1/embeddings", json={"model": "cohere.embed-v4:0", "input": "x"}).status_code == 403
        assert called(emulator) == []
        reply = client.post("/v1/chat/completions", json=chat(model="safe", max_tokens=5000))
        assert (reply.status_code, reply.headers["x-gateway-ignored"]) == (200, "max_tokens")
        assert emulator.requests[-1].body["inferenceConfig"]["maxTokens"] == 50
        assert emulator.requests[-1].body["serviceTier"] == {"type": "flex"}
        assert client.post("/v1/embeddings", json={"model": TITAN, "input": "x"}).status_code == 200
        shown = {each["id"] for each in client.get("/v1/models").json()["data"]}
        assert {"safe", "vectors", TITAN} <= shown
        others = {name for name in shown - {"safe", "vectors"} if not name.startswith("amazon.titan-")}
        assert all(name.startswith("arn:") for name in others)  # the account's own, made from such a model
        assert client.get(f"/v1/models/{NOVA}").status_code == 404


def test_a_keys_profile_is_called_for_chats_and_embeddings(emulator: Emulator) -> None:
    keys = OneKey(Access(profiles={"anthropic.*": ARN, "amazon.titan*": ARN.replace("a1b2", "ffff")}))
    with serving(emulator.url, keys=keys) as gateway, gateway.client() as client:
        assert client.post("/v1/chat/completions", json=chat(model=HAIKU)).status_code == 200
        assert called(emulator) == [(ARN, "us-east-1")]
        client.post("/v1/embeddings", json={"model": TITAN, "input": "x"})
        assert called(emulator)[-1] == (ARN.replace("a1b2", "ffff"), "us-east-1")
    receipt = gateway.meter.records[0].call.receipt
    assert receipt.target is not None
    assert (receipt.target.priced_id, receipt.model) == (f"us.{HAIKU}", HAIKU)


# A parameter


class Parameters(BaseHTTPRequestHandler):
    """SSM as far as GetParameter; `values` holds what there is, `asked` the names that were asked for."""

    disable_nagle_algorithm = True  # else a body waits 40 ms for the acknowledgement of its head
    values: ClassVar[dict[str, str]] = {}
    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        name = json.loads(self.rfile.read(int(self.headers["content-length"])))["Name"]
        self.asked.append(name)
        value = self.values.get(name)
        body: dict[str, Any] = {"Parameter": {"Name": name, "Type": "String", "Value": value}}
        if value is None:
            body = {"__type": "ParameterNotFound", "message": f"no parameter in account 123456789012: {name}"}
        data = json.dumps(body).encode()
        self.send_response(200 if value else 400)
        self.send_header("content-type", "application/x-amz-json-1.1")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def parameters() -> Iterator[str]:
    """The address of a parameter store that is empty at first."""
    Parameters.values.clear()
    Parameters.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Parameters) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_aliases_from_a_parameter(emulator: Emulator, parameters: str) -> None:
    Parameters.values["/gateway/aliases"] = json.dumps(ALIASES)
    environ = environment(emulator.url) | {"AWS_ENDPOINT_URL_SSM": parameters}
    with (
        serving(emulator.url, environ=environ, model_aliases="/gateway/aliases") as gateway,
        gateway.client() as client,
    ):
        assert client.post("/v1/chat/completions", json=chat(model=NOVA)).status_code == 200
        assert Parameters.asked == [], "a model's id needs no aliases"
        for _ in range(3):
            reply = client.post("/v1/chat/completions", json=chat(model="safe"))
            assert (reply.status_code, reply.headers["x-gateway-model"]) == (200, LITE)
        assert "safe" in [each["id"] for each in client.get("/v1/models").json()["data"]]
    assert Parameters.asked == ["/gateway/aliases"]


def test_a_parameter_that_is_missing(emulator: Emulator, parameters: str, caplog: pytest.LogCaptureFixture) -> None:
    environ = environment(emulator.url) | {"AWS_ENDPOINT_URL_SSM": parameters}
    with (
        serving(emulator.url, environ=environ, model_aliases="/gateway/aliases") as gateway,
        gateway.client() as client,
    ):
        reply = client.post("/v1/chat/completions", json=chat(model="safe"))
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "aliases_unavailable")
        assert "retry-after" in reply.headers
        assert client.post("/v1/chat/completions", json=chat(model="fast")).status_code == 200
        assert client.post("/v1/chat/completions", json=chat(model=NOVA)).status_code == 200
    assert "GetParameter: ParameterNotFound" in caplog.text
    assert "123456789012" not in caplog.text + reply.text
