"""The warm probe: overlapping requests to /health, and what is made of the answers."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app import __version__
from app.canary import connection, metrics, warm
from app.canary.errors import CanaryFailed, Failed, Misconfigured
from app.canary.handler import handler
from app.canary.settings import Settings
from app.canary.signing import Signer
from tests.unit.canary.conftest import Log
from tests.unit.canary.fake import Asked, FakeGateway, Reply, closed_port, said
from tests.wire.gateway import serving
from tests.wire.test_tls import certificate  # noqa: F401  a fixture

WELL = {"status": "ok", "version": __version__}
SECRET = "origin-secret-5ac1"


def run(
    monkeypatch: pytest.MonkeyPatch, url: str, instances: int = 1, event: Any = None, **environ: str
) -> dict[str, Any]:
    for name, value in {"GATEWAY_URL": url, "WARM_INSTANCES": str(instances), **environ}.items():
        monkeypatch.setenv(name, value)
    return handler({"probe": "warm"} if event is None else event, None)


def well(asked: Asked) -> Reply:
    return said(WELL)


def in_turn(*replies: Reply) -> Callable[[Asked], Reply]:
    """Each request takes the next reply."""
    left, lock = list(replies), threading.Lock()

    def answer(asked: Asked) -> Reply:
        with lock:
            return left.pop(0)

    return answer


def test_one_instance_takes_one_plain_request(monkeypatch: pytest.MonkeyPatch, logged: Log) -> None:
    with FakeGateway(well) as gateway:
        done = run(monkeypatch, gateway.url)
    assert [asked.path for asked in gateway.asked] == ["/health"]
    assert not {"authorization", "x-api-key", "x-origin-secret"} & gateway.asked[0].headers.keys()
    assert (done["requests"], done["failures"], len(done["ms"])) == (1, 0, 1)
    assert [(line["level"], line["message"], line["service"]) for line in logged.lines] == [
        ("INFO", "warm probe", "canary")
    ]


@pytest.mark.parametrize("event", [{"probe": "other"}, {"source": "aws.scheduler"}, {}, [], "deep", None])
def test_any_other_event_is_a_warm_probe(monkeypatch: pytest.MonkeyPatch, logged: Log, event: Any) -> None:
    with FakeGateway(well) as gateway:
        monkeypatch.setenv("GATEWAY_URL", gateway.url.rstrip("/"))
        assert handler(event, None)["probe"] == "warm"
    assert gateway.asked[0].path == "/health"


@pytest.mark.parametrize("instances", [2, 10, 50])
def test_so_many_requests_are_under_way_at_one_moment(
    monkeypatch: pytest.MonkeyPatch, logged: Log, instances: int
) -> None:
    all_there = threading.Barrier(instances)

    def answer(asked: Asked) -> Reply:
        all_there.wait(8)  # no answer to anybody before the last one has asked
        return said(WELL)

    with FakeGateway(answer) as gateway:
        assert run(monkeypatch, gateway.url, instances)["requests"] == instances
    assert {asked.path for asked in gateway.asked} == {"/health?hold=300"}
    assert not all_there.broken


def test_the_real_gateway_holds_and_is_well(monkeypatch: pytest.MonkeyPatch, logged: Log) -> None:
    with serving("http://127.0.0.1:9") as gateway:
        done = run(monkeypatch, gateway.url, 3)
    assert done["failures"] == 0
    assert len(done["ms"]) == 3
    assert max(done["ms"]) < 5000


WRONG: dict[str, tuple[Reply, str]] = {
    "500": (said({"error": {"message": "Internal"}}, 500), "status 500: Internal"),
    "403 of the platform": (said({"Message": "Forbidden. For troubleshooting see"}, 403), "status 403: Forbidden"),
    "502 HTML": (Reply(502, b"<html>Bad Gateway</html>", {"content-type": "text/html"}), "status 502"),
    "redirect": (Reply(302, b"", {"location": "http://127.0.0.1:1/"}), "status 302"),
    "HTML": (Reply(200, b"<html>hello</html>"), "the answer is no JSON"),
    "deep JSON": (Reply(200, b"[" * 8000), "the answer is no JSON"),
    "list": (said([WELL]), "no JSON object"),
    "ill": (said({"status": "degraded", "version": __version__}), "does not say that its status is ok"),
    "no version": (said({"status": "ok"}), "names no version"),
    "huge": (Reply(200, b" " * 20_000), "longer than 16384 bytes"),
    "cut": (Reply(200, b'{"status"', length=500), "the connection was closed before the answer was complete"),
    "chunk cut": (
        Reply(200, b"ff\r\n{}", {"transfer-encoding": "chunked"}, length=0),
        "no valid HTTP (IncompleteRead)",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_logged_and_raised(monkeypatch: pytest.MonkeyPatch, logged: Log, name: str) -> None:
    reply, reason = WRONG[name]
    with (
        FakeGateway(lambda asked: reply) as gateway,
        pytest.raises(CanaryFailed, match="1 of 1 requests failed") as told,
    ):
        run(monkeypatch, gateway.url)
    assert reason in str(told.value)
    assert [line["reason"] for line in logged.of("ERROR")] == [str(told.value).split("failed: ", 1)[1]]


def test_each_failure_is_logged_and_the_message_counts_them(monkeypatch: pytest.MonkeyPatch, logged: Log) -> None:
    bad = said({"error": {"message": "boom"}}, 500)
    with FakeGateway(in_turn(said(WELL), bad, bad)) as gateway, pytest.raises(CanaryFailed) as told:
        run(monkeypatch, gateway.url, 3)
    assert str(told.value) == "warm probe: 2 of 3 requests failed: status 500: boom (2x)"
    assert len(logged.of("ERROR")) == 2


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch, logged: Log) -> None:
    with pytest.raises(CanaryFailed, match=r"2 of 2 .*not connected: connection refused \(2x\)"):
        run(monkeypatch, closed_port(), 2)


def test_something_that_is_no_http(monkeypatch: pytest.MonkeyPatch, logged: Log) -> None:
    with (
        FakeGateway(lambda asked: Reply(raw=b"SSH-2.0-odd\r\n")) as gateway,
        pytest.raises(CanaryFailed, match=r"no valid HTTP|closed before"),
    ):
        run(monkeypatch, gateway.url)


@pytest.fixture
def stopped() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_an_answer_that_does_not_come_is_given_up(
    monkeypatch: pytest.MonkeyPatch, logged: Log, stopped: threading.Event
) -> None:
    monkeypatch.setattr(warm, "READ_SECONDS", 0.2)

    def answer(asked: Asked) -> Reply:
        stopped.wait(20)
        return said(WELL)

    with FakeGateway(answer) as gateway:
        with pytest.raises(CanaryFailed, match=r"no complete answer within 0\.2 s"):
            run(monkeypatch, gateway.url)
        stopped.set()


@pytest.mark.parametrize("tls", [False, True])
def test_an_answer_that_trickles_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
    logged: Log,
    stopped: threading.Event,
    certificate: Any,  # noqa: F811
    tls: bool,
) -> None:
    """Each byte comes in time for a socket's timeout; all of them together never would."""
    monkeypatch.setattr(warm, "READ_SECONDS", 0.4)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    connection.tls_context.cache_clear()

    def drops() -> Iterator[bytes]:
        while not stopped.wait(0.05):
            yield b" "

    with FakeGateway(lambda asked: Reply(body=drops()), str(certificate) if tls else None) as gateway:
        with pytest.raises(CanaryFailed, match=r"no complete answer within 0\.4 s"):
            run(monkeypatch, gateway.url)
        stopped.set()
    connection.tls_context.cache_clear()


