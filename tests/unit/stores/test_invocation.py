"""How the function invokes itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from app.errors import UpstreamFailure
from app.stores.invocation import SelfInvocation, Way, invocations_url
from app.stores.table.http import Answer, Broken, HttpPool


class Pool:
    def __init__(self, answer: Answer | Exception) -> None:
        self.answer = answer
        self.posted: list[tuple[Mapping[str, str], bytes]] = []

    async def post(self, headers: Mapping[str, str], body: bytes) -> Answer:
        self.posted.append((headers, body))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def sign(method: str, url: str, body: bytes, headers: dict[str, str]) -> Mapping[str, str]:
    return headers | {"signed": f"{method} {url} {len(body)}"}


async def test_an_event_is_queued() -> None:
    pool, made = Pool(Answer(202, b"")), []

    def make() -> Way:
        made.append(1)
        return Way("https://lambda/x", sign, cast(HttpPool, pool))

    invoke = SelfInvocation(make)
    await invoke(b"{}")
    await invoke(b"[]")
    assert pool.posted[0] == (
        {"Content-Type": "application/json", "X-Amz-Invocation-Type": "Event", "signed": "POST https://lambda/x 2"},
        b"{}",
    )
    assert made == [1]


@pytest.mark.parametrize("answer", [Answer(403, b"arn:secret"), Broken("no", sent=True), ValueError("arn:secret")])
async def test_a_failure_is_told_without_details(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    invoke = SelfInvocation(lambda: Way("u", sign, cast(HttpPool, Pool(answer))))
    with pytest.raises(UpstreamFailure) as caught:
        await invoke(b"{}")
    assert (caught.value.status, caught.value.code) == (503, "background_unavailable")
    assert "secret" not in caught.value.message + caplog.text


@pytest.mark.parametrize(
    ("version", "name"), [("", "my-fn"), ("$LATEST", "my-fn"), ("7", "my-fn%3A7")], ids=["none", "latest", "numbered"]
)
def test_the_url_names_the_very_version(version: str, name: str) -> None:
    url = invocations_url("https://lambda.eu-west-1.amazonaws.com/", "my-fn", version)
    assert url == f"https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions/{name}/invocations"
