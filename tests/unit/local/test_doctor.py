"""The doctor before the gateway itself, and before small servers that each have one disease."""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import http.server
import json
import os
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from local.doctor.__main__ import main
from local.doctor.http import Client, Unreachable
from local.doctor.platform import FORBIDDEN
from local.emulator import Emulator
from tests.wire.gateway import KEY, environment, serving

Answer = tuple[int, dict[str, str], Any]
"""Status, headers, body: JSON, bytes, or a list of pieces with numbers of seconds to pause between them."""


def error(status: int, code: str | None, message: str = "No.") -> Answer:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
    return status, {"content-type": "application/json"}, body


CHUNK = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}
WHOLE = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "pong"}, "finish_reason": "stop"}],
    "usage": {"total_tokens": 9},
}


def frames(count: int) -> list[bytes]:
    return [b"data: %b\n\n" % json.dumps(CHUNK).encode() for _ in range(count)]


def spread(gap: float, gaps: int = 8) -> list[Any]:
    """A stream of 8 frames, the first of which come `gap` seconds apart."""
    pieces: list[Any] = []
    for place, frame in enumerate(frames(8)):
        pieces += [frame, gap] if place < gaps else [frame]
    return [*pieces, b"data: [DONE]\n\n"]


class Patient:
    """A server that is well, but for what `ill` says: "METHOD /path" -> an answer, or a function of the request."""

    def __init__(self, ill: dict[str, Any] | None = None) -> None:
        self.ill = ill or {}
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        patient = self

        class Handler(http.server.BaseHTTPRequestHandler):
            disable_nagle_algorithm = True  # else a body waits 40 ms for the acknowledgement of its head

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                patient.asked.append((self.command, self.path, headers, body))
                with contextlib.suppress(OSError):
                    patient.write(self, patient.answer(self.command, self.path, headers, body))

            do_GET = do_OPTIONS = do_POST

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        ill = self.ill.get(f"{method} {path}", self.ill.get("*"))
        if callable(ill):
            ill = ill(headers, body)
        if ill is not None:
            answer: Answer = ill
            return answer
        if path == "/health":
            return 200, {}, {"status": "ok", "version": "0.1.0"}
        if path == "/events":
            return error(404, "unknown_url")
        if headers.get("authorization") != f"Bearer {KEY}" and headers.get("x-api-key") != KEY:
            return error(401, "invalid_api_key")
        return self.inside(path, body)

    def inside(self, path: str, body: bytes) -> Answer:
        if path == "/v1/models":
            return 200, {}, {"data": [{"id": "acme.big"}, {"id": "us.amazon.nova-micro-v1:0"}]}
        if path == "/v1/status":
            return 200, {}, {"object": "status", "probing": False, "data": []}
        if len(body) > 1_000_000:
            return error(400, "invalid_type")
        return (200, {}, spread(0.015, 3)) if b'"stream": true' in body else (200, {}, WHOLE)

    def write(self, to: http.server.BaseHTTPRequestHandler, answer: Answer) -> None:
        status, headers, body = answer
        to.send_response_only(status)
        for name, value in headers.items():
            for each in value.split("\n"):
                to.send_header(name, each)
        to.end_headers()
        pieces = body if isinstance(body, list) else [body if isinstance(body, bytes) else json.dumps(body).encode()]
        for piece in pieces:
            if isinstance(piece, bytes):
                to.wfile.write(piece)
                to.wfile.flush()
            else:
                threading.Event().wait(piece)

    def __enter__(self) -> Patient:
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.server.shutdown()
        self._thread.join(10)
        self.server.server_close()


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "ORIGIN_SECRET"):
        monkeypatch.delenv(name, raising=False)


