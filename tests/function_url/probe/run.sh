#!/bin/sh
# Starts the probe as the gateway's own run.sh starts the gateway.
set -eu
[ -z "${PROBE_EXIT:-}" ] || exit "$PROBE_EXIT"
export PYTHONPATH="$LAMBDA_TASK_ROOT:/opt/python${PYTHONPATH:+:$PYTHONPATH}"
cd "$LAMBDA_TASK_ROOT"
exec python3 -m probe
