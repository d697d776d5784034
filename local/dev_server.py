"""What `./dev run` runs: the emulator and the gateway as two child processes, and the lines to paste.

Started as `python -m local.dev_server [--port N] [--aws]` inside the virtual environment. The emulator is left out with
`--aws`, or where the environment names an endpoint already. Whatever ends this process ends both children.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import http.client
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

HOST = "127.0.0.1"
MODEL = "amazon.nova-lite-v1:0"
START_LIMIT = 60.0
STOP_LIMIT = 5.0
ENDPOINTS = ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL")
ELSEWHERE = (  # where botocore finds credentials beside the keys themselves
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)

# Runs a module and ends with its parent, however that ends: the parent holds the other end of its standard input.
CHILD = """\
import os, runpy, signal, sys, threading

def follow_parent():
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=follow_parent, daemon=True).start()
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""

TEXT = """\
export OPENAI_BASE_URL={base}
export OPENAI_API_KEY={shell_key}

The gateway answers for {upstream}. Try it:

curl {base}/chat/completions -H {header} -H 'Content-Type: application/json' \\
  -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'

from openai import OpenAI
client = OpenAI(base_url="{base}", api_key={key!r})
reply = client.chat.completions.create(model="{model}", messages=[{{"role": "user", "content": "Hello!"}}])
print(reply.choices[0].message.content)

Ctrl-C ends it.
"""


class Failed(Exception):
    """It can't be started; the text says why and what to do."""


class Stopped(Exception):
    """A signal asked for the end."""


class Family:
    """The children of this process: started one by one, watched together, ended together."""

    def __init__(self) -> None:
        self._members: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._starting = self._stopped = False

    def stop(self, number: int = 0, frame: object = None) -> None:
        """What a signal does: raises Stopped, once, and never between the birth of a child and its registration."""
        already, self._stopped = self._stopped, True
        if not already and not self._starting:
            raise Stopped

    def start(self, name: str, *arguments: str, env: Mapping[str, str], piped: bool = False) -> subprocess.Popen[bytes]:
        """Run a module of this project. In a session of its own: ctrl-C reaches it through us, and only once."""
        self._starting = True
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, *arguments],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if piped else None,
            start_new_session=True,
        )
        self._members.append((name, child))
        self._starting = False
        if self._stopped:
            raise Stopped
        return child

    def check(self) -> None:
        """Raise Failed where a child has ended by itself."""
        for name, child in self._members:
            code = child.poll()
            if code is not None:
                raise Failed(f"The {name} ended with exit code {code}; what it said stands above.")

    def end(self) -> None:
        """End the children, the last one first, and wait for them. One that does not listen is killed."""
        self._stopped = True
        for _, child in reversed(self._members):
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
        deadline = time.monotonic() + STOP_LIMIT
        for _, child in reversed(self._members):
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            for pipe in filter(None, (child.stdin, child.stdout)):
                pipe.close()


def main(arguments: list[str]) -> int:
    flags = parse(arguments)
    return supervised(lambda family: compose(flags, family))


def supervised(work: Callable[[Family], NoReturn]) -> int:
    """The exit code of `work`, which goes on until a signal or a failure. Whatever ends it ends all that it started."""
    family = Family()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, family.stop)
    try:
        work(family)
    except Failed as problem:
        print(f"dev: {problem}", file=sys.stderr, flush=True)
        return 1
    except Stopped:
        return 0
    finally:
        family.end()


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev run", description="The gateway on this machine.")
    parser.add_argument(
        "--port", type=port_number, metavar="N", default=8000, help="default: 8000; 0 takes any free port"
    )
    parser.add_argument("--aws", action="store_true", help="the real Bedrock, with your AWS credentials")
    return parser.parse_args(arguments)


def port_number(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise ValueError
    return number


def compose(flags: argparse.Namespace, family: Family) -> NoReturn:
    """Start what is needed, say how to use it, and watch it until a signal or a failure."""
    port = free_port(flags.port)
    env = dict(os.environ)
    endpoint = next((env[name] for name in ENDPOINTS if env.get(name)), "")
    emulated = not flags.aws and not endpoint
    if emulated:
        endpoint = start_emulator(family, env)
    key = env.get("API_KEY") or f"sk-local-{secrets.token_urlsafe(24)}"
    env = gateway_environment(env, port=port, key=key, endpoint="" if flags.aws else endpoint, emulated=emulated)
    family.start("gateway", "app.serve", "--host", HOST, env=env)
    await_health(port, family)
    upstream = f"the Bedrock emulator on {endpoint}" if emulated else endpoint or "Amazon Bedrock"
    print(instructions(port, key, env.get("DEFAULT_MODEL") or MODEL, upstream), flush=True)
    while True:
        family.check()
        time.sleep(0.5)


def instructions(port: int, key: str, model: str, upstream: str) -> str:
    return TEXT.format(
        base=f"http://{HOST}:{port}/v1",
        key=key,
        shell_key=shlex.quote(key),
        header=shlex.quote(f"Authorization: Bearer {key}"),
        model=model,
        upstream=upstream,
    )


def free_port(port: int) -> int:
    """The port, or any free one for 0. Raises Failed where somebody has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as problem:
            reason = "is taken" if problem.errno == errno.EADDRINUSE else f"can't be used ({problem.strerror})"
            raise Failed(f"Port {port} {reason}. Choose another one, such as: ./dev run --port {port + 1}") from None
        return int(probe.getsockname()[1])


def start_emulator(family: Family, env: Mapping[str, str]) -> str:
    """Its address."""
    child = family.start("emulator", "local.emulator", "--port", "0", env=env, piped=True)
    assert child.stdout is not None
    line = child.stdout.readline().decode().strip()
    if not line.startswith("listening on "):
        raise Failed("The emulator did not start; what it said stands above.")
    return line.removeprefix("listening on ")


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


def await_health(port: int, family: Family) -> None:
    """Wait until the gateway answers. Raises Failed where it does not."""
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        family.check()
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(HOST, port, timeout=5)
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.02)
    raise Failed(f"The gateway did not answer on port {port} within {START_LIMIT:.0f} seconds.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
