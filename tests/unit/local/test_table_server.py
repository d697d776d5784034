"""DynamoDB on this machine: what `local.table_server` adds to moto. What moto does is in the table's contract."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from tests.dynamodb import DynamoDb

ROOT = Path(__file__).parents[3]
SIGNED = "AWS4-HMAC-SHA256 Credential=any/20260101/eu-west-1/dynamodb/aws4_request, SignedHeaders=host;x-amz-date, Signature=0"


def connection(backend: DynamoDb) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(backend.url).netloc, timeout=10)


def headers(operation: str = "GetItem", authorization: str = SIGNED) -> dict[str, str]:
    return {
        "authorization": authorization,
        "x-amz-target": f"DynamoDB_20120810.{operation}",
        "content-type": "application/x-amz-json-1.0",
    }


def test_one_connection_serves_many_requests(dynamodb: DynamoDb) -> None:
    there = connection(dynamodb)
    body = json.dumps({"TableName": dynamodb.table, "Key": {"pk": {"S": "p"}, "sk": {"S": "s"}}})
    there.connect()
    held = there.sock
    for _ in range(3):
        there.request("POST", "/", body, headers())
        response = there.getresponse()
        assert (response.status, json.loads(response.read())) == (200, {})
        assert there.sock is held
    there.close()


@pytest.mark.parametrize("authorization", ["", "Bearer x", SIGNED.replace("dynamodb", "bedrock"), "AWS4-HMAC-SHA256 x"])
def test_what_is_not_signed_for_dynamodb_is_refused(dynamodb: DynamoDb, authorization: str) -> None:
    there = connection(dynamodb)
    there.request("POST", "/", "{}", headers("ListTables", authorization))
    response = there.getresponse()
    assert response.status == 400
    assert "MissingAuthenticationToken" in json.loads(response.read())["__type"]
    there.close()


def test_all_signers_share_the_table(dynamodb: DynamoDb) -> None:
    key = {"pk": {"S": "p"}, "sk": {"S": "s"}}
    for number, region in enumerate(("us-east-1", "eu-central-1"), 1):
        client = boto3.client(
            "dynamodb",
            endpoint_url=dynamodb.url,
            region_name=region,
            aws_access_key_id=f"AKIA{number:016}",
            aws_secret_access_key="s",
        )
        after = client.update_item(
            TableName=dynamodb.table,
            Key=key,
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
            ReturnValues="ALL_NEW",
        )
        assert after["Attributes"]["n"] == {"N": str(number)}
        client.close()


def test_it_prints_its_address_makes_the_table_says_nothing_else_and_ends() -> None:
    command = [sys.executable, "-W", "error", "-m", "local.table_server", "--table", "named"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            described, expiry = describe(process.stdout.readline().strip().removeprefix("listening on "), "named")
            process.terminate()
            assert process.communicate(timeout=10) == ("", "")
        finally:
            process.kill()
    assert process.returncode == 0
    assert [(key["AttributeName"], key["KeyType"]) for key in described["KeySchema"]] == [
        ("pk", "HASH"),
        ("sk", "RANGE"),
    ]
    assert expiry["AttributeName"] == "expires_at"


def describe(url: str, table: str) -> tuple[Any, Any]:
    client = boto3.client("dynamodb", endpoint_url=url, region_name="us-east-1")
    try:
        return (
            client.describe_table(TableName=table)["Table"],
            client.describe_time_to_live(TableName=table)["TimeToLiveDescription"],
        )
    finally:
        client.close()


def test_moto_s_own_faults_do_not_end_it(dynamodb: DynamoDb) -> None:
    there = connection(dynamodb)
    there.request("POST", "/", "{", headers("UpdateItem"))
    response = there.getresponse()
    assert response.status == 500
    assert "InternalServerError" in json.loads(response.read())["__type"]
    there.request("POST", "/", json.dumps({"Limit": 1}), headers("ListTables"))
    assert there.getresponse().status == 200
    there.close()


def test_it_listens_on_loopback_only(dynamodb: DynamoDb) -> None:
    port = urlsplit(dynamodb.url).port
    assert port
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        other.bind(("127.0.0.2", port))  # would be in use if it listened on all addresses