Run = Callable[..., tuple[int, dict[str, dict[str, str]], dict[str, Any]]]


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs it with --json: exit code, findings by check, the whole document."""

    def run(url: str, *arguments: str, key: str = KEY, **environ: str) -> Any:
        code = main(["--url", url, "--json", "--no-aws", *arguments], {"OPENAI_API_KEY": key} | environ)
        shown = capsys.readouterr()
        assert KEY not in shown.out + shown.err
        document = json.loads(shown.out)
        return code, {each["check"]: each for each in document["checks"]}, document

    return run


def test_the_gateway_itself_is_well(doctor: Run) -> None:
    with Emulator(token_delay=0.02) as emulator, serving(emulator.url) as gateway:
        code, found, document = doctor(f"{gateway.url}/v1/")
    wrong = {name: each for name, each in found.items() if each["status"] not in ("ok", "skipped")}
    assert (code, wrong, document["ok"]) == (0, {}, True)
    assert found["model"]["detail"].startswith("amazon.nova-micro-v1:0; ")
    assert {name for name, each in found.items() if each["status"] == "skipped"} <= {"deep probe", "account", "clock"}
    assert {"reachable", "health", "chat", "stream", "1 MB body", "CORS", "POST /events"} <= set(found)


def test_a_model_can_be_chosen(doctor: Run) -> None:
    with Emulator(token_delay=0.02) as emulator, serving(emulator.url) as gateway:
        code, found, _ = doctor(gateway.url, "--model", "amazon.nova-lite-v1:0")
        assert code == 0
        assert found["model"]["detail"].startswith("amazon.nova-lite-v1:0")
        code, found, _ = doctor(gateway.url, "--model", "acme.none")
        assert (code, found["chat"]["status"], found["stream"]["status"]) == (1, "failed", "skipped")
        assert "acme.none" in found["chat"]["detail"]


def test_text_for_people_has_advice_and_no_key(capsys: pytest.CaptureFixture[str]) -> None:
    with Patient({"*": (403, {}, {"Message": FORBIDDEN})}) as patient:
        assert main(["--url", patient.url, "--no-aws", "--key", KEY], {}) == 1
    shown = capsys.readouterr().out
    assert "FAILED   health: HTTP 403, Forbidden." in shown
    assert "         -> Lambda refuses before the gateway is asked." in shown
    assert KEY not in shown


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((403, {}, {"Message": FORBIDDEN}), "lambda:InvokeFunction with InvokedViaFunctionUrl"),
        ((403, {}, {"Message": "Forbidden"}), "lambda:InvokeFunction with InvokedViaFunctionUrl"),
        ((403, {}, {"message": "The request signature we calculated does not match"}), "clock"),
        ((403, {}, {"message": "Missing Authentication Token"}), "signature"),
        ((403, {"server": "CloudFront"}, b"<HTML>Request blocked"), "WAF"),
        (error(403, "network_forbidden"), "ALLOWED_NETWORKS"),
        (error(403, "origin_forbidden"), "CloudFront"),
        (error(500, "misconfigured"), "log"),
        ((404, {}, {"Message": None}), "BaseUrl"),
        (
            (429, {}, {"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "message": "Rate exceeded"}),
            "concurrency",
        ),
        ((502, {}, b"Internal Server Error"), "for another Python or architecture"),
        ((502, {}, b"Internal Server Error"), "`the gateway can't start` names a wrong setting"),
        ((504, {}, {"message": "Endpoint request timed out"}), "time limit"),
        ((200, {}, b"<html>Welcome to nginx!</html>"), "gateway's address"),
        ((200, {}, {"status": "degraded"}), "gateway's address"),
        ((301, {"location": "https://elsewhere.example.com/"}, b""), "gateway's address"),
    ],
)
def test_who_answers_instead_of_the_gateway_is_recognised(doctor: Run, answer: Answer, told: str) -> None:
    with Patient({"*": answer}) as patient:
        code, found, _ = doctor(patient.url)
    assert (code, found["health"]["status"]) == (1, "failed")
    assert told in found["health"]["advice"]
    assert found["chat"]["status"] == "skipped"


def test_a_502_is_not_blamed_on_a_build_that_could_not_have_been_deployed(doctor: Run) -> None:
    with Patient({"*": (502, {}, b"Internal Server Error")}) as patient:
        _, found, _ = doctor(patient.url)
    assert "was not run" not in found["health"]["advice"]
    assert "log" in found["health"]["advice"]


@pytest.mark.parametrize("status", [429, 413, 502])
def test_the_platforms_own_errors_are_told_from_the_gateways(doctor: Run, status: int) -> None:
    big: Answer = (
        status,
        {},
        {"message": "Request must be smaller than 6291456 bytes for the InvokeFunction operation"},
    )

    def ill(headers: dict[str, str], body: bytes) -> Answer | None:
        return big if len(body) > 1_000_000 else None

    with Patient({"POST /v1/chat/completions": ill}) as patient:
        code, found, _ = doctor(patient.url)
    assert (code, found["1 MB body"]["status"], found["chat"]["status"]) == (1, "failed", "ok")
    assert f"HTTP {status}, Request must be smaller" in found["1 MB body"]["detail"]
    assert found["1 MB body"]["advice"]


def test_a_gateway_that_is_open_to_strangers_is_a_failure(doctor: Run) -> None:
    with Patient({"GET /v1/models": (200, {}, {"data": [{"id": "m"}]})}) as patient:
        code, found, _ = doctor(patient.url)
    assert (code, found["without a key"]["status"]) == (1, "failed")


def test_the_wrong_key_is_told_to_its_owner(doctor: Run) -> None:
    with Patient() as patient:
        code, found, _ = doctor(patient.url, key="sk-not-the-right-one")
    assert (code, found["with a wrong key"]["status"], found["models"]["status"]) == (1, "ok", "failed")
    assert "ApiKeyHash" in found["models"]["advice"]


def test_a_front_that_keeps_authorization_for_itself_is_told(doctor: Run) -> None:
    def ill(headers: dict[str, str], body: bytes) -> Answer | None:
        return None if "x-api-key" in headers else error(401, "invalid_api_key")

    with Patient({"GET /v1/models": ill}) as patient:
        code, found, _ = doctor(patient.url)
    assert (code, found["Authorization"]["status"], found["chat"]["status"]) == (0, "warning", "ok")
    assert "x-api-key" in found["Authorization"]["advice"]


def test_without_a_key_the_outside_is_examined_all_the_same(doctor: Run) -> None:
    with Patient() as patient:
        code, found, _ = doctor(patient.url, key="")
    assert (code, found["without a key"]["status"], found["chat"]["status"]) == (0, "ok", "skipped")


def test_a_pass_through_path_that_is_open_is_a_failure(doctor: Run) -> None:
    with Patient({"POST /events": (200, {}, {})}) as patient:
        code, found, _ = doctor(patient.url)
    assert (code, found["POST /events"]["status"]) == (1, "failed")


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("*", "warning"),
        ("https://doctor.invalid", "warning"),
        ("*\nhttps://doctor.invalid", "failed"),
        ("*, *", "failed"),
    ],
)
def test_browsers_are_told_of_too_much_or_too_many_origins(doctor: Run, origin: str, status: str) -> None:
    health = (200, {"Access-Control-Allow-Origin": origin}, {"status": "ok", "version": "0.1.0"})
    with Patient({"GET /health": health}) as patient:
        code, found, _ = doctor(patient.url)
    assert (found["CORS"]["status"], code) == (status, int(status == "failed"))


def test_an_empty_model_list_is_a_failure(doctor: Run) -> None:
    with Patient() as patient:
        patient.ill["GET /v1/models"] = lambda headers, body: (200, {}, {"data": []}) if KEY in str(headers) else None
        code, found, _ = doctor(patient.url)
    assert (code, found["models"]["status"], found["chat"]["status"]) == (1, "failed", "skipped")


def streamed(answer: Answer) -> dict[str, Any]:
    def ill(headers: dict[str, str], body: bytes) -> Answer | None:
        return answer if b'"stream": true' in body else None

    return {"POST /v1/chat/completions": ill}


LUMP = b"".join([*frames(30), b"data: [DONE]\n\n"])


@pytest.mark.parametrize(
    ("answer", "status", "told"),
    [
        ((200, {}, spread(0.04)), "ok", "frames in"),
        ((200, {}, [0.4, LUMP]), "failed", "all at once"),
        ((200, {"x-gateway-stream": "buffered"}, [0.4, LUMP]), "warning", "as it says itself"),
        ((200, {}, spread(0.01)[:-1]), "failed", "without [DONE]"),
        ((200, {}, b""), "failed", "no event"),
        ((200, {}, b'data: {"error": {"message": "Bedrock broke off"}}\n\n'), "failed", "Bedrock broke off"),
        ((200, {}, b"data: {broken\n\n"), "failed", "without [DONE]"),
        (error(429, "rate_limit_exceeded", "Slow down."), "failed", "Slow down."),
    ],
)
def test_a_stream_is_examined_by_when_its_pieces_come(doctor: Run, answer: Answer, status: str, told: str) -> None:
    with Patient(streamed(answer)) as patient:
        code, found, _ = doctor(patient.url)
    assert (found["stream"]["status"], code) == (status, int(status == "failed"))
    assert told in found["stream"]["detail"]


def test_a_stream_that_was_over_at_once_shows_nothing(doctor: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.doctor.conversation.TOO_QUICK", 60)
    with Patient(streamed((200, {}, LUMP))) as patient:
        code, found, _ = doctor(patient.url)
    assert (code, found["stream"]["status"]) == (0, "warning")
    assert "too quick to tell" in found["stream"]["detail"]


MATRIX = {
    "object": "status",
    "probing": True,
    "data": [
        {
            "id": "amazon.nova-lite-v1:0",
            "checked_at": 1,
            "checks": {"tools": {"status": "ok", "ms": 5}, "cache": {"status": "skipped"}},
        },
        {"id": "acme.big", "checked_at": 1, "checks": {"tools": {"status": "failed", "detail": "no call"}}},
        {"id": 7, "checks": {}},
        "odd",
        {"id": "x", "checks": ["odd"]},
    ],
}


def test_what_the_deep_probe_found_is_shown_as_a_table(doctor: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with Patient({"GET /v1/status": (200, {}, MATRIX)}) as patient:
        code, found, document = doctor(patient.url)
        assert main(["--url", patient.url, "--no-aws"], {"OPENAI_API_KEY": KEY}) == 1
    assert (code, found["deep probe of acme.big"]["detail"]) == (1, "tools: no call")
    assert document["matrix"]["data"][0]["id"] == "amazon.nova-lite-v1:0"
    lines = capsys.readouterr().out.splitlines()
    (header,) = [line for line in lines if line.split()[:2] == ["model", "tools"]]
    (nova,) = [line for line in lines if line.startswith("  amazon.nova-lite-v1:0 ")]
    assert header.index("cache") == nova.index("-  ")
    assert [line.split()[1] for line in lines if line.startswith("  acme.big ")] == ["FAILED"]


def test_a_key_that_a_server_echoes_in_its_status_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    echo = f"you sent {KEY}\x1b[2J"
    checks = {
        echo: {"status": echo, "detail": echo, "ms": echo, "at": [echo], echo: echo},
        "tools": {"status": "failed", "detail": echo, "ms": 5, "at": 1795256130},
    }
    row = {"id": f"acme.{KEY}", "checked_at": echo, "checks": checks, "more": {echo: [echo]}}
    with Patient({"GET /v1/status": (200, {}, {"data": [row], "more": echo})}) as patient:
        for arguments in (["--json"], []):
            assert main(["--url", patient.url, "--no-aws", *arguments], {"OPENAI_API_KEY": KEY}) == 1
            shown = capsys.readouterr()
            assert KEY not in shown.out + shown.err
            assert "\x1b" not in shown.out
            if arguments:
                (told,) = json.loads(shown.out)["matrix"]["data"]
    clean = "you sent [secret] [2J"
    assert (told["id"], told["checked_at"]) == ("acme.[secret]", None)
    assert told["checks"]["tools"] == {"status": "failed", "detail": clean, "ms": 5, "at": 1795256130}
    assert told["checks"][clean] == {"status": clean, "detail": clean, "ms": None, "at": None}
    assert set(told) == {"id", "checked_at", "checks"}


def test_numbers_that_json_does_not_know_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    body = b'{"data": [{"id": "m", "checked_at": Infinity, "checks": {"a": {"status": "ok", "ms": NaN, "at": 1e999}}}]}'
    with Patient({"GET /v1/status": (200, {}, body)}) as patient:
        assert main(["--url", patient.url, "--no-aws", "--json"], {"OPENAI_API_KEY": KEY}) == 0
    shown = capsys.readouterr().out
    document = json.loads(shown, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    checks = {"a": {"status": "ok", "ms": None, "at": None}}
    assert document["matrix"]["data"] == [{"id": "m", "checked_at": None, "checks": checks}]


@pytest.mark.parametrize("before", [50, 190, 395, 7990])
@pytest.mark.parametrize("filler", ["x", " "])
def test_no_part_of_an_echoed_key_is_left_where_a_text_is_cut(
    before: int, filler: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = filler * before + KEY
    chat = {"choices": [{"message": {"content": text}}], "usage": {"total_tokens": 1}}
    diseases: list[dict[str, Any]] = [{"*": (418, {}, text.encode())}, {"POST /v1/chat/completions": (200, {}, chat)}]
    for ill in diseases:
        with Patient(ill) as patient:
            assert main(["--url", patient.url, "--no-aws"], {"OPENAI_API_KEY": KEY}) == 1
        assert KEY[:5] not in capsys.readouterr().out


@pytest.mark.parametrize("answer", [error(404, "unknown_url"), (200, {}, {"data": "odd"}), (200, {}, [])])
def test_a_gateway_without_a_deep_probe_is_no_failure(doctor: Run, answer: Answer) -> None:
    with Patient({"GET /v1/status": answer}) as patient:
        code, found, document = doctor(patient.url)
    assert (code, found["deep probe"]["status"], document["matrix"]) == (0, "skipped", None)


# Hostile and broken


NOISE = b"\x1b[2J\x1b]0;owned\x07" + KEY.encode() + b"\xff" * 100


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, NOISE),
        (500, {}, b"x" * 10_000_000),
        (200, {}, b"[" * 200_000),
        (403, {}, {"Message": "\x1b[2J" + "A" * 100_000}),
        (200, {}, {"status": "ok", "version": ["\x1b[2J"]}),
        (200, {}, {"status": "ok", "version": "\x1b[31m" + KEY, "error": {"message": KEY, "type": 1}}),
        (418, {}, b""),
        (200, {"date": "not a date"}, {"status": "ok", "version": None}),
    ],
    ids=["noise", "large", "deep", "long", "odd version", "our key", "teapot", "odd date"],
)
def test_hostile_answers_are_survived_and_shown_harmlessly(answer: Answer, capsys: pytest.CaptureFixture[str]) -> None:
    with Patient({"*": answer}) as patient:
        assert main(["--url", patient.url, "--no-aws"], {"OPENAI_API_KEY": KEY}) == 1
    shown = capsys.readouterr()
    assert KEY not in shown.out + shown.err
    assert all(line.isprintable() and len(line) < 1000 for line in shown.out.splitlines())


def test_a_server_that_drips_for_ever_is_left_in_time(monkeypatch: pytest.MonkeyPatch, doctor: Run) -> None:
    monkeypatch.setattr(Client, "ask", _impatient(Client.ask))
    with Patient({"*": (200, {}, [b" ", 0.05] * 200)}) as patient:
        began = time.monotonic()
        code, found, _ = doctor(patient.url)
        assert time.monotonic() - began < 8
    assert (code, found["health"]["status"]) == (1, "failed")


@contextlib.contextmanager
def trickling(begin: bytes, drop: bytes) -> Iterator[int]:
    """The port of a server that sends `begin` with a connection, then a `drop` now and again until its peer leaves."""
    over = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                self.request.sendall(begin)
                while not over.wait(0.02):
                    self.request.sendall(drop)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        over.set()
        server.shutdown()
        thread.join(10)


@pytest.mark.parametrize(
    ("scheme", "begin", "drop"),
    [
        ("http", b"HTTP/1.1 200 O", b"K"),
        ("http", b"HTTP/1.1 200 OK\r\nx-long: ", b"x"),
        ("http", b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        ("https", b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", b"\x03"),
    ],
    ids=["status", "headers", "interim answers", "handshake"],
)
def test_a_head_that_trickles_for_ever_does_not_make_it_hang(scheme: str, begin: bytes, drop: bytes) -> None:
    with trickling(begin, drop) as port:
        client = Client(f"{scheme}://127.0.0.1:{port}", patience=0.3)
        began = time.monotonic()
        with pytest.raises(Unreachable, match="no answer in time") as raised:
            client.ask("GET", "/health")
        assert time.monotonic() - began < 5
    assert raised.value.kind == "time"


def test_a_connection_that_was_kept_is_bounded_as_well() -> None:
    class Second(http.server.BaseHTTPRequestHandler):
        disable_nagle_algorithm = True  # else a body waits 40 ms for the acknowledgement of its head
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            ports.append(self.client_address[1])
            self.rfile.readline()
            with contextlib.suppress(OSError):
                while not over.wait(0.02):
                    self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    ports: list[int] = []
    over = threading.Event()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Second) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        client = Client(f"http://127.0.0.1:{server.server_address[1]}", patience=20)
        assert client.ask("GET", "/health").json() == {}
        began = time.monotonic()
        with pytest.raises(Unreachable, match="no answer in time"):
            client.ask("GET", "/health", patience=0.3)
        took = time.monotonic() - began
        over.set()
        server.shutdown()
        thread.join(10)
    assert took < 5
    assert len(ports) == 1, "the second request went over the first one's connection"


def _impatient(ask: Any) -> Any:
    return lambda self, *arguments, **options: ask(self, *arguments, **options | {"patience": 0.3})


def test_silence_and_a_closed_door_are_told_apart(monkeypatch: pytest.MonkeyPatch, doctor: Run) -> None:
    monkeypatch.setattr(Client, "ask", _impatient(Client.ask))
    with Patient({"*": (200, {}, [2.0])}) as patient:
        assert doctor(patient.url)[1]["reachable"]["detail"] == "no answer in time"
    code, found, _ = doctor(patient.url)
    assert (code, found["reachable"]["detail"]) == (1, "nothing accepts connections there")


def test_a_name_that_does_not_resolve_is_told(doctor: Run) -> None:
    code, found, _ = doctor("https://abc.lambda-url.eu-west-1.on.aws/v1")
    assert (code, found["reachable"]["status"]) == (1, "failed")
    assert "does not resolve" in found["reachable"]["detail"]


def test_tls_with_a_certificate_of_nobody_is_told(doctor: Run, tmp_path: Path) -> None:
    with Patient() as patient:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self_signed(tmp_path))
        patient.server.socket = context.wrap_socket(patient.server.socket, server_side=True)
        code, found, _ = doctor(patient.url.replace("http:", "https:"))
    assert (code, found["reachable"]["status"]) == (1, "failed")
    assert found["reachable"]["detail"].startswith("TLS fails")


def self_signed(folder: Path) -> Path:
    """A certificate that nobody vouches for, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "certificate.pem"
    path.write_bytes(secret + signed.public_bytes(pem))
    return path


