"""What SAM and its linter say of the template: `sam validate` transforms it, `--lint` and cfn-lint know types and values."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.conftest import ROOT, TEMPLATE, Transform

Done = subprocess.CompletedProcess[str]


def _run(command: list[str | Path], folder: Path, answers: str = "", **more: str) -> Done:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_"))}
    env |= {"AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0", "NO_COLOR": "1"}
    # Nothing of the machine's own: neither credentials nor answers that an earlier deployment saved.
    # Nor the network: SAM asks the package index for a newer version of itself, unless it did so lately.
    env |= {"HOME": str(folder), "AWS_EC2_METADATA_DISABLED": "true", "HTTPS_PROXY": "http://127.0.0.1:9"} | more
    return subprocess.run(
        command, cwd=folder, env=env, input=answers, capture_output=True, text=True, check=False, timeout=180
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout that has the two files that SAM reads, and nothing staged."""
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.fixture
def staged(project: Path) -> Path:
    """The same with a small `build/` in the shape that prepare_source.sh gives it."""
    files = {
        "function/run.sh": "#!/bin/sh\n",
        "function/app/__init__.py": "",
        "function/app/__pycache__/__init__.cpython-313.pyc": "compiled",
        "canary/app/canary/handler.py": "def handler(event, context): ...\n",
        "layers/slim/python/pydantic/__init__.py": "",
        "layers/embeddings/python/cl100k_vocabulary/__init__.py": "",
    }
    for name, content in files.items():
        path = project / "build" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (project / "build/function/run.sh").chmod(0o755)
    return project


def test_the_transform_takes_the_template(sam_env: Path, project: Path) -> None:
    done = _run([sam_env / "sam", "validate"], project)
    assert done.returncode == 0, done.stdout + done.stderr
    # samconfig.toml has not turned it into a linter, which misses what only the transform refuses.
    assert "according to basic SAM Validation" in done.stdout


def test_sam_finds_nothing_to_lint(sam_env: Path, project: Path) -> None:
    done = _run([sam_env / "sam", "validate", "--lint"], project)
    assert done.returncode == 0, done.stdout + done.stderr


def test_cfn_lint_has_no_complaint_not_even_an_informal_one(sam_env: Path, project: Path) -> None:
    done = _run([sam_env / "cfn-lint", "--include-checks", "I", "--template", "template.yaml"], project)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_no_rule_of_the_linter_is_switched_off(source: Mapping[str, Any]) -> None:
    assert set(source["Metadata"]) == {"AWS::CloudFormation::Interface"}
    assert not [
        name for name, resource in source["Resources"].items() if set(resource.get("Metadata", {})) - {"SkipBuild"}
    ]


def test_build_needs_neither_docker_nor_the_runtimes_python(sam_env: Path, staged: Path) -> None:
    # No docker, no python3.13, no pip: nothing of theirs is on the PATH.
    done = _run(["/usr/bin/env", "PATH=/nonexistent", sam_env / "sam", "build"], staged)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Build Succeeded" in done.stdout


def test_a_built_template_points_at_the_staged_folders(sam_env: Path, staged: Path) -> None:
    assert _run([sam_env / "sam", "build"], staged).returncode == 0
    built = staged / ".aws-sam/build"
    places = re.findall(r"(?:CodeUri|ContentUri): (\S+)", (built / "template.yaml").read_text())
    assert sorted((built / place).resolve().relative_to(staged / "build").as_posix() for place in places) == [
        "canary",
        "function",
        "layers/embeddings",
        "layers/slim",
    ]


def test_what_is_uploaded_holds_compiled_files_and_runs(sam_env: Path, staged: Path, tmp_path: Path) -> None:
    """SAM's own builder leaves `__pycache__` out when it copies, which costs half a second per cold start."""
    assert _run([sam_env / "sam", "build"], staged).returncode == 0
    assert [path.name for path in (staged / ".aws-sam/build").iterdir()] == ["template.yaml"], "something was copied"
    zipped = tmp_path / "function"
    script = f"from samcli.lib.package.utils import make_zip_with_lambda_permissions as z; z({str(zipped)!r}, 'build/function')"
    done = _run([sam_env / "python", "-c", script], staged)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(zipped.with_suffix(".zip")) as archive:
        modes = {info.filename: info.external_attr >> 16 & 0o777 for info in archive.infolist()}
    assert "app/__pycache__/__init__.cpython-313.pyc" in modes
    assert modes["run.sh"] & 0o111 == 0o111


def test_a_deployment_without_staging_says_what_is_missing(sam_env: Path, project: Path) -> None:
    """`sam build` does not notice (it builds nothing); the upload does, and names the folder."""
    assert _run([sam_env / "sam", "build"], project).returncode == 0
    done = _run([sam_env / "sam", "package", "--s3-bucket", "none"], project)
    assert done.returncode != 0
    assert "build/function" in done.stderr
    assert "does not exist" in done.stderr


def test_a_guided_deployment_needs_one_answer(sam_env: Path, staged: Path) -> None:
    """The return key does for all questions but the key; none is about a URL without authentication, whose default answer
    would end the deployment. It gets as far as the first call of AWS, where there is none."""
    assert _run([sam_env / "sam", "build"], staged).returncode == 0
    aws = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    answers = "\n\n" + "a-key-of-at-least-20-characters\n" + "\n" * 80
    done = _run([sam_env / "sam", "deploy", "--guided"], staged, answers, **aws, **keys)
    asked = re.findall(r"Parameter (\w+)", done.stdout + done.stderr)
    assert asked[:2] == ["ApiKey", "ApiKeyHash"], "the hidden question was asked once"
    assert len(asked) == len(set(asked)) > 20
    assert "Looking for resources needed for deployment" in done.stdout
    assert "authentication" not in done.stdout


def test_the_transform_is_the_same_for_all_parameters(transform: Transform) -> None:
    """So that resolving one transformed template, as the other tests do, stands for all deployments."""
    sets = [
        {},
        {"AuthType": "AWS_IAM", "Architecture": "x86_64", "Runtime": "python3.14", "Adapter": "mangum"},
        {"HttpApi": "true", "Adapter": "mangum", "Canary": "false", "EmbeddingsTokenizer": "false"},
        {"Table": "true", "TableDeletionPolicy": "Retain", "Edge": "secret", "MemorySize": "1024"},
    ]
    first, *others = transform(sets)
    assert all(other == first for other in others)


def test_the_configuration_asks_for_no_more_than_the_template_needs() -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    deploy = config["default"]["deploy"]["parameters"]
    assert deploy["capabilities"] == "CAPABILITY_IAM", "roles have generated names, and nothing is nested"
    assert deploy["resolve_s3"] is True
    assert deploy["fail_on_empty_changeset"] is False
    assert config["default"]["build"]["parameters"] == {"parallel": True}
    assert set(config["default"]["validate"]["parameters"]) == {"region"}, "lint = true would switch the transform off"
    assert "parameter_overrides" not in deploy, "parameters have defaults; a person's own, and keys, are not committed"


def test_the_template_has_no_yaml_aliases() -> None:
    """CloudFormation's documentation names them among what it does not take."""
    assert not re.search(r"(?m)(?:^|[\s\[{,])[&*][A-Za-z][\w-]*\s*(?:$|[,\]}])", TEMPLATE.read_text())
