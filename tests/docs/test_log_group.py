"""Log groups in the documentation are those of the template."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_log_groups_in_the_documentation_exist() -> None:
    stack = tomllib.loads((ROOT / "samconfig.toml").read_text())["default"]["global"]["parameters"]["stack_name"]
    template = (ROOT / "template.yaml").read_text()
    groups = {
        name.replace("${AWS::StackName}", stack)
        for name in re.findall(r"LogGroupName: !Sub (/aws/lambda/\S+)", template)
    }
    pages = "\n".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))
    named = set(re.findall(r"/aws/lambda/[a-z][\w-]*", pages))
    assert named
    assert named <= groups
