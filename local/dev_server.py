"""What `./dev run` runs: the emulator, a table and the gateway as child processes, and the lines to paste.

Started as `python -m local.dev_server [--port N] [--aws]` inside the virtual environment. The emulator is left out with
`--aws`, or where the environment names an endpoint already; for the table see `local.dev_table`. Whatever ends this process
ends its children.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import secrets
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from local.aws_preflight import require_configuration
from local.dev_table import DevTable
from local.family import HOST, PROBE, Failed, Family, free_port, supervised
from local.running import FILE, Running, announced

MODEL = "amazon.nova-lite-v1:0"
START_LIMIT = 60.0
GATEWAY, GATEWAY_WITH_REQUEST_LINES = "app.serve", "local.terminal"
ENDPOINTS = ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL")
ELSEWHERE = (  # where botocore finds credentials beside the keys themselves
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)

TEXT = """\
export OPENAI_BASE_URL={base}
export OPENAI_API_KEY={shell_key}
{admin}
The gateway answers for {upstream}. Try it:

curl {base}/chat/completions -H {header} -H 'Content-Type: application/json' \\
  -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'

from openai import OpenAI
client = OpenAI(base_url="{base}", api_key={key!r})
reply = client.chat.completions.create(model="{model}", messages=[{{"role": "user", "content": "Hello!"}}])
print(reply.choices[0].message.content)
{table}
Ctrl-C ends it.
"""
TABLE_TEXT = """
Keys, budgets and usage of this run: ./dev keys list --local, ./dev report --local
"""


def main(arguments: list[str]) -> int:
    flags = parse(arguments)
    return supervised(lambda family: compose(flags, family))


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev run", description="The gateway on this machine.")
    parser.add_argument(
        "--port", type=port_number, metavar="N", default=8000, help="default: 8000; 0 takes any free port"
    )
    parser.add_argument("--aws", action="store_true", help="the real Bedrock, with your AWS credentials")
    parser.add_argument("--announce", type=Path, default=FILE, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def port_number(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise ValueError
    return number


def compose(flags: argparse.Namespace, family: Family) -> NoReturn:
    """Start what is needed, say how to use it, and watch it until a signal or a failure."""
    port = free_port(flags.port)
    if flags.aws:
        require_configuration()
    env = dict(os.environ)
    endpoint = next((env[name] for name in ENDPOINTS if env.get(name)), "")
    emulated = not flags.aws and not endpoint
    table = DevTable(env, aws=flags.aws, emulated=emulated)
    table.start(family)
    if emulated:
        endpoint = start_emulator(family, env)
    key = env.get("API_KEY") or f"sk-local-{secrets.token_urlsafe(24)}"
    env = gateway_environment(env, port=port, key=key, endpoint="" if flags.aws else endpoint, emulated=emulated)
    env = table.environment(env)
    family.start("gateway", gateway_module(env, is_terminal=sys.stdout.isatty()), "--host", HOST, env=env)
    await_health(port, family)
    table.wait(family)
    upstream = f"the Bedrock emulator on {endpoint}" if emulated else endpoint or "Amazon Bedrock"
    with announced(running(port, env), flags.announce):
        print(instructions(port, key, env.get("DEFAULT_MODEL") or MODEL, upstream, table), flush=True)
        while True:
            family.check()
            time.sleep(0.5)


def instructions(port: int, key: str, model: str, upstream: str, table: DevTable | None = None) -> str:
    return TEXT.format(
        base=f"http://{HOST}:{port}/v1",
        key=key,
        shell_key=shlex.quote(key),
        header=shlex.quote(f"Authorization: Bearer {key}"),
        model=model,
        upstream=upstream,
        admin=f"export OPENAI_ADMIN_KEY={shlex.quote(table.admin_key)}\n" if table and table.admin_key else "",
        table=TABLE_TEXT if table and table.name else "",
    )


def running(port: int, env: Mapping[str, str]) -> Running:
    """This run, as other commands want to know it."""
    return Running(
        table=env.get("TABLE_NAME", ""),
        dynamodb=env.get("AWS_ENDPOINT_URL_DYNAMODB") or env.get("AWS_ENDPOINT_URL") or "",
        region=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "",
        base_url=f"http://{HOST}:{port}/v1",
        admin_key=env.get("ADMIN_KEY", ""),
        pid=os.getpid(),
    )


def start_emulator(family: Family, env: Mapping[str, str]) -> str:
    """Its address."""
    child = family.start("emulator", "local.emulator", "--port", "0", env=env, piped=True)
    return family.address("emulator", child)


def gateway_environment(
    given: Mapping[str, str], *, port: int, key: str, endpoint: str, emulated: bool
) -> dict[str, str]:
    """What the gateway is to find in its environment. `endpoint` is empty where the region's own is meant."""
    env = dict(given) | {"API_KEY": key, "PORT": str(port)}
    # The printed key is the one that opens, and the printed port the one that is served.
    for name in ("API_KEY_SECRET_ARN", "API_KEY_PARAM_NAME", "AWS_LWA_PORT", "AWS_LAMBDA_HTTP_ENDPOINT"):
        env.pop(name, None)
    if emulated:
        # Nothing of a real account: its profile may want a login, and settings of it may bypass the emulator.
        for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
            env.pop(name, None)
        env["AWS_EC2_METADATA_DISABLED"] = "true"
        for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_BEDROCK", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"):
            env[name] = env.get(name) or endpoint
        for name in ("NO_PROXY", "no_proxy"):
            env[name] = ",".join(filter(None, (env.get(name), HOST, "localhost")))
    if endpoint.startswith("http:"):
        env.pop("AWS_BEARER_TOKEN_BEDROCK", None)  # the gateway sends a bearer token over https only
        if not has_credentials(env, files=not emulated):
            env |= {"AWS_ACCESS_KEY_ID": "emulator", "AWS_SECRET_ACCESS_KEY": "emulator"}
    if not has_region(env, files=not emulated):
        env["AWS_REGION"] = "us-east-1"
    return env


def has_credentials(env: Mapping[str, str], *, files: bool) -> bool:
    """Whether the environment has any, or with `files` leads to some."""
    if env.get("AWS_ACCESS_KEY_ID"):
        return True
    path = Path(env.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials").expanduser()
    return files and (path.exists() or any(env.get(name) for name in ELSEWHERE))


def has_region(env: Mapping[str, str], *, files: bool) -> bool:
    """Whether the environment names one, or with `files` the AWS configuration file."""
    if env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION"):
        return True
    if not files or not Path(env.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser().exists():
        return False
    import botocore.session  # 150 ms, and only where there is a file to read

    session = botocore.session.Session()
    # A profile that does not exist is for the gateway to complain of, in its own words.
    return session.profile not in (None, *session.available_profiles) or bool(session.get_config_variable("region"))


def gateway_module(env: Mapping[str, str], *, is_terminal: bool) -> str:
    """The module that serves the gateway: with a readable line per request on a terminal, with JSON lines elsewhere."""
    return GATEWAY_WITH_REQUEST_LINES if is_terminal and env.get("TERM") != "dumb" else GATEWAY


def await_health(port: int, family: Family) -> None:
    """Wait until the gateway answers. Raises Failed where it does not."""
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        family.check()
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(HOST, port, timeout=5)
            connection.request("GET", "/health", headers={"user-agent": PROBE})
            if connection.getresponse().status == 200:
                return
        time.sleep(0.02)
    raise Failed(f"The gateway did not answer on port {port} within {START_LIMIT:.0f} seconds.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
