"""Our signature is botocore's, for any request of the kind we send."""

from __future__ import annotations

import datetime
from typing import Any
from urllib.parse import quote

import botocore.auth
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from app.upstreams.aws import StaticCredentials
from app.upstreams.sigv4 import SigV4

NOW = 1_795_000_000.0
TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
HOSTS = st.sampled_from([
    "https://bedrock-runtime.us-east-1.amazonaws.com", "http://127.0.0.1:9000", "https://vpce-1.example:443",
    "http://localhost:80", "https://vpce-1.example:8443/prefix", "https://VPCE-2.Example",
])  # fmt: skip
MODELS = (
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
    .filter(lambda name: name.strip("."))
    .map(lambda name: quote(name, safe=""))
)


def by_botocore(url: str, body: bytes, headers: dict[str, str], credentials: Any, region: str) -> dict[str, str]:
    moment = datetime.datetime.fromtimestamp(NOW, datetime.UTC).replace(tzinfo=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: moment)
        request = AWSRequest(method="POST", url=url, data=body, headers=dict(headers))
        SigV4Auth(credentials, "bedrock", region).add_auth(request)
    return dict(request.headers.items())


@given(
    HOSTS, MODELS, st.binary(max_size=200), TEXT, TEXT, st.none() | TEXT, st.sampled_from(["us-east-1", "eu-west-3"])
)
def test_it_is_botocores_signature(
    host: str, model: str, body: bytes, access_key: str, secret_key: str, token: str | None, region: str
) -> None:
    url = f"{host}/model/{model}/converse"
    headers = {"content-type": "application/json", "accept": "application/vnd.amazon.eventstream", "x-odd": " a   b "}
    theirs = by_botocore(url, body, headers, Credentials(access_key, secret_key, token), region)
    signer = SigV4(lambda: StaticCredentials(access_key, secret_key, token), region, clock=lambda: NOW)
    assert signer("POST", url, body, headers) == theirs


def test_credentials_are_asked_for_anew_with_each_request() -> None:
    keys = iter(["first", "second"])
    signer = SigV4(lambda: StaticCredentials(next(keys), "s", None), "us-east-1")
    signed = [signer("POST", "https://x/model/m/converse", b"{}", {})["Authorization"] for _ in range(2)]
    assert "Credential=first/" in signed[0]
    assert "Credential=second/" in signed[1]


def test_what_was_given_is_left_alone() -> None:
    headers = {"accept": "x"}
    SigV4(lambda: StaticCredentials("a", "s", "t"), "us-east-1")("POST", "https://x/", b"", headers)
    assert headers == {"accept": "x"}
