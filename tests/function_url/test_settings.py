"""The local function is the one of the template, as its parameters stand."""

from __future__ import annotations

import re
from pathlib import Path

from local.function_url.__main__ import parse
from local.function_url.server import TEMPLATE
from local.function_url.settings import Settings

TEXT = (Path(__file__).parents[2] / "template.yaml").read_text()


def default(parameter: str) -> str:
    """As it is written under `Parameters`."""
    match = re.search(rf"^  {parameter}:\n    Type: .*\n(?:    .*\n)*?    Default: (.+)$", TEXT, re.M)
    assert match, parameter
    return match[1]


def resource(name: str) -> str:
    match = re.search(rf"^  {name}:\n    Type: AWS::.*\n(?:(?:    .*)?\n)*", TEXT, re.M)
    assert match, name
    return match[0]


def with_the_adapter(value: str) -> str:
    """The first choice of `!If [UsesWebAdapter, a, b]`."""
    match = re.fullmatch(r'!If \[UsesWebAdapter, "?([^",]+)"?, .*\]', value)
    assert match, value
    return match[1]


def test_memory_and_timeout_are_the_templates_defaults() -> None:
    assert "MemorySize: !Ref MemorySize\n" in resource("Gateway")
    assert "Timeout: !Ref Timeout\n" in resource("Gateway")
    assert Settings().memory == int(default("MemorySize"))
    assert Settings().timeout == int(default("Timeout"))
    assert parse([]).timeout == Settings().timeout


def test_the_adapters_variables_are_the_templates() -> None:
    """All but the port, which environments on one machine can't share."""
    assert default("Adapter") == "web-adapter"
    found = dict(re.findall(r"^ +(AWS_LWA_\w+): (.+)$", resource("Gateway"), re.M))
    assert found.pop("AWS_LWA_PORT")
    assert {name: with_the_adapter(value) for name, value in found.items()} == TEMPLATE


def test_the_invoke_mode_is_the_templates() -> None:
    match = re.search(r"^      InvokeMode: (.+)$", resource("GatewayUrl"), re.M)
    assert match
    assert with_the_adapter(match[1]) == Settings().invoke_mode
