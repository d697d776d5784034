"""`./dev bench --table`: what keys, limits and the table add to a chat, over moto's DynamoDB in a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from statistics import median
from typing import NamedTuple

from app.core.records import KeyRecord
from app.stores.directory.store import TableDirectory
from app.stores.table.dynamo import DynamoTable
from app.stores.table.http import HttpPool
from app.upstreams.aws import Aws
from bench.contenders import KEY, MODEL, ROOT, aws_environment
from bench.machine import describe
from bench.memory_gateway import LIMITED
from bench.processes import Server, free_port
from bench.replies import deltas, status
from bench.upstream import emulator
from bench.wire import Recording, connect, post

RESULTS = ROOT / "bench" / "table_results.md"
TABLE = "gateway-bench"
CHATS = 600
STREAMS = 150
CROWD = 8

NONE, MEMORY, FREE = "no table", "limits, table in memory", "table, no limits"
INSTANT, LIMITS = "limits, table that answers at once", "limits, moto"

PAGE = """\
# What the table adds

`./dev bench --table --write`; {machine}

{table}

One gateway process each, asked in turns within each of {rounds} rounds; medians. CPU is
that of the gateway's process. `limits` is a key with a hard budget, requests and tokens per minute, none of them reached: one
conditional write before the request, one after it. Rollups are written together every two seconds, as outside Lambda.

The tables are processes of their own. moto takes some milliseconds for an answer, in which the gateway sleeps and its caches go
cold: on a machine with nothing else to do, the same two writes then cost more CPU. `bench/instant_table.py` answers at once and
tells what the writes themselves cost. Neither says anything of DynamoDB's own latency, which only a deployment can show.
"""


class Runner(NamedTuple):
    """A gateway that runs, and the key to ask it with."""

    name: str
    server: Server
    key: str

    def ask(self, prompt: str, *, stream: bool) -> bytes:
        body = {"model": MODEL, "messages": [{"role": "user", "content": prompt}], "stream": stream}
        return post("/v1/chat/completions", body, self.key)


def run(flags: argparse.Namespace) -> int:
    samples = asyncio.run(_measured(flags.rounds, 60 if flags.quick else CHATS, 20 if flags.quick else STREAMS))
    table, machine = _render(samples), describe()
    print(f"{machine}\n\n{table}")
    if flags.write:
        RESULTS.write_text(PAGE.format(machine=machine, table=table, rounds=flags.rounds))
    return 0


async def _measured(rounds: int, chats: int, streams: int) -> dict[str, dict[str, list[float]]]:
    samples: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with emulator() as port:
        async with _running(f"http://127.0.0.1:{port}") as runners:
            for number in range(rounds):
                for runner in runners:
                    print(f"round {number + 1} of {rounds}: {runner.name}", file=sys.stderr, flush=True)
                    for name, value in (await _round(runner, chats, streams)).items():
                        samples[runner.name][name].append(value)
            for runner in runners:
                samples[runner.name]["mb"].append(runner.server.resident())
    return samples


async def _round(runner: Runner, chats: int, streams: int) -> dict[str, float]:
    connection = await connect(runner.server.port)
    request = runner.ask("Hello there", stream=False)
    for _ in range(chats // 5):
        _checked(runner, await connection.ask(request))
    cpu = runner.server.cpu()
    whole = [_checked(runner, await connection.ask(request)) for _ in range(chats)]
    cpu = runner.server.cpu() - cpu
    before = runner.server.cpu()
    crowd = [_many(runner, request, chats // CROWD) for _ in range(CROWD)]
    await asyncio.gather(*crowd)
    busy = runner.server.cpu() - before
    streamed = runner.ask("Hello there", stream=True)
    firsts = [_first(_checked(runner, await connection.ask(streamed))) for _ in range(streams)]
    connection.close()
    return {
        "cpu": cpu / chats * 1000,
        "busy": busy / (chats // CROWD * CROWD) * 1000,
        "chat": median(answer.seconds for answer in whole) * 1000,
        "first": median(firsts) * 1000,
    }


async def _many(runner: Runner, request: bytes, count: int) -> None:
    connection = await connect(runner.server.port)
    for _ in range(count):
        _checked(runner, await connection.ask(request))
    connection.close()


def _checked(runner: Runner, answer: Recording) -> Recording:
    if status(answer) != 200:
        raise RuntimeError(f"{runner.name} answered {bytes(answer.raw[-600:])!r}\n{runner.server.complaint()}")
    return answer


def _first(answer: Recording) -> float:
    return deltas(answer)[0].at - answer.sent


@asynccontextmanager
async def _running(upstream: str) -> AsyncIterator[list[Runner]]:
    with ExitStack() as stack:
        moto, instant = free_port(), free_port()
        _started(stack, ("local.table_server", "--port", str(moto), "--table", TABLE), moto, {})
        _started(stack, ("bench.instant_table", str(instant)), instant, {})
        environ = aws_environment(upstream)
        tabled, quick = (
            environ | {"TABLE_NAME": TABLE, "AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{port}"}
            for port in (moto, instant)
        )
        free, limited = await _keys(tabled)
        _, quickly = await _keys(quick)
        runners = []
        for name, module, env, key in (
            (NONE, "app.serve", environ, KEY),
            (MEMORY, "bench.memory_gateway", environ, ""),
            (FREE, "app.serve", tabled, free),
            (INSTANT, "app.serve", quick, quickly),
            (LIMITS, "app.serve", tabled, limited),
        ):
            port = free_port()
            server = _started(stack, (module,), port, env | {"PORT": str(port)})
            runners.append(Runner(name, server, key or server.output().splitlines()[0]))
        yield runners


def _started(stack: ExitStack, module: tuple[str, ...], port: int, environ: dict[str, str]) -> Server:
    server = Server((sys.executable, "-m", *module), port, environ or aws_environment(""))
    stack.callback(server.stop)
    server.wait()
    return server


async def _keys(environ: dict[str, str]) -> tuple[str, str]:
    """The secrets of a key without limits and of one with."""
    url, sign = Aws(environ).signed("dynamodb")
    pool = HttpPool(url)
    directory = TableDirectory(DynamoTable(url, sign, TABLE, pool=pool, clock=time.time))
    _, free = await directory.create_key(KeyRecord("", "free"))
    _, limited = await directory.create_key(LIMITED)
    pool.close()
    await asyncio.sleep(0)
    return free, limited


_ROWS = (
    ("cpu", "CPU per whole chat, one at a time, ms", 2),
    ("busy", f"CPU per whole chat, {CROWD} at a time, ms", 2),
    ("chat", "whole chat, p50, ms", 1),
    ("first", "request to first streamed content, p50, ms", 1),
    ("mb", "memory after the load, MB", 0),
)


def _render(samples: dict[str, dict[str, list[float]]]) -> str:
    names = (NONE, MEMORY, FREE, INSTANT, LIMITS)
    figures = {name: {row: median(samples[name][row]) for row, _, _ in _ROWS} for name in names}
    lines = [f"| | {' | '.join(names)} |", "|---|" + "--:|" * len(names)]
    for row, words, digits in _ROWS:
        lines.append(f"| {words} | " + " | ".join(f"{figures[name][row]:.{digits}f}" for name in names) + " |")
    for row, words in (("cpu", "one at a time"), ("busy", f"{CROWD} at a time")):
        over = [figures[name][row] - figures[MEMORY][row] for name in (INSTANT, LIMITS)]
        cells = " | ".join(["", "", "", *(f"{value:+.2f}" for value in over)])
        lines.append(f"| more CPU than with the table in memory, {words}, ms | {cells} |")
    return "\n".join(lines)
