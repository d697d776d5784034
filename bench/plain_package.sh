#!/bin/sh
# The plain gateway's run.sh: what the gateway's own does on Lambda, with another module.
set -eu
cd "$(dirname "$0")"
export PYTHONPATH="${LAMBDA_TASK_ROOT:-$PWD}:/opt/python${PYTHONPATH:+:$PYTHONPATH}"
exec python3 -m bench.plain_package
