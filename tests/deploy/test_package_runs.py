"""The staged package works by itself: everything here runs with nothing else to import from than what Lambda will have."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import boto3
import httpx
import pytest

from tests.deploy import staging

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="runs the libraries that Lambda runs")

KEY = "sk-staged-0123456789abcdef"
AWS = {
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "AKIASTAGED",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_CONFIG_FILE": "/nonexistent/config",
    "AWS_EC2_METADATA_DISABLED": "true",
}


# The gateway

IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1]) if len(sys.argv) > 1 else importlib.import_module("app")
names = [each.name for each in pkgutil.walk_packages(package.__path__, "app.")
         if not each.name.endswith(".socket_protocol")]  # no WebSockets on Lambda; their library is not in the layer
for name in names:
    importlib.import_module(name)
print(len(names))
print(*sorted({getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}), sep="\\n")
"""


def test_every_module_of_the_gateway_imports_from_the_staged_trees_alone(function: Path, slim: Path) -> None:
    done = staging.run_staged(IMPORT_ALL, function, slim)
    assert done.returncode == 0, done.stderr
    count, *files = done.stdout.splitlines()
    assert int(count) > 60
    assert "/site-packages/" not in done.stdout
    assert str(slim / "pydantic/main.pyc") in files
    assert str(function / "app/main.py") in files


CLIENTS = """
import io, json, os, sys
from botocore.awsrequest import AWSResponse
from app.upstreams.aws import Aws

CALLS = {
    "bedrock": lambda client: client.list_foundation_models(),
    "bedrock-runtime": lambda client: client.count_tokens(
        modelId="m", input={"converse": {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}}),
    "dynamodb": lambda client: client.get_item(TableName="t", Key={"pk": {"S": "a"}, "sk": {"S": "b"}}),
    "s3": lambda client: client.list_buckets(),
    "secretsmanager": lambda client: client.get_secret_value(SecretId="s"),
    "ssm": lambda client: client.get_parameter(Name="/p", WithDecryption=True),
    "sts": lambda client: client.get_caller_identity(),
}
PAGED = {"bedrock": "list_inference_profiles", "dynamodb": "query", "s3": "list_objects_v2", "ssm": "get_parameters_by_path"}
AWAITED = {"dynamodb": "table_exists", "s3": "bucket_exists"}
ANSWERS = {
    "s3": b"<ListAllMyBucketsResult/>",
    "sts": b"<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>",
}

class Raw(io.BytesIO):
    def stream(self, *args, **kwargs):
        yield self.read()

seen = {}
for service in sys.argv[1:]:
    client = Aws(os.environ).client(service)

    def answer(request, service=service, **kwargs):
        seen[service] = {"url": request.url, "signature": request.headers["Authorization"].decode()}
        return AWSResponse(request.url, 200, {}, Raw(ANSWERS.get(service, b"{}")))

    client.meta.events.register("before-send", answer)
    CALLS[service](client)
    if service in PAGED:
        client.get_paginator(PAGED[service])
    if service in AWAITED:
        client.get_waiter(AWAITED[service])
print(json.dumps(seen))
"""


def test_every_client_that_the_code_makes_works_from_the_stripped_tree(function: Path, slim: Path) -> None:
    strip = staging.part("strip")
    assert _services_in_the_code() <= set(strip.SERVICES)
    code = CLIENTS.replace("sys.argv[1:]", repr(strip.SERVICES))
    done = staging.run_staged(code, function, slim, **AWS)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen.keys() == set(strip.SERVICES)
    for service, request in seen.items():
        assert request["url"].startswith(f"https://{service}."), request
        assert request["signature"].startswith("AWS4-HMAC-SHA256 Credential=AKIASTAGED/"), request


ENDPOINTS = """
import boto3, json
found = {}
for region in %r:
    for service in %r:
        session = boto3.session.Session(region_name=region)
        found[f"{service} {region}"] = session.client(service).meta.endpoint_url
    found[region] = [session.get_partition_for_region(region), session.get_available_regions("bedrock")]
print(json.dumps(found))
"""


def test_endpoints_are_those_of_the_whole_sdk(slim: Path) -> None:
    """In every partition, although the table of endpoints holds only the services in use."""
    services = staging.part("strip").SERVICES
    regions = ["us-east-1", "eu-central-1", "ap-southeast-7", "cn-north-1", "us-gov-west-1", "us-iso-east-1"]
    done = staging.run_staged(ENDPOINTS % (regions, services), slim, **AWS)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for region in regions:
        session = boto3.session.Session(region_name=region)
        assert found[region] == [session.get_partition_for_region(region), session.get_available_regions("bedrock")]
        for service in services:
            assert found[f"{service} {region}"] == session.client(service).meta.endpoint_url


def test_the_staged_gateway_starts_as_lambda_starts_it_and_answers(build: Path, tmp_path: Path) -> None:
    with _running(build, tmp_path) as url, httpx.Client(base_url=url, timeout=20) as client:
        assert client.get("/health").json()["status"] == "ok"
        document = client.get("/openapi.json").json()
        assert "/v1/chat/completions" in document["paths"]
        assert client.get("/v1/models").status_code == 401
        body = {"model": "m", "messages": [{"role": "user", "content": 7}]}
        refused = client.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {KEY}"})
        assert refused.status_code == 400
        assert refused.json()["error"]["param"]


