"""What the real Bedrock needs of the caller's AWS configuration, checked before `--aws` starts anything."""

from __future__ import annotations

import os

from local.family import Failed


def require_configuration() -> None:
    """Raises Failed with all that is missing or cannot be used: profile, credentials and region."""
    if problems := _problems():
        raise Failed("--aws cannot reach Amazon Bedrock:\n" + "\n".join(f"  - {problem}" for problem in problems))


def _problems() -> list[str]:
    from botocore.exceptions import BotoCoreError, ProfileNotFound
    from botocore.session import Session  # 150 ms

    session = Session()
    profile = session.profile
    problems = []
    if profile is not None and profile not in session.available_profiles:
        problems.append(f"The profile {profile!r} (AWS_PROFILE) is not in ~/.aws/config: `aws configure list-profiles`")
    elif not os.environ.get("AWS_BEARER_TOKEN_BEDROCK"):
        try:
            if session.get_credentials() is None:
                problems.append("No AWS credentials were found: `aws configure`, `aws sso login`, or set AWS_PROFILE")
        except BotoCoreError as problem:
            problems.append(f"The AWS credentials cannot be used: {problem}")
    try:
        region = session.get_config_variable("region")
    except ProfileNotFound:
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region and not os.environ.get("AWS_REGION"):
        problems.append("No AWS region is set: for example AWS_REGION=us-east-1")
    return problems
