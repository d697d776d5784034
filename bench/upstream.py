"""The Bedrock emulator in a process of its own, which everybody that is measured talks to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.contenders import aws_environment
from bench.processes import Server, free_port


@contextmanager
def emulator() -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "local.emulator", "--no-validate", "--no-chop", "--record", "0"]
    server = Server([*command, "--port", str(port)], port, aws_environment(""))
    try:
        server.wait()
        yield port
    finally:
        server.stop()
