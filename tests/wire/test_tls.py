"""Bedrock speaks TLS: the same streams through a TLS front, whose records are cut elsewhere than the frames."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from local.emulator import Emulator
from tests.wire.gateway import NOVA, environment, serving


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, in one file, valid today only."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
    return path


class TlsFront:
    """Passes the bytes of each TLS connection to a plain port and back, in records of odd sizes."""

    def __init__(self, certificate: Path, port: int) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._behind = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            self._context.wrap_socket(connection, server_side=True) as front,
            socket.create_connection(("127.0.0.1", self._behind)) as behind,
        ):
            threading.Thread(target=_pass_on, args=(front, behind, 65536), daemon=True).start()
            _pass_on(behind, front, 37)


def _pass_on(source: socket.socket, target: socket.socket, piece: int) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            for start in range(0, len(data), piece):
                target.sendall(data[start : start + piece])
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def front(emulator: Emulator, certificate: Path) -> Iterator[TlsFront]:
    opened = TlsFront(certificate, int(emulator.url.rsplit(":", 1)[1]))
    yield opened
    opened.close()


def test_streams_and_wholes_over_tls(front: TlsFront, certificate: Path) -> None:
    said = "[[emulate: tokens=300]] hello"
    body = {"model": NOVA, "messages": [{"role": "user", "content": said}]}
    with (
        serving(front.url, environ=environment(front.url) | {"AWS_CA_BUNDLE": str(certificate)}) as gateway,
        gateway.client() as client,
    ):
        whole = client.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]
        for _ in range(3):
            reply = client.post("/v1/chat/completions", json=body | {"stream": True})
            assert reply.text.endswith("data: [DONE]\n\n")
            frames = [json.loads(frame[6:]) for frame in reply.text.split("\n\n")[:-2]]
            text = "".join(frame["choices"][0]["delta"].get("content") or "" for frame in frames)
            assert text == whole
    assert front.connections == 1  # streams read to their end give their connection back


def test_a_certificate_that_nobody_vouches_for_is_refused(front: TlsFront) -> None:
    body = {"model": NOVA, "messages": [{"role": "user", "content": "hello"}], "stream": True}
    with serving(front.url) as gateway, gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "upstream_unreachable")


def test_a_certificate_for_another_name_is_refused(front: TlsFront, certificate: Path) -> None:
    url = front.url.replace("127.0.0.1", "localhost")
    body = {"model": NOVA, "messages": [{"role": "user", "content": "hello"}]}
    environ = environment(url) | {"AWS_CA_BUNDLE": str(certificate)}
    with serving(url, environ=environ) as gateway, gateway.client() as client:
        reply = client.post("/v1/chat/completions", json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "upstream_unreachable")
