"""Where an environment finds things: /var/task, /opt and its own /tmp, as on Lambda where the machine allows it.

As root on Linux there is a mount namespace: /var/task and /opt are the staged build, read-only, /var/lang/bin is its
Python, and each environment has a /tmp of its own. Elsewhere the same folders are named by environment variables.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from local.function_url.adapter import NAME
from local.function_url.build import Build, copy

BOOTSTRAP = """\
#!/bin/sh
# What the adapter's layer has here: the handler is a program, and it becomes the runtime.
exec "$LAMBDA_TASK_ROOT/$_HANDLER"
"""

# Arguments: work folder, function, Python, minor version. It holds the namespace until its standard input closes.
HOLD = r"""
set -e
cover() {  # an empty folder in place of $1; what was in it comes back, but for the names in $2
    kept="$work/kept$1"
    mkdir -p "$1" "$kept"
    mount --rbind "$1" "$kept"
    mount -t tmpfs -o mode=755 tmpfs "$1"
    for entry in "$kept"/*; do
        name=${entry##*/}
        case " $2 " in *" $name "*) continue ;; esac
        if [ -L "$entry" ]; then cp -P "$entry" "$1/$name"
        elif [ -d "$entry" ]; then mkdir "$1/$name" && mount --rbind "$entry" "$1/$name"
        elif [ -e "$entry" ]; then : >"$1/$name" && mount --bind "$entry" "$1/$name"
        fi
    done
}
show() {  # $1 at $2, read-only
    if [ -d "$1" ]; then mkdir -p "$2"; else : >"$2"; fi
    mount --bind "$1" "$2"
    mount -o remount,bind,ro "$2"
}
work=$1 task=$2 python=$3 minor=$4
cover /var 'task lang runtime'
cover /opt 'python extensions bootstrap'
show "$task" /var/task
for name in python extensions bootstrap; do show "$work/opt/$name" "/opt/$name"; done
mkdir -p /var/lang/bin
ln -s "$python" /var/lang/bin/python3
ln -s "$python" "/var/lang/bin/python3.$minor"
echo held
exec cat >/dev/null
"""
ENTER = 'mount --bind "$1" /tmp && cd /var/task && shift && exec "$@"'
START_LIMIT = 10.0


class Layout(Protocol):
    """Paths as the function sees them."""

    bootstrap: str
    extension: str
    runtime: str
    variables: dict[str, str]

    def command(self, tmp: Path, arguments: Sequence[str]) -> list[str]:
        """What to start so that `arguments` runs in there, with `tmp` as its /tmp."""
        ...

    def close(self) -> None: ...


def laid_out(build: Build, adapter: Path, work: Path, *, isolate: bool) -> Layout:
    """The best that this machine allows. `work` is an empty folder that only this harness uses."""
    opt = work / "opt"
    (opt / "extensions").mkdir(parents=True)
    shutil.copy(adapter, opt / "extensions" / NAME)
    (opt / "bootstrap").write_text(BOOTSTRAP)
    (opt / "bootstrap").chmod(0o755)
    for layer in build.layers:
        copy(layer, opt / "python")  # layers are unpacked over each other
    if isolate and sys.platform == "linux" and os.geteuid() == 0:
        try:
            return Isolated(build, work)
        except OSError:
            pass
    return Plain(build, work)


class Plain:
    """By environment variables. Nothing is written into the build: Lambda's /var/task can't be written to either."""

    def __init__(self, build: Build, work: Path) -> None:
        programs = work / "bin"
        programs.mkdir()
        for name in ("python3", f"python3.{build.minor}"):
            (programs / name).symlink_to(build.python)
        self.bootstrap = str(work / "opt" / "bootstrap")
        self.extension = str(work / "opt" / "extensions" / NAME)
        self.runtime = f"python3.{build.minor}"
        self.variables = {
            "LAMBDA_TASK_ROOT": str(build.function.resolve()),
            "PATH": f"{programs}:{os.defpath}",
            "PYTHONPATH": str(work / "opt" / "python"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def command(self, tmp: Path, arguments: Sequence[str]) -> list[str]:
        enter = 'export TMPDIR="$1" && cd "$LAMBDA_TASK_ROOT" && shift && exec "$@"'
        return ["/bin/sh", "-c", enter, "sh", str(tmp), *arguments]

    def close(self) -> None:
        """Nothing to do: the folder goes with the harness."""


class Isolated:
    """In a mount namespace. Raises OSError where the machine does not allow one after all, as in many containers."""

    def __init__(self, build: Build, work: Path) -> None:
        self.bootstrap = "/opt/bootstrap"
        self.extension = f"/opt/extensions/{NAME}"
        self.runtime = f"python3.{build.minor}"
        self.variables = {
            "LAMBDA_TASK_ROOT": "/var/task",
            "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin",
            "PYTHONPATH": "/var/runtime",
        }
        arguments = [str(work), str(build.function.resolve()), str(build.python), str(build.minor)]
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", HOLD, "sh", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._holder.stdout is not None
        ready, _, _ = select.select([self._holder.stdout], [], [], START_LIMIT)
        if not ready or self._holder.stdout.readline() != b"held\n":
            self.close()
            raise OSError("no mount namespace")

    def command(self, tmp: Path, arguments: Sequence[str]) -> list[str]:
        enter = ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt"]
        own = ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", ENTER, "sh", str(tmp)]
        return [*enter, *own, *arguments]

    def close(self) -> None:
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        self._holder.stdin.close()
        self._holder.stdout.close()
        self._holder.wait()
