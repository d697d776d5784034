"""A Function URL with IAM authorization, usable by clients that only know a base URL and a key.

    python -m local.signing_proxy --url https://ID.lambda-url.REGION.on.aws/ [--port 8090]

listens on 127.0.0.1, signs each request with the caller's AWS credentials (SigV4, service `lambda`) and sends it on. SigV4
takes the Authorization header, so the client's `Authorization: Bearer KEY` travels as `x-api-key`. Answers come back as they
arrive. Whoever can open a connection to this machine's loopback address uses the credentials: it is a tool for a laptop.
"""

from __future__ import annotations

import argparse
import hashlib
import http.server
import json
import re
import signal
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError

HOST = "127.0.0.1"
LARGEST_BODY = 6 * 1024 * 1024
"""Bytes: what a Function URL takes at most."""
HOPS = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
LOOPBACK = {"127.0.0.1", "localhost", "[::1]", "::1"}


class Signer:
    """Signs requests to a Function URL. `credentials`: botocore's; those that expire are refreshed when they are used."""

    def __init__(self, credentials: Any, region: str) -> None:
        self._credentials = credentials
        self._region = region

    def headers(self, method: str, url: str, body: bytes) -> dict[str, str]:
        """The headers to add: authorization, date, the body's hash, the session token. Raises BotoCoreError.

        A Function URL takes no unsigned payload, so the hash is always there.
        """
        request = AWSRequest(method=method, url=url, data=body)
        request.headers["x-amz-content-sha256"] = hashlib.sha256(body).hexdigest()
        SigV4Auth(self._credentials.get_frozen_credentials(), "lambda", self._region).add_auth(request)
        return {name.lower(): str(value) for name, value in request.headers.items()}


def region_of(host: str) -> str | None:
    """`ID.lambda-url.eu-west-1.on.aws` -> `eu-west-1`; None for another host."""
    found = re.fullmatch(r"[a-z0-9]+\.lambda-url\.([a-z0-9-]+)\.on\.(aws|amazonaws\.com\.cn)", host.lower())
    return found[1] if found else None


def address_of(url: str) -> SplitResult | None:
    """The parts of an address of http or https; None for what is none, and where it brings a user name or a password."""
    try:
        address = urlsplit(url.strip())
        named = address.hostname is not None and address.port != 0  # both may raise
        urllib3.util.parse_url(url.strip())
    except (ValueError, urllib3.exceptions.LocationParseError):
        return None
    return address if named and address.scheme in ("http", "https") and address.username is None else None


def moved(headers: Mapping[str, str]) -> dict[str, str]:
    """The client's headers, names in lower case, without those of the connection; the bearer key where SigV4 leaves it."""
    kept = {name.lower(): value for name, value in headers.items()}
    named = {name.strip().lower() for name in kept.get("connection", "").split(",")}
    scheme, _, key = kept.pop("authorization", "").partition(" ")
    for name in ("host", "content-length", "expect", *HOPS, *named):
        kept.pop(name, None)
    if scheme.lower() == "bearer" and key.strip():
        kept["api-key" if "x-api-key" in kept else "x-api-key"] = key.strip()
    return {name: value for name, value in kept.items() if not name.startswith("x-amz-")}


class Proxy(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, target: str, signer: Signer) -> None:
        super().__init__((HOST, port), _Request)
        self.target = target
        self.signer = signer
        self.pool = urllib3.PoolManager(maxsize=50, retries=False, timeout=urllib3.Timeout(connect=10, read=900))

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_address[1]}"


