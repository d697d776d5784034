"""The safe fetcher against servers on loopback: what it connects to, what it takes, and when it gives up."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.core.ports import Allowance
from app.core.prompt import Blob
from app.errors import InvalidRequest
from app.upstreams import fetch as fetch_module
from app.upstreams.addresses import Address
from app.upstreams.fetch import SafeFetcher, resolve_name, tls_context

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def answer(body: bytes = PNG, status: str = "200 OK", *headers: str, length: int | None = -1) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers]
    if length is not None:
        lines.append(f"Content-Length: {len(body) if length < 0 else length}")
    return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + body


def moved(location: str, status: str = "302 Found") -> bytes:
    return answer(b"", status, f"Location: {location}")


Script = bytes | Callable[[socket.socket], None]


@dataclass
class Server:
    """A server on loopback that plays one script per connection and keeps the requests."""

    scripts: list[Script]
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    requests: list[bytes] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def run(self) -> None:
        for script in self.scripts:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with closing(peer):
                try:
                    self.play(peer, script)
                except OSError:
                    continue

    def play(self, peer: socket.socket, script: Script) -> None:
        peer.settimeout(5)
        if callable(script):
            script(peer)
            return
        request = b""
        while b"\r\n\r\n" not in request:
            request += peer.recv(65_536)
        self.requests.append(request)
        peer.sendall(script)


def drip(start: bytes, drop: bytes) -> Script:
    """A script that sends a little at a time for three seconds, which no peer should stay to see."""

    def play(peer: socket.socket) -> None:
        peer.sendall(start)
        for _ in range(300):
            time.sleep(0.01)
            peer.sendall(drop)

    return play


def transfers_are_over(deadline: float) -> None:
    """Waits until no thread of a closed fetcher transfers anything; fails at the deadline."""
    while any(thread.name.startswith("fetch-transfer") for thread in threading.enumerate()):
        assert time.monotonic() < deadline, "a transfer keeps its thread"
        time.sleep(0.002)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    running: list[tuple[Server, threading.Thread]] = []

    def start(*scripts: Script) -> Server:
        server = Server(list(scripts))
        thread = threading.Thread(target=server.run)
        thread.start()
        running.append((server, thread))
        return server

    yield start
    for server, thread in running:
        with closing(server.listener):
            server.listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        assert not thread.is_alive()


class Names:
    """A resolver with a script: each name has answers, given one after the other, the last one for ever."""

    def __init__(self, **names: Sequence[Sequence[str]]) -> None:
        self.names = {name.replace("_", "."): list(answers) for name, answers in names.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        answers = self.names[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]


HERE = Names(site_example=[["127.0.0.1"]], other_example=[["127.0.0.1"]])


def loopback(address: Address) -> bool:
    return str(address) == "127.0.0.1"


def fetcher(**changes: Any) -> SafeFetcher:
    given: dict[str, Any] = {"resolve": HERE, "allowed": loopback, "ports": range(65_536), "timeout": 5.0}
    return SafeFetcher(**(given | changes))


def get(url: str, fetches: SafeFetcher | None = None, allowance: Allowance | None = None, **changes: Any) -> Blob:
    fetches = fetches or fetcher(**changes)
    allowance = allowance or Allowance(10**9)
    try:
        return asyncio.run(fetches.fetch(url, param="messages.0.content.1.image_url", allowance=allowance))
    finally:
        fetches.close()


def refusal(url: str, fetches: SafeFetcher | None = None, **changes: Any) -> str:
    with pytest.raises(InvalidRequest) as raised:
        get(url, fetches, **changes)
    error = raised.value
    assert (error.status, error.code, error.param) == (400, "invalid_image_url", "messages.0.content.1.image_url")
    assert error.__cause__ is None
    assert error.__context__ is None
    for secret in ("127.0.0.1", "10.0.0.1", "169.254", "site.example", "SECRET BODY"):
        assert secret not in error.message
    return error.message


def test_a_file_is_fetched_with_nothing_of_the_callers(serve: Callable[..., Server]) -> None:
    server = serve(answer())
    blob = get(f"http://site.example:{server.port}/a b.png?x=1#y")
    assert (base64.b64decode(blob.base64), blob.size) == (PNG, len(PNG))
    head, *lines = server.requests[0].decode().rstrip().split("\r\n")
    assert head == "GET /a%20b.png?x=1 HTTP/1.1"
    assert f"Host: site.example:{server.port}" in lines
    assert "Accept-Encoding: identity" in lines
    names = {line.partition(":")[0].lower() for line in lines}
    assert names == {"host", "user-agent", "accept", "accept-encoding", "connection"}


@pytest.mark.parametrize(
    "script",
    [
        answer(PNG, length=None),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n"
        + PNG[:4]
        + b"\r\n104\r\n"
        + PNG[4:]
        + b"\r\n0\r\n\r\n",
        answer(PNG, "200 OK", "Content-Encoding: Identity"),
        answer(PNG, "200 OK", "Content-Encoding:"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + answer(),
        b"HTTP/1.0 200 OK\r\n\r\n" + PNG,
    ],
)
def test_every_framing_of_a_body_is_read(serve: Callable[..., Server], script: bytes) -> None:
    assert get(f"http://site.example:{serve(script).port}/").size == len(PNG)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (answer(b"SECRET BODY", "404 Not Found"), "status 404"),
        (answer(b"SECRET BODY", "500 SECRET BODY"), "status 500"),
        (answer(PNG, "206 Partial Content"), "status 206"),
        (answer(b"", "302 Found"), "status 302"),
        (answer(b"", "304 Not Modified"), "status 304"),
        (answer(b"SECRET BODY", "200 OK", "Content-Encoding: gzip"), "compressed"),
        (answer(b""), "empty"),
        (answer(PNG, length=1000), "broke"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nSECRET", "broke"),
        (b"SSH-2.0-SECRET BODY\r\n", "could not be downloaded"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: SECRET BODY\r\n" * 200 + b"\r\n", "could not be downloaded"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", "could not be downloaded"),
        (b"", "could not be downloaded"),
    ],
)
def test_answers_that_are_no_file(serve: Callable[..., Server], script: bytes, words: str) -> None:
    assert words in refusal(f"http://site.example:{serve(script).port}/")


def test_a_declared_size_over_the_limit_is_not_read(serve: Callable[..., Server]) -> None:
    server = serve(answer(b"", length=10_001))
    assert "larger than 10000 bytes" in refusal(f"http://site.example:{server.port}/", max_bytes=10_000)


def test_an_endless_body_is_cut_at_the_limit(serve: Callable[..., Server]) -> None:
    endless = serve(drip(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 50_000))
    assert "larger than 100000 bytes" in refusal(f"http://site.example:{endless.port}/", max_bytes=100_000)


def test_a_chunk_of_minus_one_does_not_lift_the_limits(serve: Callable[..., Server]) -> None:
    """The standard library reads such a chunk to the end of the connection, however much comes."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"
    allowance = Allowance(1_000)
    server = serve(drip(chunked, b"x" * 50_000))
    assert "could not be downloaded" in refusal(f"http://site.example:{server.port}/", allowance=allowance)
    assert allowance.take(1_000)


