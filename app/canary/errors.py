"""What can go wrong. Every text here ends up in a log or in the table: no key, no ARN, no account id.

CanaryFailed        ends the run; the function's Errors metric is the signal
├── Misconfigured   the environment can't be used; the text names the variable
└── Unavailable     AWS would not give the key or take the table's item; the text has the operation and the error's code
Failed              a request or a check failed; becomes a result
└── Refused         the gateway answered with an error status
Unsupported         a check can't be made of this model: skipped, but suspicious where it once worked
Declined            a check came to nothing this time (the model's choice, a throttle): skipped
"""

from __future__ import annotations


class CanaryFailed(Exception):
    pass


class Misconfigured(CanaryFailed):
    pass


class Unavailable(CanaryFailed):
    pass


class Failed(Exception):
    pass


class Refused(Failed):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"status {status}: {message}" if message else f"status {status}")
        self.status = status


class Unsupported(Exception):
    pass


class Declined(Exception):
    pass
