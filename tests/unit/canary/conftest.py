"""The canary runs as on Lambda: settings from the environment, log lines on a stream; AWS is moto."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws  # before any botocore session: sessions made earlier would not be mocked

from app.canary import aws, warm
from app.canary.handler import log

TABLE = "gateway"
OURS = ("GATEWAY_", "WARM_", "CANARY_", "DEEP_", "API_KEY", "ORIGIN_", "TABLE_NAME", "POWERTOOLS_")


class Log:
    """What was logged: `lines` as JSON, `text` as it stands."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def of(self, level: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["level"] == level]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(warm, "mismatch_since", {})
    aws.session.cache_clear()


@pytest.fixture
def logged() -> Iterator[Log]:
    stream = io.StringIO()
    handler: Any = log.registered_handler
    before = handler.setStream(stream)
    yield Log(stream)
    handler.setStream(before)


@pytest.fixture
def mocked() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.fixture
def table(mocked: None) -> Any:
    """A client of the table."""
    client = aws.client("dynamodb", "us-east-1")
    client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    return client