def test_coding_that_outgrows_its_content_is_refused(serve: Callable[..., Server]) -> None:
    """A chunk of one byte may carry an extension of any length: the bytes that arrive are counted, not the content."""
    chunk = b"1;" + b"x" * 60_000 + b"\r\ny\r\n"
    server = serve(drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk))
    assert "too many bytes" in refusal(f"http://site.example:{server.port}/", max_bytes=10_000)


def test_the_allowance_of_a_request_is_used_up_while_it_is_read(serve: Callable[..., Server]) -> None:
    """Files within their own limits, and together far more memory than a small function has."""
    allowance = Allowance(2 * len(PNG))
    for _ in range(2):
        assert get(f"http://site.example:{serve(answer()).port}/", allowance=allowance).size == len(PNG)
    endless = serve(drip(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 50_000))
    assert f"{2 * len(PNG)} bytes in all" in refusal(f"http://site.example:{endless.port}/", allowance=allowance)


def test_a_body_of_just_the_limit_is_taken(serve: Callable[..., Server]) -> None:
    assert get(f"http://site.example:{serve(answer()).port}/", max_bytes=len(PNG)).size == len(PNG)


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"", b"H"),  # a status line
        (b"HTTP/1.1 200 OK\r\nX: ", b"x"),  # a header
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),  # a body
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),  # trailers
    ],
)
def test_trickling_bytes_hold_neither_the_caller_nor_a_thread(
    serve: Callable[..., Server], start: bytes, drop: bytes
) -> None:
    slow = serve(drip(start, drop))
    fetches = fetcher(timeout=0.15, threads=1)
    began = time.monotonic()
    assert "within 0.15 seconds" in refusal(f"http://site.example:{slow.port}/", fetches)
    transfers_are_over(began + 2.5)


