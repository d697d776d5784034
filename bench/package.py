"""`./dev bench --package`: the deployment package beside the plain gateway's, under the real Web Adapter, in one run."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from bench import package_measures as measures
from bench.contenders import OURS as GATEWAY
from bench.contenders import ROOT, Contender, aws_environment
from bench.costs import share
from bench.imports import by_module, by_package, least
from bench.machine import describe
from bench.measures import Subject, first_token
from bench.package_measures import DIRECT, EMULATOR, THROUGH, Findings
from bench.package_table import page
from bench.processes import Server, free_port
from bench.replies import status
from bench.staging import ARM64, OURS, PLACE, PLAIN, Interpreter, Package, architecture, interpreter, prepare, stage
from bench.upstream import emulator
from bench.wire import Connection, connect, post
from layers.finish import unzipped, zipped
from local.family import Failed
from local.function_url import FunctionUrl
from local.function_url import adapter as web_adapter

RESULTS = ROOT / "bench" / "package_results.md"
QUOTAS = (256, 512)  # MB whose processor share is tried with a real quota
MODEL_PATH = "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"


def run(flags: argparse.Namespace) -> int:
    python = interpreter()
    try:
        web_adapter.find_or_build(os.environ)
        say(f"staging the packages for Python {python.version}")
        findings = asyncio.run(measure(stage(python), python, flags))
    except Failed as problem:
        say(str(problem))
        return 1
    findings.sizes = sizes(python)
    text = page(findings, describe(), python.version, flags.starts)
    print(text)
    if flags.write:
        RESULTS.write_text(text)
    return 0


async def measure(packages: list[Package], python: Interpreter, flags: argparse.Namespace) -> Findings:
    findings = Findings()
    with emulator() as port, ExitStack() as stack:
        environ = aws_environment(f"http://127.0.0.1:{port}")
        own = {name: value for name, value in environ.items() if name.startswith(("AWS_", "API_KEY"))}
        urls = {package.name: stack.enter_context(measures.function(package, own)) for package in packages}
        await cold_starts(urls, findings, flags.starts)
        await in_use(urls[OURS], findings, flags.rounds)
        await warm(urls[OURS], packages[0], python, environ, port, findings, flags.rounds)
        for memory in QUOTAS:
            for _ in range(flags.rounds):
                say(f"cold start with the processor share of {memory} MB")
                if (seen := await measures.throttled(urls[OURS], share(memory))) is not None:
                    findings.throttled[memory].append(seen)
        for package in packages:
            if package.name in (OURS, PLAIN):
                say(f"imports: {package.name}")
                findings.imports[package.name] = await imports(package, python, environ, flags.starts)
    return findings


async def cold_starts(urls: Mapping[str, FunctionUrl], findings: Findings, starts: int) -> None:
    """By turns; only the one that is measured runs. A first round, which fills the page cache, does not count."""
    for number in range(starts + 1):
        say(f"cold starts, round {number} of {starts}")
        for name, url in urls.items():
            start = await measures.cold(url)
            await asyncio.to_thread(url.end_environments)
            if number:
                findings.starts[name].append(start)


async def in_use(url: FunctionUrl, findings: Findings, rounds: int) -> None:
    """Memory and CPU of one environment, from its first answer on."""
    say("memory and CPU in use")
    start = await measures.cold(url)
    found = findings.memory
    for name, title in (("extension", "adapter"), ("runtime", "gateway")):
        found[f"{title}, after the first answer"] = start.memory[name]
    found["both, after the first answer"] = sum(start.memory.values())
    findings.chat_cpu = await measures.request_cpu(url, 200)
    for _ in range(rounds):
        used, most, findings.stream_bytes = await measures.long_stream(url)
        findings.stream_cpu.append(used)
        found["both, the most within a stream of ten seconds"] = most
    found["both, after 50 streams of 400 tokens"] = await measures.fifty(url)
    found["both, the most ever, after a request with a 4 MB picture"] = await measures.large(url)


async def warm(
    url: FunctionUrl,
    package: Package,
    python: Interpreter,
    environ: Mapping[str, str],
    upstream: int,
    findings: Findings,
    rounds: int,
) -> None:
    """Whole chats by turns: past the gateway, to it, and to it through adapter and harness."""
    say("warm requests")
    server = serve(package, python, environ)
    try:
        server.wait()
        converse = post(MODEL_PATH, {"messages": [{"role": "user", "content": [{"text": "Hello there"}]}]}, "none")
        ask = measures.chat("Hello there", stream=False)
        ways = {EMULATOR: (upstream, converse), DIRECT: (server.port, ask), THROUGH: (measures.port(url), ask)}
        connections = {name: await connect(port) for name, (port, _) in ways.items()}
        for number in range(10 * rounds + 1):
            for name, (_, request) in ways.items():
                times = [await seconds(connections[name], request, url) for _ in range(15)]
                if number:
                    findings.chats[name] += times
        for connection in connections.values():
            connection.close()
    finally:
        server.stop()


async def seconds(connection: Connection, request: bytes, url: FunctionUrl) -> float:
    answer = await connection.ask(request)
    if status(answer) != 200:
        raise RuntimeError(f"the answer is no 200: {bytes(answer.raw[-300:])!r}")
    await measures.rest(url)
    return answer.seconds


async def imports(package: Package, python: Interpreter, environ: Mapping[str, str], runs: int) -> dict[str, float]:
    """Milliseconds by imported package, from Python's start to the first token."""
    logs = []
    for _ in range(runs):
        server = serve(package, python, environ, "-X", "importtime")
        try:
            await first_token(Subject(Contender(GATEWAY, (), environ), server))
            logs.append(by_module(server.output()))
        finally:
            server.stop()
    return by_package(least(logs))


def serve(package: Package, python: Interpreter, environ: Mapping[str, str], *options: str) -> Server:
    """The staged package as a plain server, without adapter and harness."""
    port = free_port()
    module = "bench.plain_package" if package.name == PLAIN else "app.serve"
    own = {"PORT": str(port), "PYTHONPATH": package.python_path, "PYTHONDONTWRITEBYTECODE": "1"}
    return Server([python.program, *options, "-m", module], port, {**environ, **package.environ, **own})


def sizes(python: Interpreter) -> dict[str, tuple[int, int]]:
    """Zipped and unzipped bytes of what is uploaded, for arm64, the template's default, and of tiktoken for this machine."""
    build = PLACE / "ours"
    if architecture() != ARM64:
        say("staging for arm64, for the sizes")
        build = PLACE / ARM64
        prepare(build, python, python.path, ARM64)
    found = {name: build / name for name in ("function", "canary", "layers/slim", "layers/embeddings")}
    found["the plain gateway's tiktoken and what it needs"] = PLACE / "tiktoken" / "layers" / "tiktoken"
    return {name: both(path) for name, path in found.items()}


def both(path: Path) -> tuple[int, int]:
    return zipped(path), unzipped(path)


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)
