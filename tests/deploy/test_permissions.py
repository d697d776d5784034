"""Who may call what, in every combination of parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.deploy.combinations import KEY, SECRET_ARN
from tests.deploy.resolver import Stack

URL, INVOKE = "lambda:InvokeFunctionUrl", "lambda:InvokeFunction"


def _permissions(stack: Stack, principal: str) -> list[dict[str, Any]]:
    return [each for each in stack.of_type("AWS::Lambda::Permission").values() if each["Principal"] == principal]


def _statements(stack: Stack, role: str) -> list[dict[str, Any]]:
    policies = stack.properties(role)["Policies"]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def _allowed(stack: Stack, role: str, prefix: str) -> dict[str, Any]:
    """Action -> resource, or resources where it is allowed in several statements, of the actions with this prefix."""
    found: dict[str, Any] = {}
    for statement in _statements(stack, role):
        for action in _listed(statement["Action"]):
            if action.startswith(prefix):
                more = statement["Resource"]
                found[action] = [*_listed(found[action]), *_listed(more)] if action in found else more
    return found


def test_a_public_url_has_both_permissions_and_others_have_none(stacks: list[Stack]) -> None:
    for stack in stacks:
        public = stack.given.get("AuthType", "NONE") == "NONE" and stack.given.get("HttpApi") != "true"
        found = {each["Action"]: each for each in _permissions(stack, "*")}
        assert set(found) == ({URL, INVOKE} if public else set()), stack.given
        assert len(_permissions(stack, "*")) == len(found)
        if public:
            assert found[URL]["FunctionUrlAuthType"] == "NONE"
            assert all(each["FunctionName"] == "Gateway" for each in found.values())


def test_nobody_may_invoke_the_function_past_its_url(stacks: list[Stack]) -> None:
    """Else anybody with an AWS account could call it with a request context, and a source address, of their own making."""
    for stack in stacks:
        for each in stack.of_type("AWS::Lambda::Permission").values():
            if each["Principal"] == "*" and each["Action"] == INVOKE:
                assert each["InvokedViaFunctionUrl"] is True, stack.given
            assert each["Principal"] == "*" or each["SourceArn"], stack.given
            assert each["Action"] in (URL, INVOKE)


def test_only_this_stacks_cloudfront_may_call_where_it_signs(stacks: list[Stack]) -> None:
    for stack in stacks:
        found = {each["Action"]: each for each in _permissions(stack, "cloudfront.amazonaws.com")}
        assert set(found) == ({URL, INVOKE} if stack.given.get("Edge") == "oac" else set()), stack.given
        for each in found.values():
            assert each["SourceArn"] == "arn:aws:cloudfront::123456789012:distribution/EdgeDistribution"
        if found:
            assert found[URL]["FunctionUrlAuthType"] == "AWS_IAM"
            assert found[INVOKE]["InvokedViaFunctionUrl"] is True


def test_only_this_stacks_http_api_may_call(stacks: list[Stack]) -> None:
    for stack in stacks:
        found = _permissions(stack, "apigateway.amazonaws.com")
        assert len(found) == (stack.given.get("HttpApi") == "true"), stack.given
        for each in found:
            assert each["SourceArn"] == "arn:aws:execute-api:us-east-1:123456789012:GatewayApi/*"


def test_keys_are_readable_only_where_they_are_configured(stacks: list[Stack]) -> None:
    for stack in stacks:
        given = stack.given
        secret = given.get("ApiKeySecretArn")
        parameter = given.get("ApiKeyParamName", "").lstrip("/")
        others = [given.get(name, "") for name in ("ModelAliasesParamName", "SettingsParamName")]
        names = {name.lstrip("/") for name in (parameter, *others) if name}
        named = {f"arn:aws:ssm:us-east-1:123456789012:parameter/{name}" for name in names}
        statements = [each for each in _statements(stack, "GatewayRole") if "ssm:" in str(each["Action"])]
        assert {each["Resource"] for each in statements} == named, given
        assert {each["Action"] for each in statements} <= {"ssm:GetParameter"}
        expected = {"secretsmanager:GetSecretValue": SECRET_ARN} if secret else {}
        assert _allowed(stack, "GatewayRole", "secretsmanager:") == expected, given


def test_without_cross_region_only_what_runs_in_this_region_may_be_called(stack: Callable[..., Stack]) -> None:
    calls = ("bedrock:Invoke", "bedrock:CountTokens", "bedrock:ApplyGuardrail")
    stays, leaves = stack(ApiKey=KEY, CrossRegion="false"), stack(ApiKey=KEY)
    named = {
        name for action in calls for found in _allowed(stays, "GatewayRole", action).values() for name in _listed(found)
    }
    assert named
    assert all(name.startswith("arn:aws:bedrock:us-east-1:") for name in named)
    assert not any(":inference-profile/" in name or "guardrail-profile" in name for name in named)
    assert _environment(stays)["ENABLE_CROSS_REGION_INFERENCE"] == "false"
    assert "ENABLE_CROSS_REGION_INFERENCE" not in _environment(leaves)
    assert (
        "arn:aws:bedrock:::foundation-model/*"
        in _allowed(leaves, "GatewayRole", "bedrock:Invoke")["bedrock:InvokeModel"]
    )


def _listed(resource: Any) -> list[str]:
    return resource if isinstance(resource, list) else [resource]


def _environment(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = stack.properties("Gateway")["Environment"]["Variables"]
    return found


def test_the_canary_reads_the_key_that_it_presents_and_no_other(stacks: list[Stack]) -> None:
    for stack in stacks:
        if "CanaryRole" not in stack.resources:
            continue
        variables = stack.properties("CanaryFunction")["Environment"]["Variables"]
        parameter, secret = variables.get("API_KEY_PARAM_NAME", ""), variables.get("API_KEY_SECRET_ARN")
        named = f"arn:aws:ssm:us-east-1:123456789012:parameter/{parameter.lstrip('/')}"
        assert _allowed(stack, "CanaryRole", "ssm:") == ({"ssm:GetParameter": named} if parameter else {}), stack.given
        expected = {"secretsmanager:GetSecretValue": secret} if secret else {}
        assert _allowed(stack, "CanaryRole", "secretsmanager:") == expected, stack.given


def test_the_table_is_open_only_where_it_exists_and_to_its_own(stacks: list[Stack]) -> None:
    for stack in stacks:
        tables = {f"{name}.Arn" for name in stack.of_type("AWS::DynamoDB::Table")}
        if tables and stack.parameters["ExistingTable"]:
            tables = {"arn:aws:dynamodb:us-east-1:123456789012:table/keys-of-old"}
        assert set(_allowed(stack, "GatewayRole", "dynamodb:").values()) == tables, stack.given
        if "CanaryRole" in stack.resources:
            probes = stack.parameters["DeepProbeCentsPerDay"] != "0"
            assert set(_allowed(stack, "CanaryRole", "dynamodb:").values()) == (tables if probes else set()), (
                stack.given
            )


def test_a_customer_key_opens_only_through_the_services_that_use_it(stacks: list[Stack]) -> None:
    for stack in stacks:
        for role in ("GatewayRole", "CanaryRole"):
            if role not in stack.resources:
                continue
            for statement in _statements(stack, role):
                if "kms:Decrypt" in statement["Action"]:
                    assert statement["Resource"] == stack.given["KmsKeyArn"]
                    services = statement["Condition"]["StringEquals"]["kms:ViaService"]
                    assert {name.split(".")[0] for name in services} == {"dynamodb", "secretsmanager", "ssm"}


def test_the_canary_may_call_a_signed_url_and_nothing_more_of_the_function(stacks: list[Stack]) -> None:
    for stack in stacks:
        if "CanaryRole" not in stack.resources:
            continue
        found = _allowed(stack, "CanaryRole", "lambda:")
        signed = stack.given.get("AuthType") == "AWS_IAM"
        assert found == (dict.fromkeys((URL, INVOKE), "Gateway.Arn") if signed else {}), stack.given
        for statement in _statements(stack, "CanaryRole"):
            if statement["Action"] == INVOKE:
                assert statement["Condition"] == {"Bool": {"lambda:InvokedViaFunctionUrl": True}}


def test_roles_are_assumed_by_their_service_and_carry_no_managed_policy(stacks: list[Stack]) -> None:
    services = {
        "GatewayRole": "lambda.amazonaws.com",
        "CanaryRole": "lambda.amazonaws.com",
        "ScheduleRole": "scheduler.amazonaws.com",
    }
    for stack in stacks:
        for name, role in stack.of_type("AWS::IAM::Role").items():
            [trust] = role["AssumeRolePolicyDocument"]["Statement"]
            assert trust["Principal"] == {"Service": services[name]}
            assert not {"ManagedPolicyArns", "RoleName", "PermissionsBoundary"} & set(role)


def test_resources_are_of_this_account_or_of_nobody(stacks: list[Stack]) -> None:
    """Foundation models belong to nobody, buckets to whom they say; every other ARN names this account."""
    for stack in stacks:
        for role in stack.of_type("AWS::IAM::Role"):
            for statement in _statements(stack, role):
                resources = (
                    statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
                )
                for arn in resources:
                    if arn == "*":
                        assert all(action.startswith("bedrock:List") for action in statement["Action"])
                    elif arn.startswith("arn:") and "foundation-model" not in arn and ":s3:" not in arn:
                        assert arn.split(":")[4] == "123456789012", arn


def test_models_may_be_called_wherever_a_profile_routes_to(stacks: list[Stack]) -> None:
    [statement] = [each for each in _statements(stacks[0], "GatewayRole") if each.get("Sid") == "FoundationModels"]
    # The one without a region is what a global profile asks for.
    assert statement["Resource"] == ["arn:aws:bedrock:*::foundation-model/*", "arn:aws:bedrock:::foundation-model/*"]
