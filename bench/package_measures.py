"""Figures of a package under the real Web Adapter, in the local Function URL. The harness's own work is in the wall-clock
figures and in none of CPU and memory, which are those of the function's two processes: adapter and gateway."""

from __future__ import annotations

import asyncio
import base64
import struct
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.contenders import KEY, MODEL
from bench.load import paced, tokens, words
from bench.processes import cpu, peak, proportional
from bench.quota import quota
from bench.replies import body, deltas, status
from bench.staging import Package
from bench.wire import Recording, connect, post
from local.function_url import FunctionUrl

STREAM = (400, 0.025)  # tokens, seconds apart: the ten seconds that docs/costs.md prices
PATH = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Start:
    """One cold start: from the start of the processes to the first content of a stream. CPU of both processes, seconds."""

    init_seconds: float  # until the adapter asks for the first event
    seconds: float
    init_cpu: float
    cpu: float
    memory: Mapping[str, float]  # PSS in MB by process, after the answer


EMULATOR, DIRECT, THROUGH = "straight to the emulator", "gateway", "gateway behind adapter and local Function URL"


@dataclass(slots=True)
class Findings:
    """All figures of a run, by the name of what they are of: seconds, MB, bytes; imports in milliseconds by package."""

    starts: defaultdict[str, list[Start]] = field(default_factory=lambda: defaultdict(list))
    throttled: defaultdict[int, list[tuple[Start, float]]] = field(default_factory=lambda: defaultdict(list))
    chats: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    chat_cpu: float = 0.0
    stream_cpu: list[float] = field(default_factory=list)
    stream_bytes: int = 0
    memory: dict[str, float] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)  # zipped, unzipped
    imports: dict[str, dict[str, float]] = field(default_factory=dict)


def function(package: Package, environ: Mapping[str, str]) -> FunctionUrl:
    """Not isolated: entering a mount namespace takes milliseconds that Lambda does not."""
    return FunctionUrl(package.folder, {**environ, **package.environ}, isolate=False, freeze=False)


def chat(prompt: str | list[dict[str, object]], *, stream: bool) -> bytes:
    return post(PATH, {"model": MODEL, "messages": [{"role": "user", "content": prompt}], "stream": stream}, KEY)


async def cold(url: FunctionUrl) -> Start:
    await asyncio.to_thread(url.end_environments)
    began = time.perf_counter()
    await asyncio.to_thread(url.warm, 1)
    init = time.perf_counter() - began
    used = total(url)
    asked = time.perf_counter()
    answer = await ask(url, chat("Hello", stream=True))
    first = deltas(answer)[0].at
    await rest(url)
    return Start(init, init + first - asked, used, total(url), memory(url))


async def ask(url: FunctionUrl, request: bytes) -> Recording:
    """Raises RuntimeError where the answer is no 200."""
    connection = await connect(port(url))
    try:
        answer = await connection.ask(request)
    finally:
        connection.close()
    return good(url, answer)


async def repeat(url: FunctionUrl, request: bytes, count: int) -> list[Recording]:
    """One after the other on one connection, each when the function is ready for it: else it would start another one."""
    connection = await connect(port(url))
    answers = []
    try:
        for _ in range(count):
            answers.append(good(url, await connection.ask(request)))
            await rest(url)
    finally:
        connection.close()
    return answers


def good(url: FunctionUrl, answer: Recording) -> Recording:
    if status(answer) != 200:
        lines = "\n".join(line.text for line in url.logs[-20:])
        raise RuntimeError(f"the function answered {bytes(answer.raw[-600:])!r}\n{lines}")
    return answer


async def rest(url: FunctionUrl) -> None:
    """Until the function waits for the next event: an answer's last byte is not the end of its work."""
    deadline = time.perf_counter() + 10
    while any(environment.state == "busy" for environment in url.environments):
        if time.perf_counter() > deadline:
            raise RuntimeError("the function does not come to rest")
        await asyncio.sleep(0.001)


async def long_stream(url: FunctionUrl) -> tuple[float, float, int]:
    """Ten seconds of tokens: CPU seconds of both processes, the most PSS meanwhile in MB, bytes of the body."""
    count, pace = STREAM
    before, most = total(url), 0.0
    asking = asyncio.create_task(ask(url, chat(paced(count, pace), stream=True)))
    while not asking.done():
        most = max(most, sum(memory(url).values()))
        await asyncio.wait({asking}, timeout=0.25)
    answer = asking.result()
    await rest(url)
    if len(set("".join(delta.text for delta in deltas(answer)).split())) != count:
        raise RuntimeError("the stream is not whole")
    return total(url) - before, most, len(body(answer))


async def request_cpu(url: FunctionUrl, count: int) -> float:
    """CPU seconds of both processes for one whole chat."""
    request = chat("Hello there", stream=False)
    await repeat(url, request, count // 5)
    await rest(url)
    before = total(url)
    await repeat(url, request, count)
    await rest(url)
    return (total(url) - before) / count


async def fifty(url: FunctionUrl) -> float:
    """PSS in MB after 50 streams of 400 tokens."""
    for answer in await repeat(url, chat(tokens(400), stream=True), 50):
        if len(deltas(answer)) < 1 or words(400)[-1] not in "".join(delta.text for delta in deltas(answer)):
            raise RuntimeError("a stream is not whole")
    await rest(url)
    return sum(memory(url).values())


async def large(url: FunctionUrl) -> float:
    """The most that was ever resident (VmHWM of both, MB) once a request with a 4 MB picture was answered."""
    image = "data:image/png;base64," + base64.b64encode(picture(4_000_000)).decode()
    content: list[dict[str, object]] = [
        {"type": "text", "text": "Hello"},
        {"type": "image_url", "image_url": {"url": image}},
    ]
    await ask(url, chat(content, stream=True))
    await rest(url)
    return sum(peak(process) for process in processes(url).values())


def picture(size: int) -> bytes:
    """A PNG of so many bytes, grey, with one row of pixels stored as they are."""
    head = struct.pack(">IIBBBBB", 1000, size // 1001, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1001) * (size // 1001), 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


async def throttled(url: FunctionUrl, share: float) -> tuple[Start, float] | None:
    """With so much of one processor for adapter and gateway together: a cold start, and the seconds of a long stream.

    None where such a share can't be had.
    """
    with quota(share) as group:
        if group is None:
            return None
        await asyncio.to_thread(url.end_environments)
        with taken(url, group.take):
            start = await cold(url)
        began = time.perf_counter()
        await long_stream(url)
        seconds = time.perf_counter() - began
        await asyncio.to_thread(url.end_environments)
    return start, seconds


@contextmanager
def taken(url: FunctionUrl, take: Callable[[int], None]) -> Iterator[None]:
    """Every process that the function starts meanwhile is handed to `take` within about a millisecond."""
    known = {process for environment in url.environments for process in environment.pids.values()}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.001):
            for process in set(url.environments[-1].pids.values()) - known if url.environments else ():
                known.add(process)
                take(process)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def processes(url: FunctionUrl) -> dict[str, int]:
    """Of the only environment that lives. Raises RuntimeError where there is not one: no figure would be right."""
    living = [environment.pids for environment in url.environments if environment.pids]
    if len(living) != 1:
        raise RuntimeError(f"{len(living)} environments live")
    return living[0]


def total(url: FunctionUrl) -> float:
    return sum(cpu(process) for process in processes(url).values())


def memory(url: FunctionUrl) -> dict[str, float]:
    return {name: proportional(process) for name, process in processes(url).items()}


def port(url: FunctionUrl) -> int:
    return int(url.base.rpartition(":")[2])
