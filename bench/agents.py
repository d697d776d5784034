"""`./dev bench --agents`: what agents speak beside chat. Chat, Responses and Messages of this gateway, side by side."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

from bench.contenders import KEY, ROOT, Contender, aws_environment
from bench.load import QUICK, SHORT, Load, paced, tokens
from bench.machine import describe
from bench.measures import Figures, Subject, chats, paced_cpu, streams
from bench.processes import Server, free_port
from bench.replies import marks, status
from bench.table import FLOOR
from bench.upstream import emulator
from bench.wire import Recording, connect, post

RESULTS = ROOT / "bench" / "agents_results.md"
LOAD = Load(bursts=120)
FIRSTS = 100
CHAT, RESPONSES, UNSTORED, MESSAGES = "chat", "responses", "responses, `store: false`", "messages"
CONVERSE = "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream"

PAGE = """\
# What agents speak, beside chat

`./dev bench --agents --write`; {machine}

{table}

One gateway process each, without a table, asked in turns within each of {rounds} rounds; medians. CPU is that of the process,
and a delta's is that of a long stream less that of a short one. *As fast as they come*: 400 tokens at once. *20 ms apart*: ten
streams out of step, each token by itself, so that most of it is the price of waking up.

`emulator alone` is the same question without a gateway; what is later than it is on the gateway's account: key, decoding, plan,
signature, and the way there and back. The first content is that of streams asked one right after the other. *After a rest*: the
first frame with data (`response.created`, `message_start`) of streams asked in turns, each with one token 20 ms later, so that
everything has gone to sleep and its caches are cold. Others use the machine too; p10 is what they disturb least.
"""


@dataclass(frozen=True, slots=True)
class Surface(Contender):
    """A route of this gateway; `more` goes into each body."""

    path: str = "/v1/chat/completions"
    asks: str = "messages"
    more: dict[str, Any] = field(default_factory=dict)

    def ask(self, prompt: str, *, stream: bool) -> bytes:
        turns = [{"role": "user", "content": prompt}]
        return post(self.path, {"model": self.model, self.asks: turns, "stream": stream} | self.more, KEY)


def surfaces(endpoint: str) -> list[Surface]:
    command, environ = (sys.executable, "-m", "app.serve", "--host", "127.0.0.1"), aws_environment(endpoint)
    return [
        Surface(CHAT, command, environ),
        Surface(RESPONSES, command, environ, path="/v1/responses", asks="input"),
        Surface(UNSTORED, command, environ, path="/v1/responses", asks="input", more={"store": False}),
        Surface(MESSAGES, command, environ, path="/v1/messages", more={"max_tokens": 4096}),
    ]


def run(flags: argparse.Namespace) -> int:
    samples = asyncio.run(_measured(flags.rounds, QUICK if flags.quick else LOAD, FIRSTS // (5 if flags.quick else 1)))
    table, machine = _render(samples), describe()
    print(f"{machine}\n\n{table}")
    if flags.write:
        RESULTS.write_text(PAGE.format(machine=machine, table=table, rounds=flags.rounds))
    return 0


async def _measured(rounds: int, load: Load, firsts: int) -> dict[str, dict[str, list[float]]]:
    samples: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def keep(name: str, figures: Figures) -> None:
        for figure, value in figures.items():
            samples[name][figure].append(value)

    with emulator() as port, _running(f"http://127.0.0.1:{port}") as subjects:
        for number in range(rounds):
            for subject in subjects:
                name = subject.contender.name
                print(f"round {number + 1} of {rounds}: {name}", file=sys.stderr, flush=True)
                keep(name, await chats(subject, load.chats))
                keep(name, await streams(subject, load))
                keep(name, {"paced_us": await paced_cpu(subject)})
            keep(FLOOR, await _alone(port, load.short_streams))
            for name, figures in (await _firsts(port, subjects, firsts)).items():
                keep(name, figures)
        for subject in subjects:
            samples[subject.contender.name]["mb"].append(subject.server.resident())
    return samples


@contextmanager
def _running(endpoint: str) -> Iterator[list[Subject]]:
    with ExitStack() as stack:
        subjects = []
        for surface in surfaces(endpoint):
            port = free_port()
            server = Server(surface.command, port, {**surface.environ, "PORT": str(port)})
            stack.callback(server.stop)
            server.wait()
            subjects.append(Subject(surface, server))
        yield subjects


def _bedrock(prompt: str) -> bytes:
    body: dict[str, object] = {"messages": [{"role": "user", "content": [{"text": prompt}]}]}
    return post(CONVERSE, body, "none")


async def _alone(port: int, count: int) -> Figures:
    """Bedrock's own first content, as `streams` finds that of the others."""
    connection = await connect(port)
    answers = [await connection.ask(_bedrock(tokens(SHORT))) for _ in range(count)]
    connection.close()
    return {"first_p50": median(_first(answer, b"contentBlockDelta") * 1000 for answer in answers)}


async def _firsts(port: int, subjects: list[Subject], count: int) -> dict[str, Figures]:
    """Milliseconds from the request to the first event, one stream at a time, of everybody in turns and of Bedrock alone."""
    prompt = paced(1)
    asked = {FLOOR: (await connect(port), _bedrock(prompt), b"messageStart")}
    for subject in subjects:
        asked[subject.contender.name] = (await connect(subject.server.port), subject.stream(prompt), b"data: ")
    times: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(count):
        for name, (connection, request, mark) in asked.items():
            times[name].append(_first(await connection.ask(request), mark) * 1000)
    for connection, _, _ in asked.values():
        connection.close()
    return {name: {"event_p10": quantiles(found, n=10)[0], "event_ms": median(found)} for name, found in times.items()}


def _first(answer: Recording, mark: bytes) -> float:
    found = marks(answer, mark)
    if status(answer) != 200 or not found:
        raise RuntimeError(f"answered {bytes(answer.raw[-600:])!r}")
    return found[0] - answer.sent


_ROWS = (
    ("chat_ms", "CPU per whole answer, ms", 2),
    ("burst_us", "CPU per streamed delta, as fast as they come, us", 1),
    ("paced_us", "CPU per streamed delta, 20 ms apart, us", 0),
    ("chat_p50", "whole answer, p50, ms", 2),
    ("first_p50", "request to first streamed content, p50, ms", 2),
    ("first_lag", "later than Bedrock's, ms", 2),
    ("event_ms", "after a rest: request to first streamed event, p50, ms", 2),
    ("event_lag", "later than Bedrock's, ms", 2),
    ("behind", "later than chat's, ms", 2),
    ("lag_p10", "later than Bedrock's, p10, ms", 2),
    ("mb", "memory after the load, MB", 0),
)


def _render(samples: dict[str, dict[str, list[float]]]) -> str:
    figures = {name: {row: median(values) for row, values in found.items()} for name, found in samples.items()}
    for name in (CHAT, RESPONSES, UNSTORED, MESSAGES):
        for lag, row in (("first_lag", "first_p50"), ("event_lag", "event_ms"), ("lag_p10", "event_p10")):
            figures[name][lag] = figures[name][row] - figures[FLOOR][row]
        figures[name]["behind"] = figures[name]["event_ms"] - figures[CHAT]["event_ms"]
    names = (CHAT, RESPONSES, UNSTORED, MESSAGES, FLOOR)
    lines = [f"| | {' | '.join(names)} |", "|---|" + "--:|" * len(names)]
    for row, words, digits in _ROWS:
        cells = (f"{figures[name][row]:.{digits}f}" if row in figures[name] else "" for name in names)
        lines.append(f"| {words} | {' | '.join(cells)} |")
    return "\n".join(lines)