def test_a_silent_server_is_left_in_time(serve: Callable[..., Server]) -> None:
    release = threading.Event()
    silent = serve(lambda peer: release.wait(5) and None)
    began = time.monotonic()
    assert "within 0.1 seconds" in refusal(f"http://site.example:{silent.port}/", timeout=0.1)
    assert time.monotonic() - began < 4
    release.set()


def test_a_silent_tls_handshake_is_left_in_time(serve: Callable[..., Server]) -> None:
    release = threading.Event()
    silent = serve(lambda peer: release.wait(5) and None)
    began = time.monotonic()
    # Time enough to load the certificates, which counts as work, too.
    assert "within 0.5 seconds" in refusal(f"https://site.example:{silent.port}/", timeout=0.5)
    transfers_are_over(began + 4)
    release.set()


def test_a_slow_resolver_is_left_in_time() -> None:
    release = threading.Event()

    def slow(host: str, port: int) -> Sequence[str]:
        release.wait(5)
        return ["127.0.0.1"]

    fetches = fetcher(resolve=slow, timeout=0.1)
    with pytest.raises(InvalidRequest, match=r"within 0\.1 seconds"):
        asyncio.run(fetches.fetch("http://site.example/", param="x", allowance=Allowance(10**9)))
    release.set()
    fetches.close()


def test_plain_http_on_a_tls_port_is_no_secure_connection(serve: Callable[..., Server]) -> None:
    server = serve(lambda peer: peer.sendall(answer()))
    assert "secure connection" in refusal(f"https://site.example:{server.port}/")


def test_tls_is_verified_against_the_name(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    class Context:
        def wrap_socket(self, sock: socket.socket, *, server_hostname: str) -> socket.socket:
            asked.append((server_hostname, sock.getpeername()[0]))
            return socket.socket(fileno=sock.detach())

    monkeypatch.setattr(fetch_module, "tls_context", Context)
    server = serve(answer())
    assert get(f"https://site.example:{server.port}/").size == len(PNG)
    assert asked == [("site.example", "127.0.0.1")]


def test_the_tls_context_verifies_names_and_has_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = ssl.DefaultVerifyPaths("", "", "", "", "", "")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nowhere)
    context = tls_context()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.cert_store_stats()["x509_ca"] > 50


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://2130706433/", "http://0177.0.0.1/", "http://0x7f.1/", "http://127.1/",
        "http://[::ffff:127.0.0.1]/", "http://[::1]/", "http://127.0.0.1./", "http://user@127.0.0.1/", "HTTP://127.0.0.1/",
        "http://\uff11\uff12\uff17.0.0.1/", "http://[fe80::1%25lo]/", "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/", "http://[::ffff:a9fe:a9fe]/", "http://[64:ff9b::a9fe:a9fe]/", "http://10.0.0.1/",
        "http://0/", "http://0.0.0.0/", "http://100.64.0.1/", "http://224.0.0.1/", "http://[2002:7f00:1::]/",
        "http://localhost/", "http://private.example/", "http://mixed.example/", "http://mapped.example/",
        "http://zone.example/", "http://none.example/", "http://nothing.example/", "http://junk.example/",
    ],
)  # fmt: skip
def test_hostile_urls_are_refused_without_a_connection(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*args: Any, **kwargs: Any) -> socket.socket:
        raise AssertionError("connected")

    monkeypatch.setattr(socket, "create_connection", connect)
    names = Names(
        localhost=[["127.0.0.1", "::1"]],
        private_example=[["10.0.0.1"]],
        mixed_example=[["8.8.8.8", "10.0.0.1"]],
        mapped_example=[["::ffff:10.0.0.1"]],
        zone_example=[["fe80::1%eth0"]],
        nothing_example=[[]],
        junk_example=[["not an address"]],
    )
    refusal(url, SafeFetcher(resolve=names))


def test_unknown_and_forbidden_names_can_not_be_told_apart() -> None:
    names = Names(private_example=[["10.0.0.1"]])
    texts = {refusal(f"http://{host}/", SafeFetcher(resolve=names)) for host in ("private.example", "unknown.example")}
    assert len(texts) == 1


