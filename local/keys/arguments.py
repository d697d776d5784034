"""The command line of `./dev keys`. What is not given is not in the namespace, so that `set` leaves it alone."""

from __future__ import annotations

import argparse

from app.stores.directory.checks import PROMPT_CACHE_TTLS, TIERS
from local.keys import values

EPILOG = """\
examples:
  ./dev keys create alice --budget 20/month --rpm 60 --models 'us.anthropic.*,fast'
  ./dev keys set alice --rpm none --tag team=search
  ./dev keys rotate alice --grace 1h
  ./dev keys set default --budget 100/month       limits for the API_KEY of the deployment

The table is the one that TABLE_NAME names, with the AWS credentials of the environment; --local: that of a running ./dev run.
A NAME may also be an id. `none` takes a limit away. Everything is explained in docs/keys.md."""


def parser(now: float) -> argparse.ArgumentParser:
    """`now`: epoch seconds, for time spans."""
    root = argparse.ArgumentParser(
        prog="./dev keys",
        description="Keys, projects and their limits.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    everywhere = argparse.ArgumentParser(add_help=False)
    everywhere.add_argument("--local", action="store_true", help="the table of a running ./dev run")

    def command(name: str, help: str, *, named: bool = True, admin: bool = False) -> argparse.ArgumentParser:
        made = commands.add_parser(
            name, help=help, description=help, parents=[everywhere], argument_default=argparse.SUPPRESS
        )
        if named:
            made.add_argument("name", metavar="NAME")
        if admin:
            made.add_argument("--admin", action="store_true", default=False, help="a key of the admin routes")
        return made

    _key_options(command("create", "make a key; it is printed once, alone on the last line", admin=True), now)
    listing = command("list", "list the keys", named=False, admin=True)
    listing.add_argument("--project", help="only those of this project")
    listing.add_argument("--json", action="store_true", default=False)
    showing = command("show", "one key, and what it has spent")
    showing.add_argument("--json", action="store_true", default=False)
    changing = command("set", "change what is given; the rest stays")
    changing.add_argument("--name", dest="new_name", metavar="NEW", help="another name")
    _key_options(changing, now)
    rotating = command("rotate", "a new secret for a key; it is printed once, alone on the last line")
    rotating.add_argument(
        "--grace", type=values.duration, default=0, metavar="TIME", help="the old one opens for so long (1h, 2d)"
    )
    command("disable", "let a key open nothing, within a minute")
    command("enable", "let it open again")
    command("delete", "delete a key, within a minute", admin=True)
    command("export", "all keys, projects and limits as lines of JSON, without any secret", named=False)
    importing = command("import", "what `export` wrote, from standard input", named=False)
    importing.add_argument("--replace", action="store_true", default=False, help="overwrite records that differ")
    command("init", "make the table TABLE_NAME where it is missing", named=False)
    _projects(commands.add_parser("project", help="projects: create, list, set, archive"), everywhere)
    return root


def _projects(root: argparse.ArgumentParser, everywhere: argparse.ArgumentParser) -> None:
    commands = root.add_subparsers(dest="project_command", required=True, metavar="COMMAND")

    def command(name: str, help: str, *, named: bool = True) -> argparse.ArgumentParser:
        made = commands.add_parser(
            name, help=help, description=help, parents=[everywhere], argument_default=argparse.SUPPRESS
        )
        if named:
            made.add_argument("name", metavar="NAME")
        return made

    _limits(command("create", "make a project"))
    command("list", "list the projects", named=False).add_argument("--json", action="store_true", default=False)
    changing = command("set", "change what is given; the rest stays")
    changing.add_argument("--name", dest="new_name", metavar="NEW", help="another name")
    _limits(changing)
    command("archive", "archive a project for good: its keys open nothing, within a minute")


def _limits(options: argparse.ArgumentParser) -> None:
    options.add_argument(
        "--budget", type=values.or_none(values.budget), metavar="USD", help="20/month, 5/day:soft; none: unlimited"
    )
    number = values.or_none(values.limit)
    options.add_argument("--rpm", type=number, metavar="N", help="requests per minute")
    options.add_argument("--tpm", type=number, metavar="N", help="tokens per minute")


def _key_options(options: argparse.ArgumentParser, now: float) -> None:
    add = options.add_argument
    _limits(options)
    add("--project", metavar="PROJECT", help="name or id")
    add("--user", metavar="USER", help="whose it is, for usage by user")
    add("--tag", type=values.or_none(values.pair), action="append", metavar="NAME=VALUE", help="may be repeated")
    add("--models", type=values.or_none(values.models), metavar="LIST", help="patterns and aliases: 'us.*,fast'")
    add("--max-tokens", type=values.or_none(values.limit), metavar="N", help="of output per answer")
    add(
        "--guardrail",
        type=values.or_none(values.guardrail),
        metavar="ID:VERSION",
        help="applied to every request, whatever its client says",
    )
    add("--tier", choices=[*TIERS, values.NONE], help="service tier where a request names none")
    add(
        "--prompt-cache-ttl",
        choices=[*PROMPT_CACHE_TTLS, values.NONE],
        help="how long Bedrock keeps prompts that the gateway marks, where the model has it; none: as the deployment says",
    )
    add(
        "--profile",
        type=values.or_none(values.pair),
        action="append",
        metavar="MODELS=ARN",
        help="application inference profile for these models; may be repeated",
    )
    add("--cache", type=values.or_none(values.duration), metavar="TIME", help="answers are cached for so long")
    add("--expires", type=values.or_none(values.expiry(now)), metavar="WHEN", help="30d, or a day such as 2027-01-31")
