"""`./dev deploy` over fake tools: what it asks, runs, remembers and prints, and that the key stays here."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from local import deploy
from local.key_hash import digest

KEY = "sk-0123456789abcdefghij"
OUTPUTS = [
    {"OutputKey": "BaseUrl", "OutputValue": "https://id.lambda-url.eu-west-1.on.aws/v1"},
    {"OutputKey": "TableName", "OutputValue": "gateway-StateTable-1"},
]
FAKE = """#!/bin/sh
printf '%s' "$(basename "$0")" >> '{log}'
for word; do printf ' %s' "$word" >> '{log}'; done
echo >> '{log}'
case "$(basename "$0") $1 $2" in
'{fails}'*) exit 1 ;;
"aws cloudformation"*) cat <<'END'
{outputs}
END
esac
"""


class Ground:
    """A folder with fake tools; `calls` are what they were called with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.asked: list[str] = []
        self.outputs = json.dumps(OUTPUTS)

    def tools(self, fails: str = "nothing") -> None:
        (self.folder / "bin").mkdir(exist_ok=True)
        for path in ("bin/sam", "bin/aws", "prepare_source.sh"):
            tool = self.folder / path
            tool.write_text(FAKE.format(log=self.log, fails=fails, outputs=self.outputs))
            tool.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    made = Ground(tmp_path)
    made.tools()
    monkeypatch.setattr(deploy, "ROOT", tmp_path)
    monkeypatch.setattr(deploy, "ANSWERS", tmp_path / ".deploy.json")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    return made


@pytest.fixture
def answer(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What the person types, in order; a key apart, since it is not echoed."""

    def given(*answers: str, keys: tuple[str, ...] = ()) -> None:
        typed, hidden = iter(answers), iter(keys)

        def ask(question: str) -> str:
            ground.asked.append(question)
            return next(typed)

        def ask_key(question: str) -> str:
            ground.asked.append(question)
            return next(hidden)

        monkeypatch.setattr("builtins.input", ask)
        monkeypatch.setattr(getpass, "getpass", ask_key)

    return given


def test_three_questions_deploy_the_gateway(
    ground: Ground, answer: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    answer("", "", keys=("too short", KEY))
    assert deploy.main([]) == 0
    assert len(ground.asked) == 4, "stack, region, and the key twice because the first was too short"
    hashed = digest(KEY)
    assert ground.calls == [
        "prepare_source.sh",
        "sam build",
        "sam deploy --stack-name bedrock-gateway --region eu-west-1 --confirm-changeset "
        f"--parameter-overrides ApiKey=- ApiKeyHash={hashed}",
        "aws cloudformation describe-stacks --stack-name bedrock-gateway --region eu-west-1 "
        "--query Stacks[0].Outputs --output json",
        "aws dynamodb update-table --table-name gateway-StateTable-1 --region eu-west-1 --deletion-protection-enabled",
    ]
    shown = capsys.readouterr().out
    assert "export OPENAI_BASE_URL=https://id.lambda-url.eu-west-1.on.aws/v1\n" in shown
    assert f"export OPENAI_API_KEY={KEY}\n" in shown
    assert "TABLE_NAME=gateway-StateTable-1" in shown
    kept = (ground.folder / ".deploy.json").read_text()
    assert json.loads(kept)["parameters"] == {"ApiKey": "-", "ApiKeyHash": hashed}
    assert KEY not in kept + ground.log.read_text()
    assert (ground.folder / ".deploy.json").stat().st_mode & 0o777 == 0o600


def test_the_next_time_the_answers_are_the_ones_from_before(
    ground: Ground, answer: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    answer("mine", "us-west-2", keys=(KEY,))
    assert (
        deploy.main(["DefaultModel=fast", "AllowedOrigins=https://a.test, https://b.test", "ReservedConcurrency=5"])
        == 0
    )
    answer("", "", "")
    assert deploy.main(["ReservedConcurrency="]) == 0
    assert ground.asked[-3:] == [
        "Stack name [mine]: ",
        "Region [us-west-2]: ",
        "Key [Enter: the one from before; n: a new one]: ",
    ]
    last = [call for call in ground.calls if call.startswith("sam deploy")][-1]
    assert last == (
        "sam deploy --stack-name mine --region us-west-2 --confirm-changeset --parameter-overrides "
        f'AllowedOrigins="https://a.test, https://b.test" ApiKey=- ApiKeyHash={digest(KEY)} DefaultModel=fast'
    )
    assert "the key from before" in capsys.readouterr().out


def test_without_questions_a_key_is_made(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    assert deploy.main(["--yes"]) == 0
    (key,) = (line.partition("=")[2] for line in capsys.readouterr().out.splitlines() if "OPENAI_API_KEY" in line)
    assert f"ApiKeyHash={digest(key)}" in ground.log.read_text()
    assert deploy.main(["--yes", "--new-key"]) == 0
    assert len({call for call in ground.calls if call.startswith("sam deploy")}) == 2
    assert "--no-confirm-changeset" in ground.calls[2]


def test_a_key_parameter_of_ones_own_is_left_alone(ground: Ground, answer: Callable[..., None]) -> None:
    answer("", "", "")
    assert deploy.main(["ApiKeyParamName=/gateway/key"]) == 0
    assert ground.calls[2].endswith("--parameter-overrides ApiKeyParamName=/gateway/key")


@pytest.mark.parametrize(
    ("fails", "said"),
    [
        ("prepare_source.sh", "./prepare_source.sh failed"),
        ("sam build", "sam build failed"),
        ("sam deploy", "sam deploy failed"),
        ("aws cloudformation", "aws cloudformation describe-stacks failed"),
    ],
)
def test_a_step_that_fails_ends_it(ground: Ground, capsys: pytest.CaptureFixture[str], fails: str, said: str) -> None:
    ground.tools(fails)
    assert deploy.main(["--yes"]) == 1
    assert said in capsys.readouterr().err
    assert ground.calls[-1].startswith(fails)


def test_a_table_that_could_not_be_protected_is_told_with_the_command(
    ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    ground.tools("aws dynamodb")
    assert deploy.main(["--yes"]) == 0
    assert "update-table --table-name gateway-StateTable-1" in capsys.readouterr().err


def test_outputs_that_cannot_be_read_are_no_success(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    ground.outputs = "null"
    ground.tools()
    assert deploy.main(["--yes"]) == 1
    assert "sam list stack-outputs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "Name=Value"),
        ([f"ApiKey={KEY}"], "no key as an argument"),
        (["--yes", "--region", "Frankfurt"], "is no region"),
        (["--yes", "--stack", "a_b"], "is no stack name"),
    ],
)
def test_wrong_use_runs_nothing(
    ground: Ground, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert deploy.main(arguments) == 2
    problem = capsys.readouterr().err
    assert said in problem
    assert KEY not in problem
    assert not ground.log.exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"stack": 5}', '{"parameters": {"A": 1}}', '{"other": ""}'])
def test_answers_that_somebody_edited_are_told(ground: Ground, capsys: pytest.CaptureFixture[str], text: str) -> None:
    (ground.folder / ".deploy.json").write_text(text)
    assert deploy.main(["--yes"]) == 1
    assert "cannot be read" in capsys.readouterr().err
    assert not ground.log.exists()


def test_missing_tools_are_named(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(ground.folder))
    assert deploy.main([]) == 1
    assert "sam and aws is not installed" in capsys.readouterr().err


def test_somebody_who_stops_it_changes_nothing(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", stop)
    assert deploy.main([]) == 1
    assert not ground.log.exists()