def test_a_name_that_changes_its_mind_is_connected_to_where_it_was_checked(serve: Callable[..., Server]) -> None:
    names = Names(site_example=[["127.0.0.1"], ["10.0.0.1"]])
    assert get(f"http://site.example:{serve(answer()).port}/", resolve=names).size == len(PNG)
    assert names.asked == ["site.example"]


def test_a_name_that_changes_its_mind_is_checked_again_at_a_redirect(serve: Callable[..., Server]) -> None:
    names = Names(site_example=[["127.0.0.1"], ["10.0.0.1"]])
    assert "not a public address" in refusal(f"http://site.example:{serve(moved('/again')).port}/", resolve=names)
    assert names.asked == ["site.example"] * 2


def test_the_next_address_is_tried_when_one_does_not_answer(serve: Callable[..., Server]) -> None:
    server = serve(answer())
    names = Names(site_example=[["127.0.0.2", "127.0.0.1", "127.0.0.1"]])
    assert get(f"http://site.example:{server.port}/", resolve=names, allowed=lambda a: a.is_loopback).size == len(PNG)


def test_no_address_answers() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    assert "could not be downloaded" in refusal(f"http://site.example:{port}/")


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_redirects_are_followed(serve: Callable[..., Server], status: str) -> None:
    second = serve(answer())
    first = serve(moved(f"http://other.example:{second.port}/ü", status))
    assert get(f"http://site.example:{first.port}/").size == len(PNG)
    assert second.requests[0].startswith(b"GET /%C3%BC HTTP/1.1")


def test_three_redirects_are_enough(serve: Callable[..., Server]) -> None:
    assert get(f"http://site.example:{serve(*[moved('/x')] * 3, answer()).port}/").size == len(PNG)
    assert "more than 3 times" in refusal(f"http://site.example:{serve(*[moved('/x')] * 4).port}/")


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/", "http://private.example/", "http://[::1]/", "//10.0.0.1/", "http://0x7f.1/",
        "file:///etc/passwd", "gopher://site.example/", "http://u:p@site.example/", "http://[::1/", "http://site.example:22/",
    ],
)  # fmt: skip
def test_redirects_into_the_network_are_refused(serve: Callable[..., Server], location: str) -> None:
    server = serve(moved(location))
    names = Names(site_example=[["127.0.0.1"]], private_example=[["10.0.0.1"]])
    refusal(f"http://site.example:{server.port}/", resolve=names, ports={80, server.port})


def test_a_host_list_holds_at_redirects_too(serve: Callable[..., Server]) -> None:
    first = serve(moved(f"http://other.example:{1}/"))
    policy = ("site.example",)
    assert "not on the list" in refusal(f"http://site.example:{first.port}/", policy=policy)
    assert "not on the list" in refusal("http://other.example/", policy=policy)
    assert get(f"http://site.example:{serve(answer()).port}/", policy=policy).size == len(PNG)


def test_a_listed_host_needs_a_public_address_all_the_same() -> None:
    names = Names(intranet_example=[["10.0.0.1"]])
    fetches = SafeFetcher(policy=("intranet.example",), resolve=names)
    assert "not a public address" in refusal("http://intranet.example/", fetches)


def test_off_asks_nobody() -> None:
    names = Names()
    assert "data URL" in refusal("https://site.example/", SafeFetcher(policy=("off",), resolve=names))
    assert names.asked == []


def test_a_policy_that_makes_no_sense_is_told_when_it_is_set() -> None:
    with pytest.raises(ValueError, match="'https://x'"):
        SafeFetcher(policy=("https://x",))


def test_many_fetches_share_few_threads(serve: Callable[..., Server]) -> None:
    server = serve(*[answer()] * 20)
    fetches = fetcher(threads=2)

    async def all_of_them() -> list[Blob]:
        url = f"http://site.example:{server.port}/"
        return await asyncio.gather(*(fetches.fetch(url, param="x", allowance=Allowance(10**9)) for _ in range(20)))

    assert len(asyncio.run(all_of_them())) == 20
    assert sum("fetch-transfer" in thread.name for thread in threading.enumerate()) <= 2
    fetches.close()


def test_the_systems_resolver_gives_texts() -> None:
    assert "127.0.0.1" in resolve_name("127.0.0.1", 80)