def test_a_clock_that_is_off_is_a_warning(doctor: Run) -> None:
    old = {"date": email.utils.formatdate(time.time() - 1000, usegmt=True)}
    with Patient({"GET /health": (200, old, {"status": "ok", "version": "0.1.0"})}) as patient:
        code, found, _ = doctor(patient.url)
    assert (code, found["clock"]["status"]) == (0, "warning")


def test_it_waits_for_permissions_to_reach_every_part_of_aws(doctor: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def ill(headers: dict[str, str], body: bytes) -> Answer | None:
        asked.append(1)
        return (403, {}, {"Message": FORBIDDEN}) if len(asked) < 3 else None

    monkeypatch.setattr("local.doctor.deployment.time.sleep", lambda seconds: None)
    with Patient({"GET /health": ill}) as patient:
        code, found, _ = doctor(patient.url, "--wait", "30")
    assert (code, found["health"]["status"]) == (0, "ok")


# How it asks


def test_a_signed_url_gets_the_key_in_another_header(doctor: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with Patient() as patient:
        code, _, _ = doctor(patient.url, "--iam", "--region", "eu-west-1")
    assert code == 0
    for _, _, headers, _ in patient.asked:
        assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=testing/")
        assert "/eu-west-1/lambda/aws4_request" in headers["authorization"]
    assert {headers.get("x-api-key") for _, _, headers, _ in patient.asked} >= {None, KEY}


def test_the_secret_of_the_edge_goes_along_and_is_never_shown(doctor: Run, capsys: pytest.CaptureFixture[str]) -> None:
    secret = "edge-secret-0123456789"

    def tell(headers: dict[str, str], body: bytes) -> Answer:
        return error(403, "origin_forbidden", f"You sent {headers['x-origin-secret']}")

    with Patient({"GET /health": tell}) as patient:
        _, found, _ = doctor(patient.url, ORIGIN_SECRET=secret)
    assert found["health"]["detail"] == "HTTP 403: You sent [secret]"


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/api/v1"])
def test_the_address_is_taken_with_and_without_its_version(doctor: Run, path: str) -> None:
    with Patient() as patient:
        assert doctor(patient.url + path)[0] == 0
    assert patient.asked[0][1] == "/health"


def test_a_gateway_on_this_machine_is_examined_without_an_account(capsys: pytest.CaptureFixture[str]) -> None:
    with Patient() as patient:
        assert main(["--url", patient.url, "--local"], {"OPENAI_API_KEY": KEY, "AWS_REGION": "eu-west-1"}) == 0
    assert "skipped  account: --no-aws leaves it out" in capsys.readouterr().out


def test_local_is_where_dev_run_serves(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("local.doctor.__main__.examine", lambda client, findings, flags: None)
    assert main(["--local"], {"OPENAI_BASE_URL": "https://elsewhere.example.com"}) == 0
    assert "Deployment http://127.0.0.1:8000\n" in capsys.readouterr().out


def test_the_address_may_come_from_the_environment(capsys: pytest.CaptureFixture[str]) -> None:
    with Patient() as patient:
        environ = {"OPENAI_BASE_URL": f"{patient.url}/v1", "OPENAI_API_KEY": KEY}
        assert main(["--no-aws", "--json"], environ) == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--no-aws"], "--url"),
        (["--url", "ftp://x"], "--url should be"),
        (["--url", "https://user:secret@x"], "--url should be"),
        (["--url", "http://127.0.0.1:odd"], "--url should be"),
        (["--url", "http://["], "--url should be"),
        (["--url", "http://[::1"], "--url should be"),
        (["--url", "http://[x]", "--iam", "--region", "eu-west-1"], "--url should be"),
        (["--url", "http://exa mple"], "--url should be"),
        (["--url", "https://gateway.example.com", "--iam"], "--region"),
    ],
)
def test_wrong_use_is_exit_code_2_and_no_traceback(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments, {}) == 2
    assert complaint in capsys.readouterr().err


def test_a_profile_that_is_not_there_is_wrong_use_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    assert main(["--url", "https://abc.lambda-url.eu-west-1.on.aws", "--iam"], {}) == 2
    assert "the AWS configuration can't be used (ProfileNotFound)" in capsys.readouterr().err


def test_without_credentials_the_account_is_left_out_or_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert main([], {"AWS_REGION": "eu-west-1"}) == 2
    assert "no AWS credentials" in capsys.readouterr().err
    assert main(["--url", "https://abc.lambda-url.eu-west-1.on.aws", "--iam"], {}) == 2
    with Patient() as patient:
        assert main(["--url", patient.url, "--json"], {"OPENAI_API_KEY": KEY, "AWS_REGION": "eu-west-1"}) == 0
    assert '"no AWS credentials were found"' in capsys.readouterr().out


@pytest.fixture
def _emulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with Emulator() as emulator:
        for name, value in environment(emulator.url).items():
            monkeypatch.setenv(name, value)
        yield


@pytest.mark.usefixtures("_emulated")
def test_with_credentials_the_accounts_models_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], dict(os.environ)) == 0
    shown = capsys.readouterr().out
    assert "Models of the account in us-east-1" in shown
    assert "Anthropic: us.anthropic." in shown
    assert "models can be called" in shown
