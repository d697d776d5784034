"""The roles allow what the code can do, all of it and nothing else: see calls.py for how that is read from the sources."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from tests.deploy.calls import actions_in, canary_actions, gateway_actions, sdk_calls, target_calls
from tests.deploy.combinations import DEEP, KEY, KMS_KEY_ARN, SECRET_ARN
from tests.deploy.conftest import ROOT
from tests.deploy.resolver import Stack

OF_THE_PLATFORM = {"logs:CreateLogStream", "logs:PutLogEvents"}
BEHIND_A_CUSTOMER_KEY = {"kms:Decrypt"}
"""DynamoDB, Secrets Manager and SSM decrypt in the caller's name."""
OF_SIGNED_REQUESTS = {"lambda:InvokeFunction", "lambda:InvokeFunctionUrl"}
"""What the canary's signed GETs and POSTs to the URL need; no SDK call is behind them."""


def _allowed(stack: Stack, role: str) -> Iterator[str]:
    beside = [
        resource["Properties"]
        for resource in stack.resources.values()
        if resource["Type"] == "AWS::IAM::Policy" and role in str(resource["Properties"]["Roles"])
    ]
    for policy in (*stack.properties(role)["Policies"], *beside):
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            yield from [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]


def _everything(stack: Callable[..., Stack], **more: str) -> Stack:
    given: dict[str, str] = {
        "ApiKeyParamName": "/gateway/key",
        "ApiKeySecretArn": SECRET_ARN,
        "KmsKeyArn": KMS_KEY_ARN,
        "MediaBucket": "our-media",
        "ModelAliasesParamName": "/gateway/aliases",
        "SettingsParamName": "/gateway/settings",
        "Table": "true",
        "AuthType": "AWS_IAM",
    }
    return stack(**{**given, **DEEP, **more})


def test_the_gateway_may_do_what_its_code_does_and_nothing_else(stack: Callable[..., Stack]) -> None:
    allowed = set(_allowed(_everything(stack), "GatewayRole"))
    needed = gateway_actions() | OF_THE_PLATFORM | BEHIND_A_CUSTOMER_KEY
    assert needed - allowed == set(), "calls without permission"
    assert allowed - needed == set(), "permissions without a call"


def test_the_canary_may_do_what_its_code_does_and_nothing_else(stack: Callable[..., Stack]) -> None:
    # One key source at a time: the two together are what the code can do.
    allowed = {
        action
        for more in ({"ProbeKeyParamName": "/gateway/probe-key"}, {"ApiKeyParamName": ""})
        for action in _allowed(_everything(stack, **more), "CanaryRole")
    }
    needed = canary_actions() | OF_THE_PLATFORM | BEHIND_A_CUSTOMER_KEY | OF_SIGNED_REQUESTS
    assert needed - allowed == set(), "calls without permission"
    assert allowed - needed == set(), "permissions without a call"


def test_a_plain_deployment_reaches_bedrock_and_its_log_only(stack: Callable[..., Stack]) -> None:
    plain = {action.split(":")[0] for action in _allowed(stack(ApiKey=KEY, Table="false"), "GatewayRole")}
    assert plain == {"bedrock", "logs", "sagemaker"}
    usual = {action.split(":")[0] for action in _allowed(stack(ApiKey=KEY), "GatewayRole")}
    assert usual == plain | {"dynamodb", "lambda"}  # its table, and itself for background responses
    assert set(_allowed(stack(ApiKey=KEY), "CanaryRole")) == OF_THE_PLATFORM


def test_no_action_is_a_wildcard_or_buys_anything(stacks: list[Stack]) -> None:
    for stack in stacks:
        for role in stack.of_type("AWS::IAM::Role"):
            for action in _allowed(stack, role):
                assert "*" not in action
                assert not action.startswith(("aws-marketplace:", "iam:", "sts:"))


def test_policies_fit_into_their_roles(stacks: list[Stack]) -> None:
    """10,240 characters without white space for all inline policies of a role."""
    for stack in stacks:
        for role in stack.of_type("AWS::IAM::Role").values():
            assert len("".join(str([policy["PolicyDocument"] for policy in role["Policies"]]).split())) < 8000


def test_the_reader_of_the_sources_sees_the_calls_there_are() -> None:
    """So that a change of style in the code can't make it blind: a sample of each kind of call."""
    found = gateway_actions()
    assert {"bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"} <= found, "paths of the runtime"
    assert {"bedrock:ListFoundationModels", "bedrock:GetInferenceProfile"} <= found, (
        "tables and calls of the control plane"
    )
    assert {"ssm:GetParameter", "secretsmanager:GetSecretValue", "dynamodb:Query"} <= found, "stores"
    assert {"dynamodb:BatchGetItem", "dynamodb:UpdateItem"} <= found, "requests without an SDK"
    assert {"bedrock:ApplyGuardrail", "bedrock:InvokeTool", "s3:GetObject"} <= found, "members of a request"


def test_a_new_call_is_seen_and_a_word_that_is_none_is_not() -> None:
    code = """
def read(client, url):
    client.get_item(TableName="t")
    self._client().scan(TableName="t")
    return getattr(client, "put_parameter")(url.query("x"))
"""
    assert set(sdk_calls(ast.parse(code))) == {"dynamodb:GetItem", "dynamodb:Scan", "ssm:PutParameter"}


def test_an_operation_counts_where_its_protocol_is_spoken_only() -> None:
    code = 'send("UpdateItem", {{"Item": 1}}); query("Queries"); headers = {{"X-Amz-Target": f"{}.{{operation}}"}}'
    assert set(target_calls(ast.parse(code.format("DynamoDB_20120810")))) == {"dynamodb:UpdateItem"}
    assert set(target_calls(ast.parse(code.format("Elsewhere")))) == set()


def test_no_other_room_speaks_to_aws() -> None:
    paths = [
        path for path in (ROOT / "app").rglob("*.py") if path.parts[len(ROOT.parts) + 1] in ("api", "web", "stages")
    ]
    assert paths
    assert actions_in(paths) - {"bedrock:ApplyGuardrail", "bedrock:InvokeTool"} == set()