def test_tls_is_verified(
    monkeypatch: pytest.MonkeyPatch,
    logged: Log,
    certificate: Any,  # noqa: F811
) -> None:
    with FakeGateway(well, str(certificate)) as gateway:
        connection.tls_context.cache_clear()
        with pytest.raises(CanaryFailed, match="the TLS certificate can't be verified"):
            run(monkeypatch, gateway.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        connection.tls_context.cache_clear()
        assert run(monkeypatch, gateway.url)["failures"] == 0
    connection.tls_context.cache_clear()


def test_a_slow_answer_is_a_warning(monkeypatch: pytest.MonkeyPatch, logged: Log) -> None:
    monkeypatch.setattr(warm, "SLOW_MS", 0)
    with FakeGateway(well) as gateway:
        assert run(monkeypatch, gateway.url)["failures"] == 0
    assert "the slowest answer took" in logged.of("WARNING")[0]["message"]


# Throttling


THROTTLED = said({"Reason": "ConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded."}, 429)


def test_some_throttled_is_a_warning(monkeypatch: pytest.MonkeyPatch, logged: Log) -> None:
    with FakeGateway(in_turn(said(WELL), THROTTLED, THROTTLED)) as gateway:
        assert run(monkeypatch, gateway.url, 3)["failures"] == 0
    assert [line["message"] for line in logged.of("WARNING")] == [
        "2 of 3 requests were throttled: fewer environments are warm"
    ]


def test_all_throttled_is_a_failure(monkeypatch: pytest.MonkeyPatch, logged: Log) -> None:
    with (
        FakeGateway(lambda asked: THROTTLED) as gateway,
        pytest.raises(CanaryFailed, match=r"429: Rate Exceeded. \(2x\)"),
    ):
        run(monkeypatch, gateway.url, 2)


# Versions


def test_another_version_is_a_warning_first_and_a_failure_when_it_stays(
    monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "time", lambda: now)
    with FakeGateway(lambda asked: said({"status": "ok", "version": "9.9.9"})) as gateway:
        run(monkeypatch, gateway.url)
        assert "the gateway is version 9.9.9, the canary " + __version__ in logged.of("WARNING")[0]["message"]
        now += 300
        with pytest.raises(CanaryFailed, match=r"the gateway is version 9\.9\.9"):
            run(monkeypatch, gateway.url)


def test_a_version_that_was_mended_is_forgotten(monkeypatch: pytest.MonkeyPatch, logged: Log) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "time", lambda: now)
    other = said({"status": "ok", "version": "9.9.9"})
    with FakeGateway(in_turn(other, said(WELL), other)) as gateway:
        for _ in range(3):
            assert run(monkeypatch, gateway.url)["failures"] == 0
            now += 300


