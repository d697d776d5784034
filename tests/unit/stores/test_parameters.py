"""A parameter's text, or why it can't be had, without a word of AWS's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from app.stores.parameters import parameter
from app.stores.secrets import Unavailable

ARN = "arn:aws:ssm:eu-north-1:123456789012:parameter/gateway/aliases"


@pytest.fixture
def ssm() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client("ssm", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stub:
        yield client, stub
    client.close()


@pytest.mark.parametrize(("name", "region"), [("/gateway/aliases", None), (ARN, "eu-north-1")])
def test_the_text_as_it_stands_from_the_region_of_the_name(
    ssm: tuple[Any, Stubber], name: str, region: str | None
) -> None:
    client, stub = ssm
    given = {"Name": name, "WithDecryption": True}
    stub.add_response("get_parameter", {"Parameter": {"Name": name, "Type": "String", "Value": '{"a": "b"}'}}, given)
    asked: list[tuple[str, str | None]] = []

    def make(service: str, region: str | None) -> Any:
        asked.append((service, region))
        return client

    assert parameter(name, make) == '{"a": "b"}'
    assert asked == [("ssm", region)]


def test_failures_are_named_without_their_text(ssm: tuple[Any, Stubber]) -> None:
    client, stub = ssm
    stub.add_client_error("get_parameter", "ParameterNotFound", f"no such parameter {ARN}", 400)
    with pytest.raises(Unavailable) as caught:
        parameter(ARN, lambda service, region: client)
    assert str(caught.value) == "GetParameter: ParameterNotFound"


def test_a_service_that_cant_be_reached_is_named_too() -> None:
    def make(service: str, region: str | None) -> Any:
        raise EndpointConnectionError(endpoint_url=f"https://{ARN}")

    with pytest.raises(Unavailable) as caught:
        parameter(ARN, make)
    assert str(caught.value) == "GetParameter: EndpointConnectionError"