class _Request(http.server.BaseHTTPRequestHandler):
    disable_nagle_algorithm = True  # else a body waits 40 ms for the acknowledgement of its head
    server: Proxy
    protocol_version = "HTTP/1.1"
    timeout = 300  # seconds of silence of a client

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):  # the client left; that it did closes the answer from upstream, too
            self.close_connection = True

    def do_POST(self) -> None:
        """One request of any method, and its answer."""
        body = self._body()
        if body is None:
            return
        url = self.server.target + self.path
        try:
            signed = self.server.signer.headers(self.command, url, body)
            answer = self.server.pool.request(
                self.command,
                url,
                body=body or None,
                headers=moved(dict(self.headers.items())) | signed,
                preload_content=False,
                decode_content=False,
                redirect=False,
            )
        except BotoCoreError as problem:
            self._refuse(502, f"The request can't be signed: {type(problem).__name__}. Renew your AWS credentials.")
            return
        except urllib3.exceptions.HTTPError as problem:
            self._refuse(502, f"The Function URL can't be reached: {type(problem).__name__}.")
            return
        try:
            self._send_on(answer)
        finally:
            answer.close()
            answer.release_conn()

    do_GET = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_POST

    def _body(self) -> bytes | None:
        """The request's body; None where the request was refused."""
        refusal = self._refusal()
        if refusal is not None:
            self._refuse(*refusal)
            return None
        return self.rfile.read(int(self.headers.get("content-length", "0")))

    def _refusal(self) -> tuple[int, str] | None:
        host = self.headers.get("host", "").rpartition(":")[0] or self.headers.get("host", "")
        if host.lower() not in LOOPBACK:  # a page whose name was rebound to this machine
            return 403, "This proxy answers to 127.0.0.1 and localhost only."
        length = self.headers.get("content-length", "0")
        if not self.path.startswith("/") or "transfer-encoding" in self.headers or not length.isdigit():
            return 400, "A path and a body with a Content-Length are expected."
        if int(length) > LARGEST_BODY:
            return 413, f"The body is larger than the {LARGEST_BODY} bytes that a Function URL takes."
        return None

    def _send_on(self, answer: urllib3.BaseHTTPResponse) -> None:
        """The answer, piece by piece. Where it breaks off the connection closes without the end mark, as upstream's did."""
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in HOPS:
                self.send_header(name, value)
        bodiless = self.command == "HEAD" or answer.status in (204, 304)
        chunked = "content-length" not in answer.headers and not bodiless
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while not bodiless and (piece := answer.read1(65536)):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        except urllib3.exceptions.HTTPError:
            self.close_connection = True
            return
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _refuse(self, status: int, message: str) -> None:
        """An error of the proxy's own, in OpenAI's envelope. The body may not have been read, so the connection ends."""
        kind = "server_error" if status >= 500 else "invalid_request_error"
        error = {"message": message, "type": kind, "param": None, "code": "signing_proxy"}
        body = json.dumps({"error": error}).encode()
        self.send_response_only(status)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a path may name a model of the account, and the gateway keeps its own log."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./dev sign", description="Sign requests to a Function URL.")
    parser.add_argument("--url", required=True, help="the Function URL, https://ID.lambda-url.REGION.on.aws/")
    parser.add_argument("--port", type=int, default=8090, help="port to listen on, 8090 by default")
    parser.add_argument("--region", help="region to sign for, where the URL does not tell it")
    flags = parser.parse_args(arguments)
    address = address_of(flags.url)
    if address is None:
        parser.error("--url should be an address such as https://ID.lambda-url.us-east-1.on.aws/")
    region = flags.region or region_of(address.hostname or "")
    if not region:
        parser.error("--url is no Function URL; for another host, give its --region")
    from botocore.session import get_session  # a while to import; wrong arguments are told at once

    try:
        credentials = get_session().get_credentials()
    except BotoCoreError as problem:
        parser.error(f"the AWS configuration can't be used ({type(problem).__name__})")
    if credentials is None:
        parser.error("no AWS credentials were found; set AWS_PROFILE or log in (`aws sso login`)")
    try:
        proxy = Proxy(flags.port, f"{address.scheme}://{address.netloc}", Signer(credentials, region))
    except (OSError, OverflowError) as problem:
        parser.error(f"port {flags.port} can't be used: {getattr(problem, 'strerror', None) or problem}")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    with proxy:
        print(
            f"export OPENAI_BASE_URL={proxy.url}/v1\n\nOPENAI_API_KEY is the gateway's key, as ever. Ctrl-C ends it.",
            flush=True,
        )
        try:
            proxy.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