# AWS_IAM


def test_with_iam_the_request_is_signed(monkeypatch: pytest.MonkeyPatch, logged: Log) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token-1")
    with FakeGateway(well) as gateway:
        run(monkeypatch, gateway.url, 2, GATEWAY_AUTH="AWS_IAM", ORIGIN_SECRET=SECRET)
    for asked in gateway.asked:
        assert asked.headers["x-amz-security-token"] == "token-1"
        assert asked.headers["x-origin-secret"] == SECRET
        assert asked.headers["authorization"] == signature(asked, "testing", "us-east-1")


def signature(asked: Asked, secret: str, region: str) -> str:
    """SigV4 done by hand, after AWS's description."""
    date = asked.headers["x-amz-date"]
    path, _, query = asked.path.partition("?")
    signed = "host;x-amz-date;x-amz-security-token"
    headers = "".join(f"{name}:{asked.headers[name]}\n" for name in signed.split(";"))
    request = "\n".join([asked.method, path, query, headers, signed, hashlib.sha256(asked.body).hexdigest()])
    scope = f"{date[:8]}/{region}/lambda/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    proof = hmac.digest(key, text.encode(), "sha256").hex()
    return f"AWS4-HMAC-SHA256 Credential=testing/{scope}, SignedHeaders={signed}, Signature={proof}"


def test_the_region_is_the_function_urls_own(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://abc123.lambda-url.eu-west-3.on.aws/"
    assert "/eu-west-3/lambda/" in Signer(url, "us-east-1").headers("GET", url + "health", b"")["Authorization"]
    assert "/us-east-1/lambda/" in Signer("http://localhost/", "us-east-1").headers("GET", url, b"")["Authorization"]


def test_signing_without_region_or_credentials_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Misconfigured, match="names a region"):
        Signer("http://localhost/", "")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(Misconfigured, match="no AWS credentials"):
        Signer("http://localhost/", "us-east-1")


# Metrics


def metric_line(text: str) -> dict[str, Any]:
    """The one line, checked against CloudWatch's rules for the embedded metric format."""
    (line,) = text.splitlines()
    record: dict[str, Any] = json.loads(line)
    assert record["_aws"]["Timestamp"] / 1000 == pytest.approx(time.time(), abs=3600)
    for directive in record["_aws"]["CloudWatchMetrics"]:
        assert directive["Namespace"]
        for dimensions in directive["Dimensions"]:
            assert len(dimensions) <= 30
            assert all(isinstance(record[name], str) for name in dimensions)
        assert 0 < len(directive["Metrics"]) <= 100
        for metric in directive["Metrics"]:
            values = record[metric["Name"]]
            assert 0 < len(values) <= 100
            assert all(isinstance(value, int | float) for value in values)
            assert metric["Unit"] in {"Count", "Milliseconds"}
    return record


def test_metrics_only_where_they_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, logged: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeGateway(well) as gateway:
        run(monkeypatch, gateway.url)
    assert capsys.readouterr().out == ""


