"""The AWS calls that the code can make, read from its sources, and the IAM actions they need.

A call is found where a boto3 method is called or named as a string (the tables of `app/upstreams/control.py`), where a path
of Bedrock's runtime is written, where an operation is named in a module that writes its service's `X-Amz-Target` itself, or
where a member of a request makes Bedrock act in the caller's name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import botocore.session
from botocore import xform_name

ROOT = Path(__file__).parents[2]
GATEWAY_ROOMS = ("upstreams", "stores")
"""The only rooms of the gateway that may use the SDK (an import contract) or speak to Bedrock."""

SERVICES = ("bedrock", "bedrock-runtime", "dynamodb", "lambda", "s3", "secretsmanager", "sns", "sqs", "ssm", "sts")
PREFIXES = {"bedrock-runtime": "bedrock"}

ACTIONS = {
    "bedrock:Converse": ("bedrock:InvokeModel",),
    "bedrock:ConverseStream": ("bedrock:InvokeModelWithResponseStream",),
    # A registered endpoint is called by its ARN like any model, and Bedrock then calls SageMaker for the caller.
    "bedrock:ListMarketplaceModelEndpoints": (
        "bedrock:ListMarketplaceModelEndpoints",
        "sagemaker:InvokeEndpoint",
        "sagemaker:InvokeEndpointWithResponseStream",
    ),
}
"""Operations that need something else than the action of their own name."""

MEMBERS = {
    "guardrailConfig": ("bedrock:ApplyGuardrail",),
    "systemTool": ("bedrock:InvokeTool",),
    "s3Location": ("s3:GetObject",),
    "X-Amz-Invocation-Type": ("lambda:InvokeFunction",),
}
"""Members of a request to Bedrock that need more than the request itself."""

_PATH = re.compile(r"/(?:model|guardrail|async-invoke|guardrail-checks)/")


def gateway_actions() -> set[str]:
    return actions_in(path for room in GATEWAY_ROOMS for path in (ROOT / "app" / room).rglob("*.py"))


def canary_actions() -> set[str]:
    return actions_in((ROOT / "app" / "canary").rglob("*.py"))


def actions_in(paths: Iterable[Path]) -> set[str]:
    found = set()
    for path in sorted(paths):
        tree = ast.parse(path.read_text())
        for operation in {*sdk_calls(tree), *_runtime_calls(tree), *target_calls(tree)}:
            found |= set(ACTIONS.get(operation, (operation,)))
        for name in _strings(tree):
            found |= set(MEMBERS.get(name, ()))
    return found


def sdk_calls(tree: ast.Module) -> Iterator[str]:
    """Calls of boto3's methods, and names of methods in tables. Single words are counted only where they are called on a
    client: `query` is also an attribute of URLs."""
    methods = _methods()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name, owner = node.func.attr, ast.unparse(node.func.value)
            if name in methods and ("_" in name or "client" in owner):
                yield methods[name]
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and "_" in node.value
            and node.value in methods
        ):
            yield methods[node.value]


def _runtime_calls(tree: ast.Module) -> Iterator[str]:
    """What is posted to `/model/<id>/...`: the last part of the path, written out or chosen inside an f-string."""
    operations = _paths()
    for node in ast.walk(tree):
        if not isinstance(node, ast.JoinedStr) or not _PATH.match("".join(_strings(node))):
            continue
        for text in _strings(node):
            if (last := text.rpartition("/")[2]) in operations:
                yield operations[last]


def target_calls(tree: ast.AST) -> Iterator[str]:
    """Operations named as strings in a module that speaks their service's JSON protocol: `DynamoDB_20120810.` is written."""
    strings = set(_strings(tree))
    for prefix, operations in _targets().items():
        if any(text.startswith(f"{prefix}.") for text in strings):
            yield from (operations[name] for name in strings & set(operations))


def _strings(tree: ast.AST) -> Iterator[str]:
    """Every string in the code, docstrings too: none of these names is an English word."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@cache
def _methods() -> dict[str, str]:
    """boto3 method -> `service:Operation`."""
    session = botocore.session.Session()
    return {
        xform_name(operation): f"{PREFIXES.get(service, service)}:{operation}"
        for service in reversed(SERVICES)
        for operation in session.get_service_model(service).operation_names
    }


@cache
def _targets() -> dict[str, dict[str, str]]:
    """First part of `X-Amz-Target` -> operation -> `service:Operation`."""
    session = botocore.session.Session()
    models = {service: session.get_service_model(service) for service in SERVICES}
    return {
        model.metadata["targetPrefix"]: {name: f"{service}:{name}" for name in model.operation_names}
        for service, model in models.items()
        if "targetPrefix" in model.metadata
    }


@cache
def _paths() -> dict[str, str]:
    """Last part of a path of Bedrock's runtime -> `bedrock:Operation`: `converse-stream` -> `bedrock:ConverseStream`."""
    model = botocore.session.Session().get_service_model("bedrock-runtime")
    uris = {name: model.operation_model(name).http["requestUri"] for name in model.operation_names}
    return {uri.rpartition("/")[2]: f"bedrock:{name}" for name, uri in uris.items() if not uri.endswith("}")}
