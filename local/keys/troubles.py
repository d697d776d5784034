"""What may go wrong with the table, in one line that says what to do."""

from __future__ import annotations

from app.core.table import TableUnavailable
from app.errors import GatewayError

_KINDS = (
    (
        ("ResourceNotFoundException",),
        "There is no table {table!r} in this region. Its name is among the stack's outputs (TableName); "
        "`aws dynamodb list-tables` lists what there is; `./dev keys init` makes one.",
    ),
    (
        ("AccessDenied", "NotAuthorized"),
        "AWS does not let these credentials use the table {table!r} (dynamodb:GetItem, PutItem, UpdateItem, DeleteItem "
        "and Query are needed).",
    ),
    (
        ("Credential", "Token", "Signature", "UnrecognizedClient", "SSO"),
        "AWS does not take the credentials ({reason}). `aws sso login` or `aws configure` may be needed.",
    ),
    (
        ("Throttl", "ProvisionedThroughput", "RequestLimit", "LimitExceeded"),
        "The table {table!r} is throttled just now. Try again shortly.",
    ),
    (("Validation",), "The table {table!r} is not the gateway's: it takes no keys pk and sk ({reason})."),
)


def told(problem: GatewayError, table: str) -> str:
    """One line for whoever sits at the terminal. `table`: its name."""
    if isinstance(problem, TableUnavailable):
        return of_kind(problem.reason, table)
    return problem.message if problem.param is None else f"{problem.param}: {problem.message}"


def of_kind(reason: str, table: str) -> str:
    """`reason`: the name of AWS's error, or what broke."""
    for words, text in _KINDS:
        if any(word in reason for word in words):
            return text.format(table=table, reason=reason)
    return f"The table {table!r} can't be reached ({reason})."
