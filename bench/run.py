"""`./dev bench`: measures everybody side by side over the emulator and prints the table; `--write` keeps it."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from bench import agents, measures, package, tables
from bench.contenders import BOTO3, LITELLM, ROOT, Contender, aws_environment, contenders
from bench.load import CROWD, QUICK, STALLING, STEADY, Load, paced, stalling
from bench.machine import describe
from bench.measures import Figures, Subject
from bench.processes import Server, free_port
from bench.replies import marks
from bench.table import FLOOR, page, render
from bench.upstream import emulator
from bench.wire import Recording, connect, post, together

RESULTS = ROOT / "bench" / "results.md"
_MODEL_PATH = "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0"
_ABSENT = f"{LITELLM} IS NOT INSTALLED AND WAS NOT MEASURED. `python -m bench.peers` installs it."

Samples = defaultdict[str, defaultdict[str, list[float]]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured; medians count")
    parser.add_argument("--starts", type=int, default=5, help="how often each is started for the first token")
    parser.add_argument("--quick", action="store_true", help="one round, one start, a fifth of the requests")
    parser.add_argument("--only", default="", help="measure only those whose name holds this")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.relative_to(ROOT)}")
    parser.add_argument("--package", action="store_true", help="measure the deployment package instead (package.py)")
    parser.add_argument("--table", action="store_true", help="measure what keys, limits and the table add (tables.py)")
    parser.add_argument("--agents", action="store_true", help="measure Responses and Messages beside chat (agents.py)")
    flags = parser.parse_args()
    if flags.quick:
        flags.rounds, flags.starts = 1, 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended as well
    if flags.package:
        return package.run(flags)
    if flags.table:
        return tables.run(flags)
    if flags.agents:
        return agents.run(flags)
    samples, notes = asyncio.run(run(flags))
    table, machine = render(samples), describe()
    print(f"{machine}\n\n{table}")
    if flags.write:
        RESULTS.write_text(page(table, machine, flags.rounds, notes))
    return 0


async def run(flags: argparse.Namespace) -> tuple[Samples, list[str]]:
    samples: Samples = defaultdict(lambda: defaultdict(list))
    load = QUICK if flags.quick else Load()
    with tempfile.TemporaryDirectory() as folder, emulator() as port:
        found = [one for one in contenders(f"http://127.0.0.1:{port}", Path(folder)) if flags.only in one.name]
        notes = [] if flags.only or any(one.name == LITELLM for one in found) else [_ABSENT]
        for note in notes:
            print(f"\n*** {note}\n", file=sys.stderr)
        async with running(found, samples, flags.starts) as subjects:
            for number in range(flags.rounds):
                for subject in subjects:
                    say(f"round {number + 1} of {flags.rounds}: {subject.contender.name}")
                    keep(samples[subject.contender.name], await measures.everything(subject, load))
                if flags.only not in BOTO3:
                    continue
                say(f"round {number + 1} of {flags.rounds}: {BOTO3}")
                keep(samples[BOTO3], await asyncio.to_thread(plain, f"http://127.0.0.1:{port}", load))
                keep(samples[FLOOR], await floor(port))
            for subject in subjects:
                samples[subject.contender.name]["load_mb"].append(subject.server.resident())
    return samples, notes


@asynccontextmanager
async def running(found: list[Contender], samples: Samples, starts: int) -> AsyncIterator[list[Subject]]:
    """Everybody, started `starts` times for the first token; the last of each lives on."""
    with ExitStack() as stack:
        subjects = []
        for contender in found:
            say(f"starting {contender.name}")
            for attempt in range(starts):
                subject = start(contender)
                stack.callback(subject.server.stop)
                samples[contender.name]["first_token_s"].append(await measures.first_token(subject))
                samples[contender.name]["start_mb"].append(subject.server.resident())
                if attempt < starts - 1:
                    subject.server.stop()
            subjects.append(subject)
        yield subjects


def start(contender: Contender) -> Subject:
    port = free_port()
    command = [part.format(port=port) for part in contender.command]
    return Subject(contender, Server(command, port, {**contender.environ, "PORT": str(port)}))


def plain(endpoint: str, load: Load) -> Figures:
    """boto3 in a process of its own."""
    began = time.time()
    command = [sys.executable, "-m", "bench.plain", *map(str, load)]
    done = subprocess.run(command, env=aws_environment(endpoint), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{BOTO3}: {done.stderr}")
    figures: Figures = json.loads(done.stdout)
    figures["first_token_s"] = figures.pop("first_token_at") - began
    return figures


async def floor(port: int) -> Figures:
    """The load generator straight to the emulator: what the set-up itself does to the wall-clock figures."""

    def ask(prompt: str, operation: str) -> bytes:
        return post(
            f"{_MODEL_PATH}/{operation}", {"messages": [{"role": "user", "content": [{"text": prompt}]}]}, "none"
        )

    connection = await connect(port)
    chats = [await connection.ask(ask("Hello there", "converse")) for _ in range(200)]
    connection.close()
    crowd = await together(port, [ask(paced(CROWD.tokens), "converse-stream")] * CROWD.streams)
    prompts = [stalling()] * STALLING.streams + [paced(STEADY.tokens)]
    steady = (await together(port, [ask(prompt, "converse-stream") for prompt in prompts]))[-1]
    assert isinstance(steady, Recording)
    times = sorted(chat.seconds * 1000 for chat in chats)
    return {
        "chat_p50": times[len(times) // 2],
        "chat_p99": times[int(len(times) * 0.99)],
        "crowd": measures.overrun(crowd, CROWD),
        "late_ms": measures.latest(marks(steady, b"contentBlockDelta")),
    }


def keep(samples: defaultdict[str, list[float]], figures: Figures) -> None:
    for name, value in figures.items():
        samples[name].append(value)


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
