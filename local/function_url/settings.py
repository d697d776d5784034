"""What one local function is like: the numbers of its template, and Lambda's limits."""

from __future__ import annotations

import os
from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """Seconds, bytes and MB. The defaults are Lambda's own limits (AWS's quotas page, 2026-11) and those of the template.

    timeout: of one invocation. memory: MB, told to the function and not enforced.
    concurrency: environments at once; a request beyond is 429.
    freeze: stop the processes between two invocations. isolate: a mount namespace, where the machine allows it.
    invoke_mode: RESPONSE_STREAM or BUFFERED, as in the template.
    init_limit: of the first start of an environment; shutdown_limit: from SIGTERM to SIGKILL.
    ages: environments end at a random age between these two, when they are idle; None lets them live. seed: of those ages.
    starts: environments that start at the same time. Lambda has no such limit, but a laptop has few processors.
    """

    name: str = "gateway"
    region: str = "us-east-1"
    timeout: float = 900.0
    memory: int = 512
    concurrency: int = 10
    freeze: bool = True
    isolate: bool = True
    invoke_mode: str = "RESPONSE_STREAM"
    init_limit: float = 10.0
    shutdown_limit: float = 2.0
    ages: tuple[float, float] | None = None
    seed: int = 0
    starts: int = 2 * (os.cpu_count() or 1)
    request_limit: int = 6 * MIB
    response_limit: int = 200 * MIB
    buffered_limit: int = 6 * MIB