def test_metrics_are_one_valid_line_with_one_set_of_dimensions(
    monkeypatch: pytest.MonkeyPatch, logged: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeGateway(well) as gateway:
        run(monkeypatch, gateway.url, 50, CANARY_METRICS="true")
    record = metric_line(capsys.readouterr().out)
    (directive,) = record["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == (metrics.NAMESPACE, [["service"]])
    assert {metric["Name"] for metric in directive["Metrics"]} == {"Healthy", "Failures", "Latency"}
    assert (record["Healthy"], record["Failures"], len(record["Latency"])) == ([1.0], [0.0], 50)


def test_metrics_tell_failures_too(
    monkeypatch: pytest.MonkeyPatch, logged: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CanaryFailed):
        run(monkeypatch, closed_port(), 3, CANARY_METRICS="true")
    record = metric_line(capsys.readouterr().out)
    assert (record["Healthy"], record["Failures"], "Latency" in record) == ([0.0], [3.0], False)


# Secrets


def test_no_secret_in_log_or_exception_even_where_the_answer_repeats_it(
    monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    def mirror(asked: Asked) -> Reply:
        arn = "arn:aws:lambda:us-east-1:123456789012:function:gateway"
        return said({"error": {"message": f"{asked.headers} {arn}"}}, 500)

    with FakeGateway(mirror) as gateway, pytest.raises(CanaryFailed) as told:
        run(monkeypatch, gateway.url, 2, ORIGIN_SECRET=SECRET, API_KEY="sk-canary-1234567890", GATEWAY_AUTH="NONE")
    for secret in (SECRET, "sk-canary", "123456789012", "arn:aws"):
        assert secret not in logged.text + str(told.value)


def test_a_header_that_cannot_be_sent_is_not_repeated(monkeypatch: pytest.MonkeyPatch, logged: Log) -> None:
    with FakeGateway(well) as gateway, pytest.raises(CanaryFailed) as told:
        run(monkeypatch, gateway.url, 1, ORIGIN_SECRET="line one\nline two")
    assert "ValueError" in str(told.value)
    assert "line" not in logged.of("ERROR")[0]["reason"] + str(told.value)


def test_a_thread_kept_by_its_name_server_does_not_keep_the_others(
    monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    monkeypatch.setattr(warm, "CONNECT_SECONDS", -1.9)  # the barrier is given up after a tenth of a second
    connect, gate = connection.Connection.connect, threading.Event()
    first = threading.Lock()

    def slow(each: connection.Connection) -> None:
        if first.acquire(blocking=False):
            gate.wait(10)
        connect(each)

    monkeypatch.setattr(connection.Connection, "connect", slow)

    def answer(asked: Asked) -> Reply:
        gate.set()
        return said(WELL)

    with FakeGateway(answer) as gateway:
        assert run(monkeypatch, gateway.url, 2)["failures"] == 0


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (TimeoutError(), "no connection within 7 s"),
        (ssl.SSLError(), "TLS failed"),
        (socket.gaierror(), "name can't be resolved"),
        (ConnectionResetError(), "closed before the answer was complete"),
        (OSError("secret"), "OSError"),
    ],
)
def test_what_went_wrong_on_the_way_is_named_in_our_own_words(
    monkeypatch: pytest.MonkeyPatch, trouble: Exception, words: str
) -> None:
    def connect(self: Any) -> None:
        raise trouble

    monkeypatch.setattr(http.client.HTTPConnection, "connect", connect)
    with connection.Connection("http://127.0.0.1:1/", 1) as broken, pytest.raises(Failed, match=words) as told:
        broken.connect()
    assert "secret" not in str(told.value)


def test_settings_may_hold_a_path(monkeypatch: pytest.MonkeyPatch, logged: Log) -> None:
    with FakeGateway(well) as gateway:
        run(monkeypatch, gateway.url + "stage")
        assert Settings.from_env().url.endswith("/stage/")
    assert gateway.asked[0].path == "/stage/health"


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda asking: asking.read(1_000), "longer than 1000 bytes"),
        (lambda asking: asking.line(), "line of more than"),
    ],
)
def test_a_chunk_of_minus_one_does_not_lift_the_limits(
    read: Callable[[connection.Connection], bytes], words: str
) -> None:
    """The standard library reads such a chunk to the end of the connection, however much comes."""
    sent = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n" + b"x" * 1_000_000
    with FakeGateway(lambda asked: Reply(raw=sent)) as gateway, connection.Connection(gateway.url, 30) as asking:
        asking.connect()
        asking.send("GET", "/", {})
        with pytest.raises(Failed, match=words):
            read(asking)


def test_a_head_that_does_not_end_is_cut_off() -> None:
    sent = b"HTTP/1.1 200 OK\r\n" + (b"x: " + b"y" * 60_000 + b"\r\n") * 90
    with FakeGateway(lambda asked: Reply(raw=sent)) as gateway, connection.Connection(gateway.url, 30) as asking:
        asking.connect()
        with pytest.raises(Failed, match="longer than an answer may be"):
            asking.send("GET", "/", {})
