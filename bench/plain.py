"""boto3 by itself, in a script: what the SDK costs where there is no gateway. Prints its figures as one JSON object."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median, quantiles
from typing import Any

import boto3
from botocore.config import Config

from bench.contenders import MODEL
from bench.load import BURST, CROWD, PACED, SHORT, Load, paced, tokens


def main(load: Load) -> dict[str, float]:
    bedrock = boto3.client("bedrock-runtime", config=Config(max_pool_connections=500))
    next(texts(bedrock, "Hello"))
    figures = {"first_token_at": time.time(), "start_mb": resident()}
    figures |= chats(bedrock, load.chats)
    short = cpu_of(lambda: stream(bedrock, tokens(SHORT)), load.short_streams)
    burst = cpu_of(lambda: stream(bedrock, tokens(BURST)), load.bursts)
    figures["burst_us"] = (burst - short) / (BURST - SHORT) * 1e6
    figures["paced_us"] = paced_cpu(bedrock)
    figures["crowd"] = crowd(bedrock)
    return figures | {"load_mb": resident()}


def chats(bedrock: Any, count: int) -> dict[str, float]:
    for _ in range(count // 5):
        chat(bedrock)
    times: list[float] = []
    cpu = time.process_time()
    for _ in range(count):
        began = time.perf_counter()
        chat(bedrock)
        times.append((time.perf_counter() - began) * 1000)
    cpu = time.process_time() - cpu
    return {"chat_ms": cpu / count * 1000, "chat_p50": median(times), "chat_p99": quantiles(times, n=100)[98]}


def chat(bedrock: Any) -> str:
    answer = bedrock.converse(modelId=MODEL, messages=[{"role": "user", "content": [{"text": "Hello there"}]}])
    text: str = answer["output"]["message"]["content"][0]["text"]
    return text


def texts(bedrock: Any, prompt: str) -> Iterator[str]:
    answer = bedrock.converse_stream(modelId=MODEL, messages=[{"role": "user", "content": [{"text": prompt}]}])
    for event in answer["stream"]:
        if "contentBlockDelta" in event:
            yield event["contentBlockDelta"]["delta"]["text"]


def stream(bedrock: Any, prompt: str) -> int:
    return sum(1 for _ in texts(bedrock, prompt))


def cpu_of(work: Any, count: int) -> float:
    """Seconds of CPU for one `work`."""
    cpu = time.process_time()
    for _ in range(count):
        work()
    return (time.process_time() - cpu) / count


def paced_cpu(bedrock: Any) -> float:
    """Microseconds of CPU per delta of streams at 20 ms."""
    cpu = []
    for count in (SHORT, PACED.tokens):
        with ThreadPoolExecutor(PACED.streams) as pool:
            began = time.process_time()
            for _ in pool.map(lambda prompt: stream(bedrock, prompt), [paced(count)] * PACED.streams):
                pass
            cpu.append(time.process_time() - began)
    return (cpu[1] - cpu[0]) / ((PACED.tokens - SHORT) * PACED.streams) * 1e6


def crowd(bedrock: Any) -> float:
    """How much longer than the pace allows 100 concurrent streams take."""
    with ThreadPoolExecutor(CROWD.streams) as pool:
        began = time.perf_counter()
        counts = list(pool.map(lambda prompt: stream(bedrock, prompt), [paced(CROWD.tokens)] * CROWD.streams))
        wall = time.perf_counter() - began
    if set(counts) != {CROWD.tokens}:
        raise RuntimeError("boto3 lost tokens")
    return wall / CROWD.ideal


def resident() -> float:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024


if __name__ == "__main__":
    print(json.dumps(main(Load(*map(int, sys.argv[1:4])))))
