"""What the doctor says of settings that are kept in SSM; the client is botocore's, its answers are stubbed."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.stub import Stubber

from local.doctor import kept
from local.doctor.account import NoAnswer
from local.doctor.findings import Finding, Findings

NAME = "/gateway/settings"


def found(text: str | None) -> Finding:
    """What is told where the parameter has this text; None: where there is none."""
    client = botocore.session.get_session().create_client("ssm", region_name="us-east-1")
    with Stubber(client) as stub:
        if text is None:
            stub.add_client_error("get_parameter", "ParameterNotFound")
        else:
            stub.add_response("get_parameter", {"Parameter": {"Value": text}}, {"Name": NAME, "WithDecryption": True})
        return told(lambda service, region: client)


def told(client: Any) -> Finding:
    findings = Findings(show=False)
    kept.examine(findings, {"SETTINGS_PARAM_NAME": NAME}, client)
    [only] = findings.all
    return only


def test_settings_that_can_be_used_are_named_without_their_values() -> None:
    finding = found('{"guardrail_id": "gr-hidden", "IMAGE_FETCH": "off"}')
    assert finding.status == "ok"
    assert "GUARDRAIL_ID, IMAGE_FETCH" in finding.detail
    assert "hidden" not in finding.detail
    assert "nothing" in found("{}").detail


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "JSON object"),
        ('{"API_KEY": "hidden"}', "'API_KEY'"),
        ('{"MAX_TOOLS": "hidden"}', "MAX_TOOLS"),
        (None, "NotFound"),
    ],
)
def test_settings_that_cannot_be_used_are_a_failure(text: str | None, says: str) -> None:
    finding = found(text)
    assert finding.status == "failed"
    assert says in finding.detail
    assert finding.advice
    assert "hidden" not in finding.detail


def test_without_credentials_it_is_skipped() -> None:
    def none(service: str, region: str | None) -> Any:
        raise NoAnswer("no AWS credentials were found", "Log in.")

    assert told(none).status == "skipped"
