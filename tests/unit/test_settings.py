"""Environment variables as settings: what is unset, what is refused, and which defaults depend on where it runs."""

from __future__ import annotations

from typing import Any

import pytest

from app.settings import Settings, SettingsError


def settings(**given: Any) -> Settings:
    return Settings.model_validate(given)


def test_nothing_set_gives_the_defaults() -> None:
    assert Settings.from_env({}) == settings()


def test_an_empty_or_blank_variable_counts_as_unset() -> None:
    environ = {
        (field.alias or name).upper(): blank for name, field in Settings.model_fields.items() for blank in ("", " ")
    }
    assert Settings.from_env(environ) == settings()


def test_the_process_environment_is_read_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "sk-1")
    assert Settings.from_env().api_key == "sk-1"


@pytest.mark.parametrize(("value", "words"), [
    ("https://a.example", ("https://a.example",)),
    (" https://a.example , https://b.example,, ", ("https://a.example", "https://b.example")),
    ("*", ("*",)),
])  # fmt: skip
def test_lists_are_separated_by_commas(value: str, words: tuple[str, ...]) -> None:
    assert Settings.from_env({"ALLOWED_ORIGINS": value}).allowed_origins == words


@pytest.mark.parametrize(("value", "meant"), [
    ("true", True), ("1", True), ("True", True), ("yes", True), ("false", False), ("0", False), ("off", False),
])  # fmt: skip
def test_switches_as_people_write_them(value: str, meant: bool) -> None:
    assert Settings.from_env({"ENABLE_PROMPT_CACHING": value}).enable_prompt_caching is meant


@pytest.mark.parametrize("value", ["INFO", "Info", " info "])
def test_a_log_level_in_any_case(value: str) -> None:
    assert Settings.from_env({"LOG_LEVEL": value}).log_level == "info"


