"""`./dev doctor [--url URL] [--key KEY] [--model M] [--region R] [--iam] [--local] [--json]`: a deployment and its account.

Exit codes: 0 where nothing failed (a model that the account may not call is told, and no failure), 1 otherwise, 2 wrong use.
URL and key also come from OPENAI_BASE_URL and OPENAI_API_KEY, a secret for the edge from ORIGIN_SECRET; none is ever printed.
TABLE_NAME and SETTINGS_PARAM_NAME, as in the deployment, have its table and its settings in SSM examined too.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from local.doctor import account, conversation, deployment, kept, ledger
from local.doctor.findings import Findings, table, titled
from local.doctor.http import Client
from local.signing_proxy import Signer, address_of, region_of

LOCAL = "http://127.0.0.1:8000"
WITH_KEY = ("models", "chat", "stream", "1 MB body", "deep probe")


class WrongUse(Exception):
    """What was asked for can't be done; the text says why."""


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    environ = os.environ if environ is None else environ
    flags = parse(arguments)
    url = flags.url or (LOCAL if flags.local else environ.get("OPENAI_BASE_URL", ""))
    key = (flags.key or environ.get("OPENAI_API_KEY", "")).strip()
    secret = environ.get("ORIGIN_SECRET", "").strip()
    findings = Findings(secrets=(key, secret), show=not flags.json)
    report: dict[str, Any] = {}
    try:
        client = client_of(url, key, secret, flags) if url else None
        region = (
            flags.region
            or region_of(urlsplit(client.url).hostname or "" if client else "")
            or environ.get("AWS_REGION")
        )
        bedrock, reason = _bedrock(region, flags, required=client is None)
    except WrongUse as problem:
        print(f"doctor: {problem}", file=sys.stderr)
        return 2
    if client is not None:
        with titled(findings, f"Deployment {findings.clean(client.url)}"):
            report["matrix"] = examine(client, findings, flags)
    if flags.local or environ.get("TABLE_NAME", "").strip():
        with titled(findings, "Table"):
            ledger.examine(findings, environ, local=flags.local)
    if environ.get("SETTINGS_PARAM_NAME", "").strip() and not flags.local:
        with titled(findings, "Settings in SSM"):
            kept.examine(findings, environ, partial(account.client_of, region))
    with titled(findings, f"Models of the account{f' in {bedrock.meta.region_name}' if bedrock else ''}"):
        if bedrock is None:
            findings.add("account", "skipped", reason)
        else:
            report["models"] = examine_account(bedrock, findings)
    if flags.json:
        checks = [each.as_dict() for each in findings.all]
        print(json.dumps({"ok": not findings.failed, "checks": checks} | report, indent=2, allow_nan=False))
    return 1 if findings.failed else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev doctor", description="Examine a deployment and its AWS account.")
    parser.add_argument("--url", help="the gateway's address, with or without /v1; else OPENAI_BASE_URL")
    parser.add_argument("--key", help="its key; else OPENAI_API_KEY, which keeps it out of the list of processes")
    parser.add_argument("--model", help="model for one chat and one stream; else a cheap one of the list")
    parser.add_argument("--region", help="AWS region of the models, and to sign for with --iam")
    parser.add_argument("--iam", action="store_true", help="sign requests: for a Function URL with AuthType AWS_IAM")
    parser.add_argument(
        "--wait", type=float, default=0.0, metavar="S", help="wait so many seconds for it to become healthy"
    )
    parser.add_argument("--no-aws", action="store_true", help="leave the AWS account alone")
    parser.add_argument("--local", action="store_true", help=f"a running ./dev run: {LOCAL}, and --no-aws")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")
    return parser.parse_args(arguments)


