"""`./dev keys COMMAND`: keys, projects and their limits, on the table itself and so before there is any admin key.

Exit codes: 0; 1 where something is not there, not allowed or away; 2 wrong use. What went wrong is one line of standard error,
and never holds a secret.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from app.errors import GatewayError
from local.keys import commands, projects, transfer
from local.keys.arguments import parser
from local.keys.commands import WrongUse
from local.keys.desk import Desk, Unknown, clock
from local.keys.init import init
from local.keys.troubles import told
from local.table import NoTable, closing, local_environment, open_table

if TYPE_CHECKING:
    from app.core.table import Table


def main(
    arguments: Sequence[str] | None = None,
    environ: Mapping[str, str] | None = None,
    opens: Callable[[bool], Table] = open_table,
) -> int:
    environ = os.environ if environ is None else environ
    flags = parser(clock()).parse_args(_anywhere(sys.argv[1:] if arguments is None else arguments))
    try:
        if flags.command == "init":
            _init(environ, local=flags.local)
        else:
            with _quiet():
                asyncio.run(_work(flags, opens))
        return 0
    except WrongUse as problem:
        return _fail(str(problem), 2)
    except (NoTable, Unknown) as problem:
        return _fail(str(problem), 1)
    except GatewayError as problem:
        return _fail(told(problem, "gateway-local" if flags.local else environ.get("TABLE_NAME", "")), 1)


def _anywhere(arguments: Sequence[str]) -> list[str]:
    """`--local` may also stand before the command, which argparse does not take for a command's own."""
    words = list(arguments)
    if words[:1] == ["--local"]:
        return [*words[1:], "--local"]
    return words


def _init(environ: Mapping[str, str], *, local: bool) -> None:
    if local:
        local_environment(environ)  # raises NoTable where nothing runs
        _say("./dev run has made its table itself.")
    else:
        init(environ, _say)


async def _work(flags: Namespace, opens: Callable[[bool], Table]) -> None:
    with closing(opens(flags.local)) as table:
        desk = Desk(table, clock, _say)
        if flags.command == "project":
            await projects.COMMANDS[flags.project_command](desk, flags)
        else:
            await {**commands.COMMANDS, **transfer.COMMANDS}[flags.command](desk, flags)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The table's own log lines are left out: what they say is told in a better way."""
    log = logging.getLogger("app.stores.table.dynamo")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before


def _say(line: str) -> None:
    print(line, flush=True)


def _fail(problem: str, code: int) -> int:
    print(f"keys: {problem}", file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