WRONG = [
    ("PORT", "http"), ("PORT", "70000"), ("PORT", "-1"), ("MAX_CONCURRENCY", "0"), ("READ_TIMEOUT", "0"),
    ("PING_INTERVAL", "-3"), ("DEBUG", "maybe"), ("ON_DISCONNECT", "ignore"), ("API_ROUTE_PREFIX", "api/v1"),
    ("API_ROUTE_PREFIX", "/api/v1/"), ("API_ROUTE_PREFIX", "/a b"), ("API_ROUTE_PREFIX", "/{x}"), ("MAX_CHOICES", "0"),
    ("GUARDRAIL_STREAM_MODE", "later"), ("LOG_LEVEL", "loud"), ("MODELS_CACHE_SECONDS", "1.5"),
    ("API_KEY_HASH", "sk-plain"), ("API_KEY_HASH", "ab" * 31), ("ALLOWED_NETWORKS", "192.0.2.0/24, home"),
    ("ALLOWED_NETWORKS", "192.0.2.0/33"), ("AWS_LAMBDA_HTTP_ENDPOINT", "somewhere"),
    ("AWS_LAMBDA_HTTP_ENDPOINT", "127.0.0.1:99999"), ("AWS_LAMBDA_HTTP_ENDPOINT", "65536"), ("AWS_LWA_PORT", "eighty"),
    ("DEADLINE_MARGIN", "-1"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_refused_by_its_variable_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.from_env({name: value, "API_KEY": "sk-hidden"})
    assert name in str(raised.value)
    assert "sk-hidden" not in str(raised.value)
    if len(value) > 3:
        assert value not in str(raised.value).replace(name, "")


def test_all_wrong_values_are_named_at_once() -> None:
    with pytest.raises(SettingsError, match=r"DEBUG.*PORT"):
        Settings.from_env({"PORT": "x", "DEBUG": "x"})


def test_strange_variables_are_none_of_ours() -> None:
    assert Settings.from_env({"PATH": "/bin", "PORTS": "x"}) == settings()


@pytest.mark.parametrize("name", ["API_KEY", "API_KEY_HASH", "API_KEY_SECRET_ARN", "API_KEY_PARAM_NAME"])
def test_any_of_the_ways_to_a_key_will_do(name: str) -> None:
    Settings.from_env({name: "ab" * 32}).require_key()


def test_no_key_names_the_variables() -> None:
    with pytest.raises(SettingsError, match=r"API_KEY .*API_KEY_HASH .*API_KEY_SECRET_ARN .*API_KEY_PARAM_NAME"):
        settings(api_key=" ").require_key()


def test_a_function_starts_without_a_key_because_only_its_answers_can_say_so() -> None:
    Settings.from_env({"AWS_LAMBDA_FUNCTION_NAME": "gateway"}).require_key()


def test_a_hash_in_any_case() -> None:
    assert Settings.from_env({"API_KEY_HASH": " " + "AB" * 32 + "\n"}).api_key_hash == "ab" * 32


@pytest.mark.parametrize(("value", "networks"), [
    ("192.0.2.0/24, 2001:db8::/32", ("192.0.2.0/24", "2001:db8::/32")),
    ("192.0.2.7", ("192.0.2.7/32",)), ("192.0.2.7/24", ("192.0.2.0/24",)), (" , ", ()), ("::1", ("::1/128",)),
])  # fmt: skip
def test_networks(value: str, networks: tuple[str, ...]) -> None:
    assert tuple(map(str, Settings.from_env({"ALLOWED_NETWORKS": value}).allowed_networks)) == networks


@pytest.mark.parametrize(("environ", "port"), [
    ({}, 8000), ({"PORT": "9000"}, 9000), ({"PORT": "9000", "AWS_LWA_PORT": "9001"}, 9001),
    ({"AWS_LWA_PORT": "9001", "AWS_LAMBDA_HTTP_ENDPOINT": "127.0.0.1:9002"}, 9002),
    ({"AWS_LAMBDA_HTTP_ENDPOINT": "http://127.0.0.1:9002/"}, 9002), ({"AWS_LAMBDA_HTTP_ENDPOINT": "9002"}, 9002),
    ({"AWS_LAMBDA_HTTP_ENDPOINT": "[::1]:9002"}, 9002), ({"AWS_LWA_PORT": "0", "PORT": "9000"}, 0),
])  # fmt: skip
def test_the_port_by_whoever_names_it(environ: dict[str, str], port: int) -> None:
    assert Settings.from_env(environ).listens_on == port


@pytest.mark.parametrize(("environ", "invoked"), [
    ({}, False), ({"AWS_LAMBDA_FUNCTION_NAME": "gateway"}, True),
    ({"AWS_LAMBDA_FUNCTION_NAME": "gateway", "AWS_LAMBDA_HTTP_ENDPOINT": "127.0.0.1:9002"}, False),
])  # fmt: skip
def test_headers_of_an_invocation_are_trusted_only_where_an_adapter_sets_them(
    environ: dict[str, str], invoked: bool
) -> None:
    assert Settings.from_env(environ).invoked is invoked


def test_the_key_is_not_in_the_representation() -> None:
    shown = repr(settings(api_key="sk-hidden", api_key_hash="ab" * 32, origin_secret="edge-hidden"))
    assert "hidden" not in shown
    assert "abab" not in shown


@pytest.mark.parametrize(("environ", "drains"), [
    ({}, False),
    ({"AWS_LAMBDA_FUNCTION_NAME": "gateway"}, True),
    ({"AWS_LAMBDA_FUNCTION_NAME": "gateway", "ON_DISCONNECT": "cancel"}, False),
    ({"ON_DISCONNECT": "drain"}, True),
    ({"ON_DISCONNECT": "cancel"}, False),
])  # fmt: skip
def test_abandoned_streams_are_drained_on_lambda_only_unless_told(environ: dict[str, str], drains: bool) -> None:
    assert Settings.from_env(environ).drains is drains