def client_of(url: str, key: str, secret: str, flags: argparse.Namespace) -> Client:
    """A client for the root that `url` is under. Raises WrongUse."""
    address = address_of(url if "://" in url else f"https://{url}")
    if address is None:
        raise WrongUse("--url should be an address such as https://ID.lambda-url.us-east-1.on.aws/v1")
    path = address.path.rstrip("/")
    for prefix in ("/api/v1", "/v1"):
        path = path.removesuffix(prefix)
    headers = {"x-origin-secret": secret} if secret else {}
    signer = _signer(address.hostname or "", flags) if flags.iam else None
    return Client(f"{address.scheme}://{address.netloc}{path}", key=key, headers=headers, signer=signer)


def _signer(host: str, flags: argparse.Namespace) -> Signer:
    from botocore.exceptions import BotoCoreError
    from botocore.session import get_session

    region = region_of(host) or flags.region
    try:
        credentials = get_session().get_credentials()
    except BotoCoreError as problem:
        raise WrongUse(f"the AWS configuration can't be used ({type(problem).__name__})") from None
    if not region:
        raise WrongUse("--iam with this host needs --region")
    if credentials is None:
        raise WrongUse("--iam needs AWS credentials; set AWS_PROFILE or log in (`aws sso login`)")
    return Signer(credentials, region)


def _bedrock(region: str | None, flags: argparse.Namespace, *, required: bool) -> tuple[Any, str]:
    """A client for the account's models; or None and why, where there is a deployment to examine all the same."""
    try:
        if flags.no_aws or flags.local:
            raise account.NoAnswer("--no-aws leaves it out")
        return account.client_for(region), ""
    except account.NoAnswer as problem:
        if required:
            raise WrongUse(
                f"give --url for a deployment; as to the account's models: {problem}. {problem.advice}"
            ) from None
        return None, str(problem)


def examine(client: Client, findings: Findings, flags: argparse.Namespace) -> dict[str, Any] | None:
    """Every check of a deployment; the deep probe's matrix, if there is one."""
    if not deployment.examine(client, findings, wait=flags.wait):
        findings.skip(WITH_KEY, "the gateway does not answer as it should")
        return None
    if not client.key:
        findings.skip(WITH_KEY, "no key was given (--key or OPENAI_API_KEY)")
        return None
    models = deployment.models_of(client, findings)
    model = flags.model or conversation.choose(models)
    if model is None:
        findings.skip(("chat", "stream"), "no model to talk to")
    else:
        findings.add("model", "ok", f"{model}; a chat and a stream with it cost a fraction of a cent")
        if conversation.chats(client, findings, model):
            conversation.streams(client, findings, model)
        else:
            findings.skip(("stream",), "the chat failed")
    deployment.takes_a_megabyte(client, findings)
    return conversation.matrix(client, findings)


def examine_account(client: Any, findings: Findings) -> list[dict[str, Any]] | None:
    try:
        models = account.models_of(client)
    except account.NoAnswer as problem:
        findings.add("account", "failed", str(problem), problem.advice)
        return None
    callable_ = [model for model in models if model.state == "callable"]
    others = [model for model in models if model.state != "callable"]
    if findings.show:
        _tell(others, callable_, findings)
    advice = "" if callable_ else "Is this the right account and region?"
    findings.add(
        "account", "ok" if callable_ else "failed", f"{len(callable_)} of {len(models)} models can be called", advice
    )
    return [model.as_dict() for model in models]


def _tell(others: Sequence[account.Model], callable_: Sequence[account.Model], findings: Findings) -> None:
    """What can't be called, by what is to be done about it; then what to put into `model`, a line per provider."""
    for advice in dict.fromkeys(model.advice for model in others):
        rows = [(model.id, model.state) for model in others if model.advice == advice]
        for line in table([[findings.clean(cell) for cell in row] for row in rows]):
            print(f"  {line}")
        print(f"         -> {advice}\n")
    for provider in dict.fromkeys(model.provider for model in callable_):
        names = ", ".join(str(model.call_as) for model in callable_ if model.provider == provider)
        print(f"  {findings.clean(provider)}: {''.join(c for c in names if c.isprintable())}")
    for model in callable_:
        if model.advice:
            print(f"  {findings.clean(model.id)} is {model.advice}")


if __name__ == "__main__":
    sys.exit(main())
