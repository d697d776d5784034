"""`./dev deploy`: stages, builds and deploys the stack after three questions, and prints what programs need.

The questions are the stack's name, the region and the key. Of the key only its hash leaves this machine. The answers, and
further parameters given as `Name=Value`, are remembered in `.deploy.json`, which git ignores; no key is in it. Standard library
only, so that it also runs in CloudShell. Exit codes: 0; 1 where a step failed; 2 wrong use.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from local.key_hash import digest, new_key

ROOT = Path(__file__).resolve().parent.parent
ANSWERS = ROOT / ".deploy.json"
STACK = "bedrock-gateway"
KEYS = ("ApiKey", "ApiKeyHash", "ApiKeyParamName", "ApiKeySecretArn")
_KEY = re.compile(r"[!-~]{20,256}")
"""The template's rule for ApiKey."""
_STACK = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_WORD = re.compile(r"[\w./:@,+*-]+")
_PARAMETER = re.compile(r"[A-Za-z0-9]{1,64}")


class Failed(Exception):
    """Nothing more can be done. `code`: 2 for wrong use."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


@dataclass
class Answers:
    stack: str = STACK
    region: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


def main(arguments: Sequence[str] | None = None) -> int:
    flags = _parser().parse_args(arguments)
    try:
        _require_tools()
        answers = remembered()
        answers.parameters |= given(flags.parameters)
        key = asked(answers, flags)
        remember(answers)
        build()
        deploy(answers, confirm=not flags.yes)
        finish(answers, key)
    except Failed as problem:
        print(f"deploy: {problem}", file=sys.stderr)
        return problem.code
    except (KeyboardInterrupt, EOFError):
        print("\ndeploy: stopped; nothing more is changed", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./dev deploy",
        description="Deploy the gateway to your AWS account, after three questions.",
        epilog="Name=Value sets a parameter of the template, Name= takes it back to its default; both are remembered.",
    )
    parser.add_argument("parameters", nargs="*", metavar="Name=Value")
    parser.add_argument("--stack", help=f"the stack's name (default: {STACK}, or the last one)")
    parser.add_argument("--region", help="the AWS region")
    parser.add_argument("--new-key", action="store_true", help="make a new key, whatever was deployed before")
    parser.add_argument("--yes", action="store_true", help="ask nothing: take the answers from before or the defaults")
    return parser


def _require_tools() -> None:
    if missing := [name for name in ("sam", "aws") if shutil.which(name) is None]:
        raise Failed(
            f"{' and '.join(missing)} is not installed. AWS CloudShell has both; elsewhere: "
            "https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/install-sam-cli.html"
        )


def remembered() -> Answers:
    """The answers of the last time. Raises Failed for a file that holds something else."""
    try:
        found = json.loads(ANSWERS.read_text())
        answers = Answers(**found)
        texts = [answers.stack, answers.region, *answers.parameters, *answers.parameters.values()]
        if not all(isinstance(text, str) for text in texts):
            raise TypeError
    except FileNotFoundError:
        return Answers()
    except (OSError, ValueError, TypeError, AttributeError):
        raise Failed(f"{ANSWERS.name} cannot be read. Mend or remove it.") from None
    return answers


def remember(answers: Answers) -> None:
    kept = asdict(answers) | {"parameters": {name: value for name, value in answers.parameters.items() if value}}
    ANSWERS.write_text(json.dumps(kept, indent=2) + "\n")
    ANSWERS.chmod(0o600)


def given(words: Sequence[str]) -> dict[str, str]:
    """`Name=Value` words. Raises Failed, also for a key, which would stand in a file and in the list of processes."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not _PARAMETER.fullmatch(name):
            raise Failed(f"{word[:40]!r} is not of the form Name=Value.", 2)
        if name == "ApiKey" and value not in ("", "-"):
            raise Failed("Give no key as an argument: leave it out, and you are asked for it.", 2)
        found[name] = value
    return found


