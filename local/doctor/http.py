"""Requests to a deployment that may be broken or hostile: bounded in bytes and seconds, never retried, never redirected."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import urllib3
from botocore.exceptions import BotoCoreError

from local.doctor.deadline import Deadline, watched_pool
from local.signing_proxy import Signer

LARGEST = 4 * 1024 * 1024
"""Bytes of an answer that are read at most; a model list has some hundred kilobytes."""


LATE = "no answer in time"


class Unreachable(Exception):
    """No answer, or only a part of one. The text says why, `kind` in one word: name, tls, refused, time, broken, signing."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


@dataclass(frozen=True)
class Answer:
    """`arrivals`: (seconds since the request was sent, bytes) of each piece as it came."""

    status: int
    headers: urllib3.HTTPHeaderDict
    arrivals: list[tuple[float, bytes]]
    cut: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(piece for _, piece in self.arrivals)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body's JSON value, None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def error(self) -> dict[str, Any] | None:
        """The error in OpenAI's envelope, None where the answer is something else: then the gateway did not write it."""
        body = self.json()
        error = body.get("error") if isinstance(body, dict) else None
        return error if isinstance(error, dict) and isinstance(error.get("message"), str) and "type" in error else None


class Client:
    """`headers` go with each request; `key` where a request does not bring its own; `signer` for URLs with IAM.

    `bearer`: whether the key goes in Authorization, as stock clients send it, or in `x-api-key`.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str = "",
        headers: Mapping[str, str] | None = None,
        signer: Signer | None = None,
        patience: float = 30.0,
    ) -> None:
        self.url = url
        self.key = key
        self._headers = dict(headers or {})
        self.bearer = signer is None
        self._signer = signer
        self._patience = patience
        self._deadline = Deadline()
        self._pool = watched_pool(self._deadline)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        patience: float | None = None,
    ) -> Answer:
        """The answer. `body`: sent as JSON. `key`: another one, "" for none. `patience`: seconds in all, but for the search
        for the host's name. Raises Unreachable.
        """
        url = self.url + path
        data = b"" if body is None else json.dumps(body).encode()
        sent = self._headers | {"user-agent": "doctor", "accept-encoding": "identity"} | dict(headers or {})
        if body is not None:
            # CloudFront's origin access control wants the hash of a body; elsewhere nobody looks at it.
            sent |= {"content-type": "application/json", "x-amz-content-sha256": hashlib.sha256(data).hexdigest()}
        key = self.key if key is None else key
        seconds = self._patience if patience is None else patience
        try:
            if key:
                sent |= {"authorization": f"Bearer {key}"} if self.bearer else {"x-api-key": key}
            if self._signer:
                sent |= self._signer.headers(method, url, data)
            with self._deadline.after(seconds):
                return self._exchange(method, url, data, sent, seconds)
        except BotoCoreError as problem:
            raise Unreachable("signing", f"the request can't be signed ({type(problem).__name__})") from None
        except (urllib3.exceptions.HTTPError, ValueError) as problem:
            found = unreachable(problem)
            late = self._deadline.passed and found.kind in ("broken", "tls")
            raise (Unreachable("time", LATE) if late else found) from None

    def _exchange(self, method: str, url: str, data: bytes, headers: dict[str, str], seconds: float) -> Answer:
        began = time.monotonic()
        answer = self._pool.request(
            method,
            url,
            body=data or None,
            headers=headers,
            preload_content=False,
            redirect=False,
            timeout=urllib3.Timeout(connect=min(10, seconds), read=seconds),
        )
        arrivals: list[tuple[float, bytes]] = []
        size = 0
        try:
            while size <= LARGEST and (piece := answer.read1(65536)):
                arrivals.append((time.monotonic() - began, piece))
                size += len(piece)
        except urllib3.exceptions.HTTPError:
            if not self._deadline.passed:
                raise
        finally:
            answer.close()
        if self._deadline.passed and not arrivals:  # the head may be a part of one, too
            raise Unreachable("time", LATE)
        return Answer(answer.status, answer.headers, arrivals, cut=size > LARGEST or self._deadline.passed)


def unreachable(problem: Exception) -> Unreachable:
    """urllib3's exceptions in words. Their own texts hold addresses of objects and the like."""
    errors = urllib3.exceptions
    if isinstance(problem, errors.MaxRetryError) and problem.reason is not None:
        problem = problem.reason
    if isinstance(problem, errors.NameResolutionError):
        return Unreachable("name", "the host name does not resolve")
    if isinstance(problem, errors.SSLError):
        return Unreachable("tls", f"TLS fails: {problem}")
    if isinstance(problem, errors.NewConnectionError):  # which counts as a time-out, too
        return Unreachable("refused", "nothing accepts connections there")
    if isinstance(problem, errors.TimeoutError):
        return Unreachable("time", LATE)
    return Unreachable("broken", f"the connection broke off ({type(problem).__name__})")
