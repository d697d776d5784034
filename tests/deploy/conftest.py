"""The SAM CLI, every stack that matters, and the package as it is staged for this machine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from local import tool_cache
from tests.deploy import staging
from tests.deploy.combinations import combinations
from tests.deploy.resolver import Stack

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "template.yaml"

Transform = Callable[[Sequence[Mapping[str, str]]], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def build() -> Path:
    return staging.staged()


@pytest.fixture(scope="session")
def function(build: Path) -> Path:
    return build / "function"


@pytest.fixture(scope="session")
def slim(build: Path) -> Path:
    return build / "layers/slim/python"


@pytest.fixture(scope="session")
def sam_env() -> Path:
    """The `bin` folder of the environment that holds sam, cfn-lint and a Python with aws-sam-translator."""
    folder = tool_cache.folder("sam", Path(__file__).with_name("requirements.txt"), python=True)
    if not tool_cache.is_ready(folder):
        pytest.skip("the SAM CLI is not installed; ./dev test installs it")
    return folder / "bin"


def _asked(sam_env: Path, parameters: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    request = json.dumps({"template": str(TEMPLATE), "parameters": parameters})
    command = [sam_env / "python", ROOT / "tests/deploy/transform.py"]
    done = subprocess.run(command, input=request, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture(scope="session")
def answered(sam_env: Path) -> dict[str, Any]:
    return _asked(sam_env, [{}])


@pytest.fixture(scope="session")
def source(answered: dict[str, Any]) -> dict[str, Any]:
    """The template as it is written."""
    found: dict[str, Any] = answered["source"]
    return found


@pytest.fixture(scope="session")
def transformed(answered: dict[str, Any]) -> dict[str, Any]:
    """The template as CloudFormation gets it: the same for all parameters, see test_template.py."""
    found: dict[str, Any] = answered["transformed"][0]
    return found


@pytest.fixture(scope="session")
def transform(sam_env: Path) -> Transform:
    """The transformed template for each of several sets of parameters."""

    def run(parameters: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = _asked(sam_env, parameters)["transformed"]
        return found

    return run


@pytest.fixture(scope="session")
def stack(transformed: dict[str, Any]) -> Callable[..., Stack]:
    """The stack that some parameters, beside the defaults, make."""
    return lambda pseudo=None, **given: Stack(transformed, given, pseudo)


@pytest.fixture(scope="session")
def stacks(transformed: dict[str, Any]) -> list[Stack]:
    """The stacks of all combinations, the default one first."""
    return [Stack(transformed, given) for given in combinations()]
