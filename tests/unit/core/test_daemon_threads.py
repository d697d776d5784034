"""Work off the loop: bounded, dropped where nobody waits any more, and never in the way of an ending process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from functools import partial

import pytest

from app.core.daemon_threads import DaemonThreads
from tests.unit.web.asgi import until


async def test_results_and_problems_come_back() -> None:
    threads = DaemonThreads(2)
    assert await asyncio.gather(*(threads.run(partial(int, str(number))) for number in range(10))) == [*range(10)]
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)


async def test_few_run_at_once_and_a_cancelled_one_that_waits_never_begins() -> None:
    threads, gate, begun = DaemonThreads(2), threading.Event(), list[int]()

    def work(number: int) -> int:
        begun.append(number)
        gate.wait(10)
        return number

    tasks = [asyncio.create_task(threads.run(partial(work, number))) for number in range(4)]
    await until(lambda: len(begun) == 2)
    tasks[2].cancel()
    tasks[0].cancel()  # its thread goes on and keeps its place
    await asyncio.sleep(0)
    assert sorted(begun) == [0, 1]
    gate.set()
    assert await tasks[1] == 1
    assert await tasks[3] == 3
    await asyncio.gather(*(threads.run(int) for _ in range(2)))  # the place of the cancelled one is free again
    assert sorted(begun) == [0, 1, 3]


def test_they_serve_one_loop_after_the_other() -> None:
    threads = DaemonThreads(1)
    assert [asyncio.run(threads.run(lambda: 7)) for _ in range(2)] == [7, 7]


def test_a_thread_that_hangs_does_not_keep_the_process() -> None:
    program = (
        "import asyncio, time\n"
        "from app.core.daemon_threads import decoding\n"
        "async def main():\n"
        "    task = asyncio.create_task(decoding.run(lambda: time.sleep(600)))\n"
        "    await asyncio.sleep(0)\n"
        "    task.cancel()\n"
        "asyncio.run(main())\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=30).returncode == 0
