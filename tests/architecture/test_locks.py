"""The locks agree with pyproject.toml and with one another, and say nothing about where packages come from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
SLIM = "layers/slim/requirements.txt"
CANARY = "layers/canary/requirements.txt"
LOCAL = "local/requirements.txt"
EVERYTHING = "tests/requirements.txt"
SAM = "tests/deploy/requirements.txt"
LOCKS = [SLIM, CANARY, LOCAL, EVERYTHING, SAM]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(lock: str) -> dict[str, str]:
    """Name -> version."""
    return dict(re.findall(r"^([a-z0-9][a-z0-9.-]*)==([^\s;]+)", (ROOT / lock).read_text(), re.MULTILINE))


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        (SLIM, PROJECT["project"]["dependencies"]),
        (CANARY, PROJECT["dependency-groups"]["canary"]),
        (LOCAL, PROJECT["dependency-groups"]["local"]),
        (EVERYTHING, PROJECT["dependency-groups"]["dev"]),
        (SAM, PROJECT["dependency-groups"]["deploy"]),
    ],
)
def test_what_the_project_asks_for_is_locked(lock: str, wanted: list[str]) -> None:
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(pins(lock)[requirement.name]), "run ./dev lock"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_its_hashes(lock: str) -> None:
    entries = re.split(r"^(?=[a-z0-9])", (ROOT / lock).read_text(), flags=re.MULTILINE)[1:]
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_a_place(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*-(?!-hash=)", text, re.MULTILINE), "an option such as --index-url"


def test_tests_run_on_the_versions_that_are_deployed_and_that_dev_run_has() -> None:
    assert pins(SLIM).items() | pins(CANARY).items() | pins(LOCAL).items() <= pins(EVERYTHING).items()


def test_dev_run_installs_no_two_versions_of_a_package() -> None:
    slim, local = pins(SLIM), pins(LOCAL)
    assert {name: local[name] for name in local.keys() & slim.keys()} == {
        name: slim[name] for name in local.keys() & slim.keys()
    }


def test_dev_run_installs_web_sockets_and_the_layers_for_lambda_do_not() -> None:
    assert [lock for lock in (SLIM, CANARY, LOCAL) if "wsproto" in pins(lock)] == [LOCAL]


@pytest.mark.parametrize("lock", [SLIM, CANARY])
def test_what_is_deployed_depends_on_no_marker(lock: str) -> None:
    """pip judges markers by the Python that runs it, which in CloudShell is not the one that is deployed."""
    assert not re.findall(r"^[a-z].*;.*$", (ROOT / lock).read_text(), re.MULTILINE)
