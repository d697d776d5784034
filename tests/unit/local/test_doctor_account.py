"""Which models an account may call: Bedrock's answers, checked against its service model by a Stubber, and what is advised."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.stub import Stubber

from local.doctor import account
from local.doctor.__main__ import main
from local.doctor.account import Model, NoAnswer, models_of

WELL = {
    "agreementAvailability": {"status": "AVAILABLE"},
    "authorizationStatus": "AUTHORIZED",
    "entitlementAvailability": "AVAILABLE",
    "regionAvailability": "AVAILABLE",
}
NOT_AGREED = WELL | {"agreementAvailability": {"status": "NOT_AVAILABLE"}, "entitlementAvailability": "NOT_AVAILABLE"}
ARN = "arn:aws:bedrock:us-east-1::foundation-model/"


@pytest.fixture(autouse=True)
def _one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Stubber wants the calls in their order."""
    monkeypatch.setattr(account, "AT_ONCE", 1)


def summary(name: str, provider: str = "Acme", *, on_demand: bool = True, output: str = "TEXT", **more: Any) -> Any:
    return {
        "modelArn": ARN + name,
        "modelId": name,
        "providerName": provider,
        "outputModalities": [output],
        "inferenceTypesSupported": ["ON_DEMAND" if on_demand else "PROVISIONED"],
        **more,
    }


class Bedrock:
    """A stubbed client; what is added is answered in that order."""

    def __init__(self) -> None:
        session = botocore.session.get_session()
        self.client = session.create_client("bedrock", region_name="us-east-1")
        self.stub = Stubber(self.client)
        self.stub.activate()

    def lists(self, *summaries: Any) -> Bedrock:
        self.stub.add_response("list_foundation_models", {"modelSummaries": list(summaries)})
        return self

    def profiles(self, **profiles: str) -> Bedrock:
        found = [_profile(name.replace("__", "."), model) for name, model in profiles.items()]
        self.stub.add_response("list_inference_profiles", {"inferenceProfileSummaries": found})
        return self

    def says(self, name: str, answer: Any = WELL, **changes: Any) -> Bedrock:
        expected = {"modelId": name}
        self.stub.add_response("get_foundation_model_availability", answer | changes | expected, expected)
        return self

    def fails(self, operation: str, code: str) -> Bedrock:
        self.stub.add_client_error(operation, code, "User: arn:aws:iam::123456789012:user/me is not authorized", 403)
        return self

    def models(self) -> list[Model]:
        found = models_of(self.client)
        self.stub.assert_no_pending_responses()
        return found

    def one(self) -> Model:
        (found,) = self.models()
        return found


def _profile(name: str, model: str) -> dict[str, Any]:
    return {
        "inferenceProfileName": name,
        "inferenceProfileId": name,
        "inferenceProfileArn": f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{name}",
        "models": [{"modelArn": ARN + model}, {"modelArn": ARN.replace("us-east-1", "us-west-2") + model}],
        "status": "ACTIVE",
        "type": "SYSTEM_DEFINED",
    }


@pytest.fixture
def bedrock() -> Iterator[Bedrock]:
    bedrock = Bedrock()
    yield bedrock
    bedrock.stub.deactivate()


def test_a_model_on_demand_is_called_by_its_id(bedrock: Bedrock) -> None:
    found = bedrock.lists(summary("acme.rocket")).profiles(us__acme__rocket="acme.rocket").says("acme.rocket").one()
    assert found == Model("acme.rocket", "Acme", "acme.rocket", "callable")


def test_a_model_that_needs_a_profile_is_called_by_it(bedrock: Bedrock) -> None:
    bedrock.lists(summary("acme.rocket", on_demand=False))
    bedrock.profiles(global__acme__rocket="acme.rocket", us__acme__rocket="acme.rocket").says("acme.rocket")
    assert bedrock.one().call_as == "us.acme.rocket"


def test_a_region_without_the_model_may_have_a_profile_for_it(bedrock: Bedrock) -> None:
    bedrock.lists(summary("acme.rocket"), summary("acme.boat")).profiles(us__acme__rocket="acme.rocket")
    bedrock.says("acme.rocket", regionAvailability="NOT_AVAILABLE").says(
        "acme.boat", regionAvailability="NOT_AVAILABLE"
    )
    boat, rocket = bedrock.models()
    assert (rocket.call_as, rocket.state) == ("us.acme.rocket", "callable")
    assert (boat.call_as, boat.state, boat.advice) == (None, "not in this region", account.ELSEWHERE)


def test_a_model_without_any_way_says_so(bedrock: Bedrock) -> None:
    found = bedrock.lists(summary("acme.rocket", on_demand=False)).profiles().says("acme.rocket").one()
    assert (found.call_as, found.state) == (None, "needs a profile")


def test_a_policy_that_denies_comes_first(bedrock: Bedrock) -> None:
    bedrock.lists(summary("acme.rocket")).profiles()
    found = bedrock.says("acme.rocket", NOT_AGREED, authorizationStatus="NOT_AUTHORIZED").fails(
        "get_use_case_for_model_access", "ResourceNotFoundException"
    )
    assert found.one().state == "not authorised"


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"agreementAvailability": {"status": "PENDING"}}, "subscription pending"),
        ({"agreementAvailability": {"status": "ERROR", "errorMessage": "no payment method"}}, "not subscribed"),
        ({"entitlementAvailability": "NOT_AVAILABLE"}, "not subscribed"),
    ],
)
def test_a_subscription_that_is_missing_is_told(bedrock: Bedrock, changes: Any, state: str) -> None:
    found = bedrock.lists(summary("acme.rocket")).profiles().says("acme.rocket", **changes).one()
    assert (found.call_as, found.state) == (None, state)


