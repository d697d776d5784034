"""Children of `./dev run` end in the reverse order of their start."""

from __future__ import annotations

import os
from pathlib import Path

from local.family import Family

SERVER = """\
import os, signal, sys, time
from pathlib import Path

name, log, seconds = sys.argv[1:]

def end(number, frame):
    time.sleep(float(seconds))
    with Path(log).open("a") as file:
        file.write(name + "\\n")
    os._exit(0)

signal.signal(signal.SIGTERM, end)
print("listening on", name, flush=True)
while True:
    signal.pause()
"""


def test_the_table_outlives_a_gateway_that_still_writes_to_it(tmp_path: Path) -> None:
    (tmp_path / "family_server.py").write_text(SERVER)
    log = tmp_path / "log"
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    family = Family()
    try:
        for name, seconds in (("table", "0"), ("gateway", "0.3")):
            child = family.start(name, "family_server", name, str(log), seconds, env=env, piped=True)
            assert family.address(name, child) == name
    finally:
        family.end()
    assert log.read_text().split() == ["gateway", "table"]
