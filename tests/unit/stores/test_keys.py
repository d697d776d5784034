"""The configured key: where it is read from, how often, and what happens while it can't be had."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import threading
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from app.core.ports import Caller
from app.errors import GatewayError, Unauthenticated, UpstreamFailure
from app.stores.keys import HashedKey, NoKey, SingleKey
from app.stores.secrets import Unavailable, from_parameter, from_secret, key_source, region_of

SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:gateway-AbCdEf"
PARAMETER_ARN = "arn:aws:ssm:eu-north-1:123456789012:parameter/gateway/key"
US_ARN = "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:gateway-AbCdEf"


class Aws:
    """Secrets Manager and Parameter Store as two dictionaries, behind the client factory. Keeps the calls."""

    def __init__(self, secrets: dict[str, Any] | None = None, parameters: dict[str, str] | None = None) -> None:
        self.secrets = secrets or {}
        self.parameters = parameters or {}
        self.calls: list[tuple[str, str | None]] = []

    def client(self, service: str, region: str | None) -> Aws:
        self.calls.append((service, region))
        return self

    def get_secret_value(self, *, SecretId: str) -> Any:
        value = self.secrets[SecretId]
        return {"SecretBinary": value} if isinstance(value, bytes) else {"SecretString": value}

    def get_parameter(self, *, Name: str, WithDecryption: bool) -> Any:
        assert WithDecryption
        return {"Parameter": {"Value": self.parameters[Name]}}


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        ("sk-plain", "sk-plain"),
        ('{"api_key": "sk-json"}', "sk-json"),
        ('{"api_key": "sk-json", "other": 1}', "sk-json"),
        ("12345", "12345"),
        ('"quoted"', '"quoted"'),
        ("[" * 50_000, "[" * 50_000),
        (b"sk-binary", "sk-binary"),
        (b'{"api_key": "sk-binary"}', "sk-binary"),
    ],
)
def test_secrets_hold_the_key_plainly_or_in_json(secret: str | bytes, key: str) -> None:
    aws = Aws({SECRET_ARN: secret})
    assert from_secret(SECRET_ARN, aws.client) == key
    assert aws.calls == [("secretsmanager", "eu-west-1")]


@pytest.mark.parametrize("secret", ['{"key": "x"}', '{"api_key": 5}', '{"api_key": null}', "{}"])
def test_a_secret_without_the_field_is_no_key(secret: str) -> None:
    with pytest.raises(Unavailable, match="api_key"):
        from_secret(SECRET_ARN, Aws({SECRET_ARN: secret}).client)


def test_a_parameter_holds_the_key_or_names_the_secret() -> None:
    aws = Aws({US_ARN: '{"api_key": "sk-far"}'}, {"/key": "sk-near\n", "/arn": f" {US_ARN}\n", PARAMETER_ARN: "sk-arn"})
    assert from_parameter("/key", aws.client) == "sk-near"
    assert from_parameter("/arn", aws.client) == "sk-far"
    assert from_parameter(PARAMETER_ARN, aws.client) == "sk-arn"
    assert aws.calls == [("ssm", None), ("ssm", None), ("secretsmanager", "us-gov-west-1"), ("ssm", "eu-north-1")]


def test_what_is_named_more_directly_wins() -> None:
    aws = Aws({SECRET_ARN: "secret"}, {"/key": "parameter"})

    def read(key: str = "", secret_arn: str = "", parameter: str = "") -> str:
        return key_source(key=key, secret_arn=secret_arn, parameter=parameter, client=aws.client)()

    assert read("plain", SECRET_ARN, "/key") == "plain"
    assert aws.calls == []
    assert read("", SECRET_ARN, "/key") == "secret"
    assert read("", "", "/key") == "parameter"


def test_regions_of_arns() -> None:
    assert region_of(SECRET_ARN) == "eu-west-1"
    assert region_of("arn:aws:secretsmanager::123456789012:secret:x") is None
    assert region_of("gateway/key") is None
    assert region_of("arn:short") is None


def real(service: str) -> tuple[Any, Stubber]:
    client = boto3.client(
        service, region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x", aws_session_token="x"
    )
    return client, Stubber(client)


def test_the_calls_are_those_of_the_real_clients() -> None:
    secrets, secrets_stub = real("secretsmanager")
    ssm, ssm_stub = real("ssm")
    ssm_stub.add_response(
        "get_parameter",
        {"Parameter": {"Name": "/key", "Type": "SecureString", "Value": SECRET_ARN}},
        {"Name": "/key", "WithDecryption": True},
    )
    secrets_stub.add_response(
        "get_secret_value", {"ARN": SECRET_ARN, "SecretString": '{"api_key": "sk-1"}'}, {"SecretId": SECRET_ARN}
    )
    with secrets_stub, ssm_stub:
        assert (
            from_parameter("/key", lambda service, region: {"ssm": ssm, "secretsmanager": secrets}[service]) == "sk-1"
        )
    secrets.close()
    ssm.close()


def test_failures_of_aws_are_named_without_their_text() -> None:
    secrets, stub = real("secretsmanager")
    stub.add_client_error("get_secret_value", "AccessDeniedException", f"not authorized on {SECRET_ARN}", 400)
    with stub, pytest.raises(Unavailable) as raised:
        from_secret(SECRET_ARN, lambda service, region: secrets)
    assert str(raised.value) == "GetSecretValue: AccessDeniedException"
    secrets.close()

    def broken(service: str, region: str | None) -> Any:
        raise EndpointConnectionError(endpoint_url=SECRET_ARN)

    with pytest.raises(Unavailable) as raised:
        from_parameter("/key", broken)
    assert str(raised.value) == "GetParameter: EndpointConnectionError"


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Store:
    """A source whose answers are set by the test. An exception is raised; reads are counted."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.reads = 0

    def __call__(self) -> str:
        self.reads += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def opens(keys: SingleKey, presented: str) -> bool:
    return asyncio.run(keys.authenticate(presented)) is not None