def test_of_anthropic_the_form_is_asked_for_once(bedrock: Bedrock) -> None:
    bedrock.lists(summary("anthropic.claude-9", "Anthropic"), summary("acme.rocket")).profiles()
    bedrock.says("anthropic.claude-9", NOT_AGREED).says("acme.rocket", NOT_AGREED)
    bedrock.fails("get_use_case_for_model_access", "ResourceNotFoundException")
    rocket, claude = bedrock.models()
    assert (claude.state, claude.advice) == ("use-case form missing", account.USE_CASE)
    assert (rocket.state, rocket.advice) == ("not subscribed", account.SUBSCRIBE)
    assert "role should not" in rocket.advice


def test_with_the_form_filled_in_a_subscription_is_what_is_missing(bedrock: Bedrock) -> None:
    bedrock.lists(summary("anthropic.claude-9", "Anthropic")).profiles().says("anthropic.claude-9", NOT_AGREED)
    bedrock.stub.add_response("get_use_case_for_model_access", {"formData": b"{}"})
    assert bedrock.one().state == "not subscribed"


def test_without_the_right_to_ask_nothing_is_claimed(bedrock: Bedrock) -> None:
    bedrock.lists(summary("acme.rocket")).fails("list_inference_profiles", "AccessDeniedException")
    found = bedrock.fails("get_foundation_model_availability", "AccessDeniedException").one()
    assert (found.call_as, found.state, found.advice) == ("acme.rocket", "unknown", account.UNKNOWN)


def test_a_legacy_model_can_be_called_but_is_told(bedrock: Bedrock) -> None:
    bedrock.lists(summary("acme.rocket", modelLifecycle={"status": "LEGACY"})).profiles().says("acme.rocket")
    found = bedrock.one()
    assert (found.state, found.advice.split(".")[0]) == ("callable", "legacy")


def test_throughput_variants_and_painters_are_left_out(bedrock: Bedrock) -> None:
    bedrock.lists(
        summary("acme.rocket-v1:0:200k"),
        summary("acme.brush", output="IMAGE"),
        summary("acme.vector", output="EMBEDDING"),
    )
    assert [model.id for model in bedrock.profiles().says("acme.vector").models()] == ["acme.vector"]


def test_problems_come_first(bedrock: Bedrock) -> None:
    bedrock.lists(summary("acme.a"), summary("zeta.z", "Zeta")).profiles().says("acme.a")
    bedrock.says("zeta.z", entitlementAvailability="NOT_AVAILABLE")
    assert [model.id for model in bedrock.models()] == ["zeta.z", "acme.a"]


def test_further_pages_of_profiles_are_read(bedrock: Bedrock) -> None:
    bedrock.lists(summary("acme.rocket", on_demand=False))
    for page in (
        {"inferenceProfileSummaries": [], "nextToken": "2"},
        {"inferenceProfileSummaries": [_profile("us.x", "acme.rocket")]},
    ):
        bedrock.stub.add_response("list_inference_profiles", page)
    assert bedrock.says("acme.rocket").one().call_as == "us.x"


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("ExpiredTokenException", "Renew"),
        ("AccessDeniedException", "bedrock:ListFoundationModels"),
        ("ThrottlingException", ""),
    ],
)
def test_an_account_that_cannot_be_asked_names_the_error_and_nobody(bedrock: Bedrock, code: str, advice: str) -> None:
    bedrock.fails("list_foundation_models", code)
    with pytest.raises(NoAnswer, match=code) as caught:
        bedrock.models()
    assert "123456789012" not in str(caught.value)
    assert advice in caught.value.advice


def shown(bedrock: Bedrock, monkeypatch: pytest.MonkeyPatch, capsys: Any, *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr(account, "client_for", lambda region: bedrock.client)
    code = main(arguments, {})
    return code, capsys.readouterr().out


def test_the_table_groups_what_is_to_be_done(
    bedrock: Bedrock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bedrock.lists(*(summary(f"acme.{name}") for name in ("a", "longer-name", "c"))).profiles()
    for name in ("a", "longer-name"):
        bedrock.says(f"acme.{name}", entitlementAvailability="NOT_AVAILABLE")
    code, text = shown(bedrock.says("acme.c"), monkeypatch, capsys)
    assert code == 0, "what an account has not subscribed to is no failure"
    assert "  acme.a            not subscribed\n  acme.longer-name  not subscribed\n         -> Subscribe once" in text
    assert "  Acme: acme.c\n" in text
    assert "1 of 3 models can be called" in text


def test_for_machines_it_is_one_document(
    bedrock: Bedrock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bedrock.lists(summary("acme.rocket")).profiles().says("acme.rocket")
    code, text = shown(bedrock, monkeypatch, capsys, "--json")
    document = json.loads(text)
    assert (code, document["ok"]) == (0, True)
    expected = {"id": "acme.rocket", "provider": "Acme", "call_as": "acme.rocket", "state": "callable", "advice": ""}
    assert document["models"] == [expected]


def test_an_account_where_nothing_can_be_called_is_a_failure(
    bedrock: Bedrock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(bedrock.lists().profiles(), monkeypatch, capsys)[0] == 1


def test_an_account_that_cannot_be_asked_is_a_failure(
    bedrock: Bedrock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = shown(bedrock.fails("list_foundation_models", "AccessDeniedException"), monkeypatch, capsys)
    assert code == 1
    assert "FAILED   account: ListFoundationModels: AccessDeniedException" in text
    assert "123456789012" not in text


def test_the_region_must_come_from_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    with pytest.raises(NoAnswer, match="no region"):
        account.client_for(None)
    assert account.client_for("eu-west-1").meta.region_name == "eu-west-1"


def test_a_profile_that_does_not_exist_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(NoAnswer, match="ProfileNotFound"):
        account.client_for("eu-west-1")
