"""The proxy before an upstream that verifies signatures as a Function URL does: from the bytes that arrive."""

from __future__ import annotations

import hashlib
import http.client
import http.server
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import CredentialRetrievalError

from local.signing_proxy import LARGEST_BODY, Proxy, Signer, main, moved, region_of

CREDENTIALS = Credentials("AKIAPROXYTESTING1234", "proxy-secret", "session-token")
REGION = "eu-west-1"


class Upstream(http.server.ThreadingHTTPServer):
    """Answers 403 to what is not signed, and otherwise tells what came; streams write what `pieces` is given."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[dict[str, Any]] = []
        self.pieces: queue.Queue[bytes | None] = queue.Queue()
        self.hung_up = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    disable_nagle_algorithm = True  # else a body waits 40 ms for the acknowledgement of its head
    server: Upstream
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen.append({"method": self.command, "path": self.path, "headers": headers, "body": body})
        if not genuine(self.command, f"http://{headers['host']}{self.path}", headers, body):
            return self._answer(403, b'{"Message":"Forbidden."}')
        if self.path in ("/stream", "/v1/chat/completions"):
            return self._stream()
        status = 404 if self.path == "/none" else 200
        return self._answer(status, b"" if self.command == "HEAD" else b'{"ok": true}')

    do_GET = do_HEAD = do_DELETE = do_OPTIONS = do_POST

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response_only(status)
        self.send_header("Content-Length", "12" if self.command == "HEAD" else str(len(body)))
        self.send_header("X-Request-Id", "req_1")
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        self.send_response_only(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while (piece := self.server.pieces.get(timeout=20)) is not None:
                if piece == b"break":
                    self.close_connection = True
                    return
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.server.hung_up.set()
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


def genuine(method: str, url: str, headers: dict[str, str], body: bytes) -> bool:
    """Whether the signature is the one that these bytes and our secret give."""
    if headers.get("x-amz-content-sha256") != hashlib.sha256(body).hexdigest():
        return False
    signed = headers.get("authorization", "").partition("SignedHeaders=")[2].partition(",")[0].split(";")
    request = AWSRequest(method=method, url=url, data=body)
    for name in signed:
        request.headers[name] = headers[name]
    request.context["timestamp"] = headers["x-amz-date"]
    auth = SigV4Auth(CREDENTIALS.get_frozen_credentials(), "lambda", REGION)
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    scope = f"Credential={CREDENTIALS.access_key}/{headers['x-amz-date'][:8]}/{REGION}/lambda/aws4_request"
    return scope in headers["authorization"] and headers["authorization"].endswith(f"Signature={signature}")


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.pieces.put(None)
        server.shutdown()
        thread.join(10)


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[Proxy]:
    with Proxy(0, upstream.url, Signer(CREDENTIALS, REGION)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)
        server.pool.clear()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/embeddings"),
        ("GET", "/v1/models?limit=2&after=a%20b"),
        ("GET", "/v1/models/anthropic.claude%3A0"),
        ("DELETE", "/v1/responses/resp_1"),
        ("OPTIONS", "/v1/models"),
        ("HEAD", "/health"),
    ],
)
def test_every_request_is_signed_for_the_service_and_region(
    proxy: Proxy, upstream: Upstream, method: str, path: str
) -> None:
    body = b'{"a": "\xc3\xbc"}' if method == "POST" else b""
    answer = httpx.request(method, proxy.url + path, content=body, headers={"authorization": "Bearer sk-1"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (200, "req_1")
    (seen,) = upstream.seen
    assert (seen["method"], seen["path"], seen["body"]) == (method, path, body)
    assert seen["headers"]["authorization"].startswith("AWS4-HMAC-SHA256 ")
    assert seen["headers"]["x-amz-security-token"] == "session-token"
    assert seen["headers"]["x-api-key"] == "sk-1"
    assert seen["headers"]["host"] == upstream.url.removeprefix("http://")


def test_the_openai_sdk_works_through_it_unchanged(proxy: Proxy, upstream: Upstream) -> None:
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    for word in ("Hel", "lo"):
        choices = [{"index": 0, "delta": {"content": word}, "finish_reason": None}]
        upstream.pieces.put(b"data: %b\n\n" % json.dumps(chunk | {"choices": choices}).encode())
    upstream.pieces.put(b"data: [DONE]\n\n")
    upstream.pieces.put(None)
    with openai.OpenAI(base_url=f"{proxy.url}/v1", api_key="sk-1", max_retries=0) as client:
        stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}], stream=True)
        assert "".join(each.choices[0].delta.content or "" for each in stream) == "Hello"
    assert upstream.seen[0]["headers"]["x-api-key"] == "sk-1"


def test_pieces_of_a_stream_arrive_before_it_ends(proxy: Proxy, upstream: Upstream) -> None:
    with httpx.stream("POST", f"{proxy.url}/stream", content=b"{}", timeout=20) as answer:
        pieces = answer.iter_raw()
        for piece in (b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n"):
            upstream.pieces.put(piece)
            assert next(pieces) == piece
        upstream.pieces.put(None)
        assert next(pieces, None) is None
    assert answer.headers["content-type"] == "text/event-stream"


def test_a_stream_that_breaks_off_does_not_end_well(proxy: Proxy, upstream: Upstream) -> None:
    upstream.pieces.put(b"data: 1\n\n")
    upstream.pieces.put(b"break")
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.post(f"{proxy.url}/stream", content=b"{}", timeout=20)


def test_a_client_that_leaves_ends_the_request_upstream(proxy: Proxy, upstream: Upstream) -> None:
    with httpx.stream("POST", f"{proxy.url}/stream", content=b"{}", timeout=20) as answer:
        upstream.pieces.put(b"data: 1\n\n")
        assert next(answer.iter_raw()) == b"data: 1\n\n"
    for _ in range(2000):
        upstream.pieces.put(b"x" * 65536)
        if upstream.hung_up.wait(0.005):
            break
    assert upstream.hung_up.is_set()


def test_errors_of_the_gateway_pass_as_they_are(proxy: Proxy) -> None:
    assert httpx.get(f"{proxy.url}/none").status_code == 404


def test_an_upstream_that_is_not_there_is_502_in_the_envelope() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Proxy(0, f"http://127.0.0.1:{port}", Signer(CREDENTIALS, REGION)) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.01,))
        thread.start()
        answer = httpx.get(f"{proxy.url}/v1/models")
        proxy.shutdown()
        thread.join(10)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "signing_proxy")


def test_credentials_that_cannot_be_had_any_more_are_told(upstream: Upstream) -> None:
    class Expired:
        def get_frozen_credentials(self) -> None:
            raise CredentialRetrievalError(provider="sso", error_msg="token has expired")

    with Proxy(0, upstream.url, Signer(Expired(), REGION)) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.01,))
        thread.start()
        answer = httpx.get(f"{proxy.url}/v1/models")
        proxy.shutdown()
        thread.join(10)
    assert answer.status_code == 502
    assert "Renew your AWS credentials" in answer.json()["error"]["message"]
    assert upstream.seen == []


@pytest.mark.parametrize("host", ["evil.example.com", "evil.example.com:8090", ""])
def test_a_name_that_was_rebound_to_this_machine_is_refused(proxy: Proxy, upstream: Upstream, host: str) -> None:
    answer = httpx.get(f"{proxy.url}/v1/models", headers={"host": host})
    assert answer.status_code == 403
    assert upstream.seen == []


def test_a_body_beyond_the_urls_limit_is_413_before_it_is_read(proxy: Proxy, upstream: Upstream) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.server_address[1], timeout=10)
    connection.putrequest("POST", "/v1/chat/completions")
    connection.putheader("Content-Length", str(LARGEST_BODY + 1))
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["error"]["code"]) == (413, "signing_proxy")
    connection.close()
    assert upstream.seen == []


def test_a_request_that_could_be_read_in_two_ways_is_refused(proxy: Proxy, upstream: Upstream) -> None:
    for request in (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET http://evil.example.com/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", proxy.server_address[1]), 10) as connection:
            connection.sendall(request)
            assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
    assert upstream.seen == []


def test_it_listens_on_loopback_only(proxy: Proxy) -> None:
    assert proxy.server_address[0] == "127.0.0.1"


def test_the_key_moves_and_the_connection_stays_behind() -> None:
    sent = {
        "Authorization": "Bearer sk-1",
        "X-Api-Key": "dummy",
        "Connection": "close, x-hop",
        "X-Hop": "1",
        "Host": "h",
    }
    assert moved(sent | {"X-Amz-Date": "1", "Accept": "*/*"}) == {
        "x-api-key": "dummy",
        "api-key": "sk-1",
        "accept": "*/*",
    }
    assert moved({"authorization": "Basic abc"}) == {}


def test_the_region_is_read_from_the_host() -> None:
    assert region_of("abc123.lambda-url.ap-southeast-2.on.aws") == "ap-southeast-2"
    assert region_of("d111111abcdef8.cloudfront.net") is None
    assert region_of("abc.lambda-url.eu-west-1.on.aws.evil.example.com") is None


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "--url"),
        (["--url", "https://gateway.example.com/"], "--region"),
        (["--url", "https://abc.lambda-url.eu-west-1.on.aws/", "--port", "99999"], "port 99999 can't be used"),
    ],
)
def test_wrong_use_is_exit_code_2(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    "url",
    [
        *("http://[", "http://[::1", "http://[x]", "http://127.0.0.1:odd", "http://127.0.0.1:99999", "http://a\u2100b"),
        *("ftp://x", "http://", "http://exa mple", "https://user:secret@x", "abc.lambda-url.eu-west-1.on.aws"),
    ],
    ids=ascii,
)
def test_an_address_that_is_none_is_wrong_use_and_no_traceback(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Proxy, "serve_forever", lambda self: pytest.fail("it serves"))
    with pytest.raises(SystemExit, match="2"):
        main(["--url", url, "--region", "eu-west-1"])
    assert "--url should be an address such as" in capsys.readouterr().err


def test_a_profile_that_is_not_there_is_wrong_use_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    with pytest.raises(SystemExit, match="2"):
        main(["--url", "https://abc.lambda-url.eu-west-1.on.aws/"])
    assert "the AWS configuration can't be used (ProfileNotFound)" in capsys.readouterr().err


def test_without_credentials_it_does_not_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(SystemExit, match="2"):
        main(["--url", "https://abc.lambda-url.eu-west-1.on.aws/"])
    assert "no AWS credentials" in capsys.readouterr().err


def test_as_a_program_it_prints_the_base_url_and_ends_on_a_signal(upstream: Upstream) -> None:
    environment = {"PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key}
    environment |= {"AWS_SECRET_ACCESS_KEY": "proxy-secret", "AWS_SESSION_TOKEN": "session-token"}
    process = subprocess.Popen(
        [sys.executable, "-m", "local.signing_proxy", "--url", upstream.url, "--region", REGION, "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    url = line.removeprefix("export OPENAI_BASE_URL=")
    assert httpx.get(f"{url}/models", headers={"authorization": "Bearer sk-1"}).status_code == 200
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert url.endswith("/v1")
