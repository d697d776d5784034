"""The emulator as an HTTP server: what arrives in pieces, out of the ordinary, or not as HTTP at all."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.emulator import Emulator
from tests.unit.local.asking import deltas, stream, user
from tests.unit.local.conftest import client

PATH = "/model/amazon.nova-lite-v1%3A0/converse"


def request(text: str = "hi", path: str = PATH, *extra: str) -> bytes:
    body = json.dumps({"messages": [user(text)]}).encode()
    head = [f"POST {path} HTTP/1.1", "Host: x", "Authorization: Bearer x", f"Content-Length: {len(body)}", *extra]
    return "\r\n".join([*head, "", ""]).encode() + body


@pytest.fixture
def wire(emulator: Emulator) -> Iterator[socket.socket]:
    host, port = emulator.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        yield connection


def read_responses(wire: socket.socket, count: int) -> list[bytes]:
    """Bodies of so many length-delimited responses."""
    data = b""
    bodies: list[bytes] = []
    while len(bodies) < count:
        data += wire.recv(65536)
        while found := re.search(rb"Content-Length: (\d+)\r\n(?:.*?\r\n)*?\r\n", data):
            end = found.end() + int(found[1])
            if len(data) < end:
                break
            bodies.append(data[found.end() : end])
            data = data[end:]
    return bodies


def test_a_request_in_single_bytes(wire: socket.socket) -> None:
    for byte in request():
        wire.send(bytes((byte,)))
    assert b"You said: hi" in read_responses(wire, 1)[0]


def test_two_requests_at_once_are_answered_in_order(wire: socket.socket) -> None:
    wire.sendall(request("first") + request("second"))
    first, second = read_responses(wire, 2)
    assert b"first" in first
    assert b"second" in second


def test_a_chunked_request(wire: socket.socket) -> None:
    body = json.dumps({"messages": [user("in chunks")]}).encode()
    head = f"POST {PATH} HTTP/1.1\r\nAuthorization: Bearer x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    wire.sendall(head + b"5\r\n" + body[:5] + b"\r\n")
    wire.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body) - 5, body[5:]))
    assert b"in chunks" in read_responses(wire, 1)[0]


def test_a_client_that_asks_before_it_sends(wire: socket.socket) -> None:
    head, _, body = request("hi", PATH, "Expect: 100-continue").partition(b"\r\n\r\n")
    wire.sendall(head + b"\r\n\r\n")
    assert wire.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    wire.sendall(body)
    assert b"You said: hi" in read_responses(wire, 1)[0]


def test_connection_close_is_honoured(wire: socket.socket) -> None:
    wire.sendall(request("hi", PATH, "Connection: close"))
    assert read_responses(wire, 1)
    assert wire.recv(100) == b""


@pytest.mark.parametrize(
    "noise", [b"\r\n\r\n", b"hello\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"x" * 70_000]
)
def test_what_is_no_http_is_a_400(wire: socket.socket, noise: bytes) -> None:
    wire.sendall(noise)
    assert wire.recv(100).startswith(b"HTTP/1.1 400")


def test_a_client_that_leaves_mid_request_disturbs_nobody(emulator: Emulator, wire: socket.socket) -> None:
    wire.sendall(request()[:50])
    wire.close()
    assert stream(client("bedrock-runtime", emulator))


def test_the_stream_arrives_in_chunks_that_know_nothing_of_frames(wire: socket.socket) -> None:
    wire.sendall(request("a b c d e f g h", PATH + "-stream", "Connection: close"))
    data = b""
    while piece := wire.recv(65536):
        data += piece
    body = data.split(b"\r\n\r\n", 1)[1]
    sizes = []
    while body:
        line, _, rest = body.partition(b"\r\n")
        sizes.append(int(line, 16))
        body = rest[sizes[-1] + 2 :]
    assert sizes[-1] == 0
    assert len(sizes) > 3


def test_many_streams_at_once_lose_nothing(emulator: Emulator) -> None:
    runtime = client("bedrock-runtime", emulator)
    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(lambda _: stream(runtime, "hi [[emulate: delay=0.002 tokens=20]]"), range(30)))
    assert all(len(deltas(events)) == 20 for events in results)


def test_two_emulators_are_two_worlds() -> None:
    with Emulator() as one, Emulator() as other:
        stream(client("bedrock-runtime", one))
        assert (len(one.requests), len(other.requests)) == (1, 0)


def test_frames_whole_and_unpadded_on_request() -> None:
    with Emulator(chop=False, pad=False, record=0) as plain:
        assert stream(client("bedrock-runtime", plain))[0] == {"messageStart": {"role": "assistant"}}
        assert plain.requests == []


def test_the_command_line_prints_its_address_and_stops_on_a_signal() -> None:
    command = [sys.executable, "-m", "local.emulator", "--port", "0", "--no-validate", "--token-delay", "0.001"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)\n", process.stdout.readline())
        assert found
        with socket.create_connection(("127.0.0.1", int(found[1])), timeout=5) as wire:
            wire.sendall(request())
            assert b"You said: hi" in read_responses(wire, 1)[0]
        process.terminate()
        assert process.wait(5) == 0
