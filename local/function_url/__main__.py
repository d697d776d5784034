"""What `./dev lambda` runs: the emulator, a table, the local Function URL over the staged build, and the lines to paste.

Started as `python -m local.function_url` inside the virtual environment. The emulator is left out with `--aws`, or where
the environment names an endpoint already. Whatever ends this process ends all that it started.
"""

from __future__ import annotations

import argparse
import http.client
import os
import secrets
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from local.aws_preflight import require_configuration
from local.dev_server import (
    ENDPOINTS,
    MODEL,
    gateway_environment,
    instructions,
    port_number,
    running,
    start_emulator,
)
from local.dev_table import DevTable
from local.family import HOST, Failed, Family, free_port, supervised
from local.function_url import adapter, build
from local.function_url.logs import Line
from local.function_url.server import FunctionUrl
from local.running import FILE, announced

PASSED_ON = (  # of AWS's variables; the settings of the gateway come from its own list
    "AWS_ACCESS_KEY_ID",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_CA_BUNDLE",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "HTTPS_PROXY",
    "NO_PROXY",
    "https_proxy",
    "no_proxy",
)
NOT_PASSED_ON = {"PORT", "AWS_LWA_PORT", "AWS_LAMBDA_HTTP_ENDPOINT", "AWS_LAMBDA_FUNCTION_NAME"}
FIRST_ANSWER = 60.0

_saying = threading.Lock()


def main(arguments: list[str]) -> int:
    flags = parse(arguments)
    return supervised(lambda family: compose(flags, family))


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev lambda", description="The staged build on a local Function URL.")
    parser.add_argument("--port", type=port_number, metavar="N", default=8000, help="default: 8000; 0 takes any")
    parser.add_argument("--aws", action="store_true", help="the real Bedrock, with your AWS credentials")
    parser.add_argument(
        "--build", type=Path, metavar="DIR", help="default: .tools/local-build, staged when out of date"
    )
    parser.add_argument("--concurrency", type=int, metavar="N", default=100, help="environments at most; default: 100")
    parser.add_argument("--timeout", type=float, metavar="S", default=900.0, help="of an invocation; default: 900")
    parser.add_argument("--no-freeze", action="store_true", help="let the processes run between two requests")
    parser.add_argument(
        "--ages", type=float, nargs=2, metavar=("MIN", "MAX"), help="end environments at random ages, in seconds"
    )
    parser.add_argument("--announce", type=Path, default=FILE, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def compose(flags: argparse.Namespace, family: Family) -> NoReturn:
    """Start what is needed, say how to use it, and watch it until a signal or a failure."""
    if flags.aws:
        require_configuration()
    program = adapter.find_or_build(os.environ)
    folder = flags.build or build.current()
    port = free_port(flags.port)
    given = dict(os.environ)
    endpoint = next((given[name] for name in ENDPOINTS if given.get(name)), "")
    emulated = not flags.aws and not endpoint
    table = DevTable(given, aws=flags.aws, emulated=emulated)
    table.start(family)
    if emulated:
        endpoint = start_emulator(family, given)
    key = given.get("API_KEY") or f"sk-local-{secrets.token_urlsafe(24)}"
    env = gateway_environment(given, port=0, key=key, endpoint="" if flags.aws else endpoint, emulated=emulated)
    env = table.environment(env)
    table.wait(family)
    upstream = f"the Bedrock emulator on {endpoint}" if emulated else endpoint or "Amazon Bedrock"
    with function(flags, folder, env, program, port) as url:
        await_answer(port)
        with announced(running(port, env), flags.announce):
            say(instructions(port, key, env.get("DEFAULT_MODEL") or MODEL, upstream, table))
            print(differences(url), file=sys.stderr, flush=True)
            while True:
                family.check()
                time.sleep(0.5)


def function(flags: argparse.Namespace, folder: Path, env: Mapping[str, str], program: Path, port: int) -> FunctionUrl:
    """The function over its build, not started yet. Raises Failed."""
    return FunctionUrl(
        folder,
        function_environment(env),
        adapter=program,
        port=port,
        echo=echo,
        region=region_of(env),
        timeout=flags.timeout,
        concurrency=flags.concurrency,
        freeze=not flags.no_freeze,
        ages=tuple(flags.ages) if flags.ages else None,
    )


def region_of(env: Mapping[str, str]) -> str:
    """The environment's region, or the one of the AWS configuration file, or us-east-1."""
    named = env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION")
    if named:
        return named
    import botocore.session

    return botocore.session.Session().get_config_variable("region") or "us-east-1"


def function_environment(env: Mapping[str, str]) -> dict[str, str]:
    """The function's variables out of the caller's: endpoints, credentials and the gateway's settings, and nothing else.

    Profiles and configuration files are read here: a function has credentials in its environment. Raises Failed.
    """
    from app.settings import Settings  # the list of settings; 100 ms that the other uses of this module need not

    names = {(field.alias or name).upper() for name, field in Settings.model_fields.items()} - NOT_PASSED_ON
    names |= set(PASSED_ON) | {name for name in env if name.startswith("AWS_ENDPOINT_URL")}
    passed = {name: env[name] for name in names if env.get(name)}
    if not passed.get("AWS_ACCESS_KEY_ID") and not passed.get("AWS_BEARER_TOKEN_BEDROCK"):
        import botocore.session

        found = botocore.session.Session().get_credentials()
        if found is None:
            raise Failed("No AWS credentials were found. `aws configure` or `aws sso login`, or leave out --aws.")
        frozen = found.get_frozen_credentials()
        passed |= {"AWS_ACCESS_KEY_ID": frozen.access_key, "AWS_SECRET_ACCESS_KEY": frozen.secret_key}
        if frozen.token:
            passed["AWS_SESSION_TOKEN"] = frozen.token
    return passed


def await_answer(port: int) -> None:
    """One request, which starts the first environment. Raises Failed where the function does not come up."""
    connection = http.client.HTTPConnection(HOST, port, timeout=FIRST_ANSWER)
    try:
        connection.request("GET", "/health")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as problem:
        raise Failed(f"The function did not answer: {problem}") from None
    finally:
        connection.close()
    if status != 200:
        raise Failed(f"The function answered its health check with {status}; what it said stands above.")


def differences(url: FunctionUrl) -> str:
    """What is not as on Lambda, beside processor and memory."""
    text = "dev: each environment is frozen between two requests" if url.settings.freeze else "dev: nothing is frozen"
    if not url.isolated:
        text += "; without root on Linux, /var/task and /opt are other folders, named by environment variables"
    return text


def echo(line: Line) -> None:
    say(f"[{line.environment}] {line.text}")


def say(text: str) -> None:
    """Whole lines only: the log comes from another thread, and programs read the `export` lines."""
    with _saying:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