def failure(keys: SingleKey, presented: str = "sk-1") -> GatewayError:
    with pytest.raises(UpstreamFailure) as raised:
        asyncio.run(keys.authenticate(presented))
    return raised.value


def test_the_key_opens_and_others_do_not() -> None:
    keys = SingleKey(lambda: "sk-1\n")
    assert asyncio.run(keys.authenticate("sk-1")) == Caller("default")
    for other in ("sk-2", "SK-1", "sk-", "sk-11", "sk-1\x00", "x" * 1_000_000, "\ud800", "", "  ", "schlüssel"):
        assert not opens(keys, other)


@given(st.text(min_size=1), st.text())
def test_only_the_same_text_opens(key: str, presented: str) -> None:
    keys = SingleKey(lambda: "k" + key + "k")
    assert opens(keys, "k" + key + "k")
    assert opens(keys, presented) is (presented.strip() == "k" + key + "k")


def test_a_blank_key_is_presented_without_a_read() -> None:
    store = Store(Unavailable("x"))
    assert not opens(SingleKey(store), " \t ")
    assert store.reads == 0


def test_the_key_is_read_when_first_needed_and_hourly() -> None:
    clock, store = Clock(), Store("sk-1", "sk-2")
    keys = SingleKey(store, clock=clock)
    assert store.reads == 0
    assert opens(keys, "sk-1")
    clock.now += 3599
    assert opens(keys, "sk-1")
    assert store.reads == 1
    clock.now += 1
    assert opens(keys, "sk-2")
    assert not opens(keys, "sk-1")
    assert store.reads == 2


def test_a_clock_that_was_set_back_prolongs_nothing() -> None:
    clock, store = Clock(), Store("sk-1", "sk-2")
    keys = SingleKey(store, clock=clock)
    assert opens(keys, "sk-1")
    clock.now -= 10_000
    assert opens(keys, "sk-2")


def test_without_a_key_requests_get_503_and_a_new_attempt_is_made_soon(caplog: pytest.LogCaptureFixture) -> None:
    clock, store = Clock(), Store(Unavailable("GetSecretValue: ThrottlingException"), "sk-1")
    keys = SingleKey(store, clock=clock)
    error = failure(keys)
    assert (error.status, error.code, error.type, error.retry_after) == (503, "key_unavailable", "server_error", 5)
    assert "arn:" not in error.message
    assert "sk-1" not in error.message
    clock.now += 3
    assert failure(keys).retry_after == 2
    assert store.reads == 1
    clock.now += 2
    assert opens(keys, "sk-1")
    assert "GetSecretValue: ThrottlingException" in caplog.text


@pytest.mark.parametrize("blank", ["", " \n"])
def test_a_blank_key_in_the_store_opens_to_nobody(blank: str) -> None:
    assert failure(SingleKey(Store(blank)), "x").status == 503