def test_a_buffered_event_is_answered_from_the_staged_trees(function: Path, slim: Path) -> None:
    event = json.loads((staging.ROOT / "tests/unit/lambda_events/function_url.json").read_text())
    event |= {"rawPath": "/health", "rawQueryString": "", "body": "", "isBase64Encoded": False}
    event["requestContext"]["http"] |= {"method": "GET", "path": "/health"}
    code = f"""
import json
from app.lambda_handler import handler
class Context:
    aws_request_id = "r"; invoked_function_arn = "arn"; function_name = "f"; function_version = "1"
    memory_limit_in_mb = "256"; log_group_name = "g"; log_stream_name = "s"
    identity = client_context = None
    def get_remaining_time_in_millis(self): return 10000
print("answer:", json.dumps(handler(json.loads({json.dumps(event)!r}), Context())))
"""
    done = staging.run_staged(code, function, slim, API_KEY=KEY, AWS_LAMBDA_FUNCTION_NAME="f", **AWS)
    assert done.returncode == 0, done.stderr
    answer = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("answer:"))[len("answer:") :])
    assert answer["statusCode"] == 200, answer


def test_no_package_imports_more_than_it_does_with_its_sources_at_hand(function: Path, slim: Path) -> None:
    """anyio reads its own source to learn what it may leave for later, and imported everything when it had none."""
    done = staging.run_staged("import app.main, fastapi, sys; print(*sys.modules)", function, slim)
    assert done.returncode == 0, done.stderr
    staged = set(done.stdout.split())
    whole = subprocess.run(
        [sys.executable, "-c", "import app.main, fastapi, sys; print(*sys.modules)"],
        cwd=staging.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "anyio" in staged
    assert {name for name in staged - set(whole.stdout.split()) if "." in name} == set()


def test_opentelemetry_finds_its_own_parts_by_their_entry_points(slim: Path) -> None:
    """Layers that trace functions set these variables."""
    code = "from opentelemetry import propagate; print(sorted(propagate.get_global_textmap().fields))"
    done = staging.run_staged(
        code, slim, OTEL_PROPAGATORS="tracecontext,baggage", OTEL_PYTHON_CONTEXT="contextvars_context"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['baggage', 'traceparent', 'tracestate']"


# The canary, and the vocabulary


def test_every_module_of_the_canary_imports_beside_the_slim_layer(build: Path, slim: Path) -> None:
    done = staging.run_staged(IMPORT_ALL.replace('"app")', '"app.canary")').replace('"app."', '"app.canary."'),
                              build / "canary", slim)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "/site-packages/" not in done.stdout
    assert str(build / "canary/app/canary/handler.py") in done.stdout.splitlines()


def test_what_the_canary_uses_of_powertools_works(build: Path, slim: Path) -> None:
    code = """
from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
Logger(service="canary").info("well")
with_metrics = EphemeralMetrics(namespace="Gateway", service="canary")
with_metrics.add_metric(name="Up", unit=MetricUnit.Count, value=1)
with_metrics.flush_metrics()
"""
    done = staging.run_staged(code, build / "canary", slim)
    assert done.returncode == 0, done.stderr
    logged, metrics = (json.loads(line) for line in done.stdout.splitlines())
    assert logged["message"] == "well"
    assert metrics["Up"] == [1.0]


def test_the_gateway_s_metrics_work_without_the_rest_of_powertools(function: Path, slim: Path) -> None:
    code = """
from app.core.events import Usage
from app.core.books import UsageRecord
from app.core.ports import Call, Caller
from app.meter.emf import EmfMeter
call = Call("req_1", Caller("key_1"), "chat.completions")
EmfMeter(("model",)).record(UsageRecord(call, "ok", 200, None, Usage(1), "", None, False, 1, None, 9))
"""
    done = staging.run_staged(code, function, slim)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Latency"] == [9.0]


def test_the_canarys_own_package_holds_nothing_that_the_slim_layer_has(build: Path, slim: Path) -> None:
    assert sorted(path.name for path in (build / "canary").iterdir()) == ["app"]
    assert {"aws_lambda_powertools", "jmespath", "typing_extensions.pyc"} <= {path.name for path in slim.iterdir()}
    assert not (build / "function/app/canary").exists()


def test_the_vocabulary_is_found_in_its_layer(build: Path, function: Path, slim: Path) -> None:
    code = """
from importlib.resources import files
print(len((files("cl100k_vocabulary") / "cl100k_base.tiktoken.gz").read_bytes()))
"""
    done = staging.run_staged(code, function, slim, build / "layers/embeddings/python")
    assert done.returncode == 0, done.stderr
    source = staging.ROOT / "layers/embeddings/cl100k_vocabulary/cl100k_base.tiktoken.gz"
    assert int(done.stdout) == source.stat().st_size


def _services_in_the_code() -> set[str]:
    found = set()
    for path in (staging.ROOT / "app").rglob("*.py"):
        found |= set(re.findall(r"""client\(\s*["']([a-z0-9-]+)["']""", path.read_text(encoding="utf-8")))
    assert {"bedrock", "secretsmanager", "ssm"} <= found
    return found


@contextmanager
def _running(build: Path, folder: Path) -> Iterator[str]:
    """The address of the staged gateway under its own run.sh, whose `python3` knows no other packages."""
    python = folder / "python3"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -s -S "$@"\n')
    python.chmod(0o755)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = AWS | {
        "PATH": f"{folder}:{staging.tools()}:/bin",
        "PYTHONPATH": str(build / "layers/slim/python"),
        "AWS_LAMBDA_FUNCTION_NAME": "gateway",
        "LAMBDA_TASK_ROOT": str(build / "function"),
        "API_KEY": KEY,
        "PORT": str(port),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    log = folder / "gateway.log"
    with open(log, "wb") as output:
        process = subprocess.Popen([build / "function/run.sh"], env=environ, cwd="/", stdout=output, stderr=output)
    try:
        _await_health(process, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _await_health(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).raise_for_status()
            return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(log.read_text())
