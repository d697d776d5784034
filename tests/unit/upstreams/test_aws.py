"""Endpoints by region: made when first needed, once, and signed for the region that is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from urllib3 import HTTPConnectionPool

from app.errors import Internal
from app.upstreams.aws import Aws
from app.upstreams.exchange import Exchange
from app.upstreams.http import Endpoint

KEYS = {"AWS_ACCESS_KEY_ID": "AKIATESTING123456789", "AWS_SECRET_ACCESS_KEY": "secret"}


def aws(tmp_path: Path, **more: str) -> Aws:
    return Aws({"AWS_REGION": "us-east-1", "AWS_CONFIG_FILE": str(tmp_path / "none")} | KEYS | more)


def scope(endpoint: Endpoint) -> str:
    """The region that a request is signed for. Nothing is sent."""
    with mock.patch.object(HTTPConnectionPool, "urlopen") as sent:
        endpoint.post("/model/x/converse", b"{}", {"content-type": "application/json"}, Exchange())
    signed = sent.call_args.kwargs["headers"]
    return next(str(value).split("/")[2] for name, value in signed.items() if name.lower() == "authorization")


def test_no_region_means_the_configured_one(tmp_path: Path) -> None:
    mine = aws(tmp_path)
    assert mine.runtime() is mine.runtime("") is mine.runtime("us-east-1")
    assert mine.runtime().url == "https://bedrock-runtime.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("us-west-2", "https://bedrock-runtime.us-west-2.amazonaws.com"),
        ("eu-central-1", "https://bedrock-runtime.eu-central-1.amazonaws.com"),
        ("us-gov-west-1", "https://bedrock-runtime.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_another_region_has_its_own_endpoint_and_signature(tmp_path: Path, region: str, url: str) -> None:
    mine = aws(tmp_path)
    endpoint = mine.runtime(region)
    assert endpoint is mine.runtime(region) is not mine.runtime()
    assert (endpoint.url, scope(endpoint), scope(mine.runtime())) == (url, region, "us-east-1")


def test_a_configured_endpoint_serves_every_region_by_its_signature(tmp_path: Path) -> None:
    mine = aws(tmp_path, AWS_ENDPOINT_URL_BEDROCK_RUNTIME="http://127.0.0.1:9")
    assert mine.runtime("us-west-2").url == mine.runtime().url == "http://127.0.0.1:9"
    assert scope(mine.runtime("us-west-2")) == "us-west-2"


def test_an_endpoint_is_made_when_its_region_is_first_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    class Counted(Endpoint):
        def __init__(self, url: str, *args: Any, **options: Any) -> None:
            made.append(url)
            super().__init__(url, *args, **options)

    monkeypatch.setattr("app.upstreams.http.Endpoint", Counted)
    mine = aws(tmp_path)
    assert made == []
    for region in ("", "us-east-1", "us-west-2", "us-west-2"):
        mine.runtime(region)
    assert made == [f"https://bedrock-runtime.{region}.amazonaws.com" for region in ("us-east-1", "us-west-2")]


def test_no_region_at_all_is_the_operators_business(tmp_path: Path) -> None:
    with pytest.raises(Internal, match="AWS_REGION"):
        Aws({"AWS_CONFIG_FILE": str(tmp_path / "none")} | KEYS).runtime()