def asked(answers: Answers, flags: argparse.Namespace) -> str:
    """Fills the answers. Returns the key, empty where the one from before stays."""
    usual = os.environ.get("AWS_REGION", "") or os.environ.get("AWS_DEFAULT_REGION", "")
    region = flags.region or answers.region or usual
    answers.stack = _answer("Stack name", flags.stack or answers.stack, _STACK, ask=not (flags.yes or flags.stack))
    answers.region = _answer("Region", region, _REGION, ask=not (flags.yes or flags.region))
    has_key = any(answers.parameters.get(name) for name in KEYS)
    if has_key and not flags.new_key:
        if flags.yes or not _typed("Key [Enter: the one from before; n: a new one]"):
            return ""
        key = new_key()
    else:
        key = new_key() if flags.yes or flags.new_key else _key()
    answers.parameters = {name: value for name, value in answers.parameters.items() if name not in KEYS}
    answers.parameters |= {"ApiKey": "-", "ApiKeyHash": digest(key)}  # an ApiKey of before would stay otherwise
    return key


def _answer(question: str, default: str, rule: re.Pattern[str], *, ask: bool) -> str:
    while True:
        answer = (_typed(f"{question} [{default}]" if default else question) or default) if ask else default
        if rule.fullmatch(answer):
            return answer
        problem = f"{answer[:40]!r} is no {question.lower()}." if answer else f"A {question.lower()} is needed."
        if not ask:
            raise Failed(problem, 2)
        print(problem)


def _typed(question: str) -> str:
    return input(f"{question}: ").strip()


def _key() -> str:
    while True:
        key = getpass.getpass("Key for your programs [Enter: a new one is made]: ").strip()
        if not key:
            return new_key()
        if _KEY.fullmatch(key):
            return key
        print("A key has 20 to 256 letters, digits and punctuation marks, and no spaces.")


def build() -> None:
    _run(["./prepare_source.sh"])
    _run(["sam", "build"])


def deploy(answers: Answers, *, confirm: bool) -> None:
    """SAM shows what would change, and asks."""
    values = [f"{name}={_quoted(value)}" for name, value in sorted(answers.parameters.items()) if value]
    _run(
        [
            *("sam", "deploy", "--stack-name", answers.stack, "--region", answers.region),
            "--confirm-changeset" if confirm else "--no-confirm-changeset",
            *(("--parameter-overrides", *values) if values else ()),
        ]
    )


def _quoted(value: str) -> str:
    """As SAM reads it: quotes around what a word alone can't be."""
    return value if _WORD.fullmatch(value) else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def finish(answers: Answers, key: str) -> None:
    outputs = _outputs(answers)
    table = outputs.get("TableName")
    if table:
        _protect(table, answers.region)
    print("\nThe gateway is deployed. For your programs:\n")
    print(f"export OPENAI_BASE_URL={outputs.get('BaseUrl', '')}")
    print(f"export OPENAI_API_KEY={key or '...      # the key from before'}")
    if key:
        print("\nThe key is shown this once; keep it safe.")
    print("\nExamine the deployment: ./dev doctor --wait 60")
    if table:
        print(f"Keys, budgets and usage: export TABLE_NAME={table}, then ./dev keys and ./dev report")


def _outputs(answers: Answers) -> Mapping[str, str]:
    where = ("--stack-name", answers.stack, "--region", answers.region)
    shown = ("--query", "Stacks[0].Outputs", "--output", "json")
    text = _said(["aws", "cloudformation", "describe-stacks", *where, *shown])
    try:
        return {each["OutputKey"]: each["OutputValue"] for each in json.loads(text)}
    except (ValueError, TypeError, KeyError):
        raise Failed(
            "The stack is deployed, but its outputs could not be read: sam list stack-outputs shows them."
        ) from None


def _protect(table: str, region: str) -> None:
    """Not in the template, where it would block the rollback of a first deployment that fails."""
    where = ("--table-name", table, "--region", region)
    command = ["aws", "dynamodb", "update-table", *where, "--deletion-protection-enabled"]
    if subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL).returncode:
        print(f"Deletion protection of the table could not be switched on. Later: {' '.join(command)}", file=sys.stderr)


def _run(command: Sequence[str]) -> None:
    print(f"\n$ {command[0]} {command[1] if len(command) > 1 else ''}".rstrip(), flush=True)
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise Failed(f"{' '.join(command[:2])} failed; what it printed says why. Nothing after it was done.")


def _said(command: Sequence[str]) -> str:
    done = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise Failed(f"{' '.join(command[:3])} failed; what it printed says why.")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
