"""SAM's own transform, offline. Run with the Python of the SAM CLI's environment, which has aws-sam-translator.

Standard input: JSON `{"template": path, "parameters": [{name: value}, ...]}`. Standard output: JSON `{"source": the template
as written, with intrinsic functions in their long form, "transformed": [one per set of parameters]}`.
"""

from __future__ import annotations

import copy
import json
import os
import sys
from pathlib import Path
from typing import Any

ARTIFACTS = ("CodeUri", "ContentUri")


class _NoManagedPolicies:
    def load(self) -> dict[str, str]:
        return {}


def main() -> None:
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    # What the transform has to say goes to stderr; stdout carries the answer only.
    answer, sys.stdout = sys.stdout, sys.stderr
    from samtranslator.translator.transform import transform  # type: ignore[import-not-found]
    from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-not-found]

    request = json.load(sys.stdin)
    source: dict[str, Any] = yaml_parse(Path(request["template"]).read_text())
    uploaded = copy.deepcopy(source)
    for name, resource in uploaded["Resources"].items():
        properties = resource.get("Properties", {})
        for place in ARTIFACTS:
            if place in properties:  # `sam deploy` has put an S3 address there by the time CloudFormation transforms it
                properties[place] = f"s3://bucket/{name}"
    defaults = {name: each["Default"] for name, each in source["Parameters"].items() if "Default" in each}
    transformed = [
        transform(copy.deepcopy(uploaded), defaults | given, _NoManagedPolicies()) for given in request["parameters"]
    ]
    json.dump({"source": source, "transformed": transformed}, answer)


if __name__ == "__main__":
    main()