@pytest.mark.parametrize(
    "problem", [KeyError(f"{SECRET_ARN} sk-1"), RuntimeError("sk-1"), NoCredentialsError(), Unavailable("why")]
)
def test_no_failure_of_the_store_escapes_or_tells_anything(
    problem: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    assert failure(SingleKey(Store(problem))).status == 503
    assert "arn:" not in caplog.text
    assert "sk-1" not in caplog.text
    assert (str(problem) if isinstance(problem, Unavailable) else type(problem).__name__) in caplog.text


def test_the_old_key_stays_in_use_while_a_refresh_fails(caplog: pytest.LogCaptureFixture) -> None:
    clock, store = Clock(), Store("sk-1", Unavailable("down"), "sk-2")
    keys = SingleKey(store, clock=clock)
    assert opens(keys, "sk-1")
    clock.now += 3600
    with caplog.at_level(logging.ERROR):
        assert opens(keys, "sk-1")
    assert "stays in use" in caplog.text
    clock.now += 59
    assert opens(keys, "sk-1")
    assert store.reads == 2
    clock.now += 1
    assert opens(keys, "sk-2")
    assert store.reads == 3


def test_requests_at_once_share_one_read() -> None:
    started, release, reads = threading.Event(), threading.Event(), []

    def slow() -> str:
        reads.append(1)
        started.set()
        assert release.wait(5)
        return "sk-1"

    async def scenario() -> None:
        keys = SingleKey(slow)
        first = asyncio.create_task(keys.authenticate("sk-1"))
        others = [asyncio.create_task(keys.authenticate(f"sk-{n}")) for n in range(50)]
        await asyncio.to_thread(started.wait, 5)
        first.cancel()  # whoever began it may leave without taking it away from the others
        await asyncio.sleep(0)
        release.set()
        results = await asyncio.gather(*others)
        assert first.cancelled()
        assert [caller is not None for caller in results] == [n == 1 for n in range(50)]

    asyncio.run(scenario())
    assert len(reads) == 1


async def opens_soon(keys: SingleKey, presented: str) -> None:
    """Waits until the read under way has come to its end, and its key opens."""
    async with asyncio.timeout(5):
        while True:
            with contextlib.suppress(UpstreamFailure):
                if await keys.authenticate(presented):
                    return
            await asyncio.sleep(0.002)


def test_a_refresh_that_hangs_is_not_waited_for_long() -> None:
    release, answers = threading.Event(), ["sk-1", "sk-2"]

    def read() -> str:
        answer = answers.pop(0)
        if not answers:
            assert release.wait(5)
        return answer

    async def scenario() -> None:
        clock = Clock()
        keys = SingleKey(read, clock=clock, refresh_patience=0.05)
        assert await keys.authenticate("sk-1")
        clock.now += 3600
        assert await keys.authenticate("sk-1")
        clock.now += 0.1
        assert await keys.authenticate("sk-1")  # now without any wait
        release.set()
        await opens_soon(keys, "sk-2")

    asyncio.run(scenario())


def test_a_first_read_that_hangs_is_503_and_goes_on() -> None:
    release = threading.Event()

    def read() -> str:
        assert release.wait(5)
        return "sk-1"

    async def scenario() -> None:
        keys = SingleKey(read, patience=0.02)
        with pytest.raises(UpstreamFailure) as raised:
            await keys.authenticate("sk-1")
        assert raised.value.code == "key_unavailable"
        release.set()
        await opens_soon(keys, "sk-1")

    asyncio.run(scenario())


def test_a_read_that_died_with_its_event_loop_is_begun_anew() -> None:
    started, release, answers = threading.Event(), threading.Event(), ["sk-1", "sk-2"]

    def read() -> str:
        answer = answers.pop(0)
        if answers:
            started.set()
            assert release.wait(5)
        return answer

    async def leave(keys: SingleKey) -> None:
        asking = asyncio.create_task(keys.authenticate("sk-1"))
        await asyncio.to_thread(started.wait, 5)
        asking.cancel()
        release.set()

    keys = SingleKey(read)
    asyncio.run(leave(keys))
    assert opens(keys, "sk-2")


def test_a_reading_left_over_from_another_loop_is_no_obstacle() -> None:
    release, answers = threading.Event(), ["sk-old", "sk-1"]

    def read() -> str:
        answer = answers.pop(0)
        if answers:
            assert release.wait(5)
        return answer

    keys = SingleKey(read, patience=0.02)
    other = asyncio.new_event_loop()
    with pytest.raises(UpstreamFailure):
        other.run_until_complete(keys.authenticate("sk-old"))  # and the loop stands still from here on
    assert opens(keys, "sk-1")
    release.set()
    other.run_until_complete(asyncio.gather(*asyncio.all_tasks(other)))
    other.close()
    assert opens(keys, "sk-1")
    assert opens(keys, "sk-1")


def test_the_key_is_not_kept() -> None:
    keys = SingleKey(Store("sk-very-secret"))
    assert opens(keys, "sk-very-secret")
    kept = {name: value for name, value in vars(keys).items() if name != "_source"}
    assert "sk-very-secret" not in json.dumps(kept, default=repr)


# Keys of which only the hash is known, and no key at all


@given(st.text(min_size=1).filter(str.strip), st.text())
async def test_a_hash_opens_to_its_key_only(key: str, other: str) -> None:
    keys = HashedKey(hashlib.sha256(key.strip().encode("utf-8", "surrogatepass")).hexdigest())
    assert await keys.authenticate(key) == Caller("default")
    assert await keys.authenticate(f"  {key}\n") == Caller("default")
    if other.strip() != key.strip():
        assert await keys.authenticate(other) is None


async def test_the_hash_itself_is_no_key() -> None:
    digest = hashlib.sha256(b"sk-1").hexdigest()
    assert await HashedKey(digest).authenticate(digest) is None


@pytest.mark.parametrize("presented", ["", "sk-any"])
async def test_without_any_key_everybody_is_told_how_to_make_one(presented: str) -> None:
    with pytest.raises(Unauthenticated, match=r"local\.key_hash --new.*ApiKeyHash") as raised:
        await NoKey().authenticate(presented)
    assert (raised.value.status, raised.value.code) == (401, "no_api_key")
