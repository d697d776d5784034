"""What stands in front of the function, and the outputs that lead there."""

from __future__ import annotations

import json
import re
import shlex

from tests.deploy.combinations import KEY, ORIGIN_SECRET
from tests.deploy.resolver import Stack


def test_cloudfront_neither_caches_nor_compresses_nor_drops_headers(stacks: list[Stack]) -> None:
    seen = set()
    for stack in stacks:
        edge = stack.given.get("Edge", "none")
        distributions = stack.of_type("AWS::CloudFront::Distribution")
        assert len(distributions) == (edge != "none"), stack.given
        for distribution in distributions.values():
            seen.add(edge)
            config = distribution["DistributionConfig"]
            behavior, [origin] = config["DefaultCacheBehavior"], config["Origins"]
            assert behavior["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
            assert behavior["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
            assert behavior["Compress"] is False
            assert len(behavior["AllowedMethods"]) == 7
            assert origin["DomainName"] == "GatewayUrl.lambda-url.us-east-1.on.aws"
            assert origin["CustomOriginConfig"]["OriginReadTimeout"] == 60
            sent = {each["HeaderName"]: each["HeaderValue"] for each in origin.get("OriginCustomHeaders", [])}
            assert sent == ({"x-origin-secret": ORIGIN_SECRET} if edge == "secret" else {})
            assert ("OriginAccessControlId" in origin) == (edge == "oac")
            assert stack.properties("Gateway")["Environment"]["Variables"].get("ORIGIN_SECRET") == sent.get(
                "x-origin-secret"
            )
    assert seen == {"secret", "oac"}


def test_an_http_api_replaces_the_url_so_that_its_limits_hold(stacks: list[Stack]) -> None:
    for stack in stacks:
        fronted = stack.given.get("HttpApi") == "true"
        assert len(stack.of_type("AWS::Lambda::Url")) == (not fronted), stack.given
        for stage in stack.of_type("AWS::ApiGatewayV2::Stage").values():
            assert stage["DefaultRouteSettings"] == {"ThrottlingRateLimit": "10", "ThrottlingBurstLimit": "20"}
        for api in stack.of_type("AWS::ApiGatewayV2::Api").values():
            assert "CorsConfiguration" not in api


def test_the_outputs_lead_to_the_gateway_and_hold_no_secret(stacks: list[Stack]) -> None:
    for stack in stacks:
        outputs = stack.outputs
        table = {"TableName"} if stack.parameters["Table"] == "true" else set()
        assert set(outputs) == {"FunctionUrl", "BaseUrl", "Function", "Curl"} | table
        assert outputs["FunctionUrl"].endswith("/")
        assert re.fullmatch(r"https://[^/]+/v1", outputs["BaseUrl"]), outputs["BaseUrl"]
        if stack.given.get("Edge", "none") == "none":
            assert outputs["BaseUrl"] == outputs["FunctionUrl"] + "v1"
        text = json.dumps(outputs)
        assert KEY not in text
        assert ORIGIN_SECRET not in text
        assert all(len(value) <= 1024 for value in outputs.values())


def test_the_curl_is_a_command_that_reads_the_key_from_the_environment(stacks: list[Stack]) -> None:
    for stack in stacks:
        *before, setting, command = stack.outputs["Curl"].split("; ")
        words = shlex.split(command)
        assert words[0] == "curl"
        assert f"{stack.outputs['BaseUrl']}/chat/completions" in words
        headers = [words[place + 1] for place, word in enumerate(words) if word == "-H"]
        plain = stack.parameters["AuthType"] == "NONE"
        assert ("Authorization: Bearer $OPENAI_API_KEY" if plain else "x-api-key: $OPENAI_API_KEY") in headers
        signs = not plain and stack.parameters["Edge"] != "oac"
        assert ("--aws-sigv4" in words) == signs
        assert before == (['eval "$(aws configure export-credentials --format env)"'] if signs else [])
        body = shlex.split(setting)[0].removeprefix("body=")
        assert json.loads(body)["stream"] is True
