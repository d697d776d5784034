"""Installs the clients from their locks, starts the emulator and the gateway, and runs one program per client.

A program prints a line per check, `ok ...` or `FAILED ...`, and several programs run at the same time. The last line here is
`N passed, N failed`, and the exit code 1 when something failed. A program that dies, hangs or checks nothing has failed once.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from local.dev_server import await_health, gateway_environment, start_emulator
from local.family import Failed, Family, Stopped, free_port
from tests.clients.compiled import install_go, install_java
from tests.clients.install import NODE_PROGRAMS, install_node, install_python, vocabulary

HERE = Path(__file__).parent
LIMIT = 180.0
"""Seconds for one program; the slowest takes about twenty."""
PROGRAMS_AT_ONCE = max(2, os.cpu_count() or 2)


class Client(NamedTuple):
    """`place`: the Python lock it is in, `node`, `go` or `java`. `program`: a file, a name for the Go program, or a class."""

    name: str
    place: str
    program: str


CLIENTS = (
    Client("openai", "newest", "openai_client.py"),
    Client("anthropic", "newest", "anthropic_client.py"),
    Client("agents_sdk", "agents_sdk", "agents_sdk_client.py"),
    Client("langchain", "newest", "langchain_client.py"),
    Client("pydantic_ai", "newest", "pydantic_ai_client.py"),
    Client("llm", "newest", "llm_client.py"),
    Client("instructor", "instructor", "instructor_client.py"),
    Client("llama_index", "llama_index", "llama_index_client.py"),
    Client("openai_node", "node", "openai_node.mjs"),
    Client("vercel_ai", "node", "vercel_ai.mjs"),
    Client("vercel_responses", "node", "vercel_responses.mjs"),
    Client("langchain_node", "node", "langchain_node.mjs"),
    Client("agents_sdk_node", "node", "agents_sdk_node.mjs"),
    Client("openai_go", "go", "openai_go"),
    Client("go_openai", "go", "go_openai"),
    Client("openai_java", "java", "OpenaiJava"),
    Client("langchain4j", "java", "Langchain4j"),
)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tests/clients/run", description="Client programs against the gateway.")
    parser.add_argument("--only", choices=[client.name for client in CLIENTS], help="run this one alone")
    parser.add_argument("--install", action="store_true", help="install the clients and stop")
    flags = parser.parse_args(arguments)
    only = flags.only
    chosen = [client for client in CLIENTS if only in (None, client.name)]
    runtimes = {place: install(place) for place in dict.fromkeys(client.place for client in chosen)}
    if flags.install:
        return 0
    family, results = Family(), Counter[str]()
    pool = ThreadPoolExecutor(PROGRAMS_AT_ONCE)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, family.stop)
    try:
        environment = start(family)
        work = [pool.submit(run, client, runtimes[client.place], environment) for client in chosen]
        for done in as_completed(work):
            output, counts = done.result()
            print(output, end="", flush=True)
            results += counts
            family.check()
    except Stopped:
        return 130
    except Failed as problem:
        print(f"FAILED {problem}", flush=True)
        results["failed"] += 1
    finally:
        family.end()  # before the pool: the programs that still run fail then
        pool.shutdown(cancel_futures=True)
    print(f"{results['passed']} passed, {results['failed']} failed", flush=True)
    return 1 if results["failed"] else 0


def install(place: str) -> list[str]:
    """The start of a command line that runs a program there."""
    installers = {"node": install_node, "go": install_go, "java": install_java}
    if place in installers:
        return installers[place](HERE / place)
    return install_python(HERE / "python" / f"{place}.txt")


def find_program(client: Client) -> str:
    """What names the program to its runtime."""
    if client.place in ("go", "java"):
        return client.program
    return str((NODE_PROGRAMS if client.place == "node" else HERE) / client.program)


def start(family: Family) -> dict[str, str]:
    """Emulator and gateway; gives what a client has to find in its environment."""
    base = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    port, key = free_port(0), f"sk-{secrets.token_urlsafe(24)}"
    endpoint = start_emulator(family, base)
    given = base | {"LOG_LEVEL": "warning"}
    family.start(
        "gateway",
        "app.serve",
        "--host",
        "127.0.0.1",
        env=gateway_environment(given, port=port, key=key, endpoint=endpoint, emulated=True),
    )
    await_health(port, family)
    return base | {
        "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
        "OPENAI_API_KEY": key,
        "PYTHONPATH": str(HERE.parents[1]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        # Where tiktoken looks before it would download.
        "TIKTOKEN_CACHE_DIR": str(vocabulary()),
    }


def run(client: Client, command: list[str], environment: Mapping[str, str]) -> tuple[str, Counter[str]]:
    """Runs one program. Returns its output, and how many of its checks passed and failed."""
    with tempfile.TemporaryDirectory() as home:
        # A home of its own: no settings, keys or logs of the person whose machine this is.
        env = {**environment, "HOME": home}
        child = subprocess.Popen(
            [*command, find_program(client)], env=env, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        timer = threading.Timer(LIMIT, lambda: os.killpg(child.pid, signal.SIGKILL))
        timer.start()
        output, _ = child.communicate()
        timer.cancel()
    lines = output.splitlines(keepends=True)
    results = Counter(
        passed=sum(line.startswith("ok ") for line in lines), failed=sum(line.startswith("FAILED ") for line in lines)
    )
    if not results["failed"] and (child.returncode or not results["passed"]):
        output += f"FAILED {client.name}: the program ended with exit code {child.returncode}\n"
        results["failed"] += 1
    return output, results


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
