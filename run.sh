#!/bin/sh
# Serves the gateway: API_KEY=... PORT=8000 ./run.sh. The same file on Lambda under the Web Adapter, in a container and on
# a laptop; port and all else come from the environment (the settings table in README.md). `exec`, so that the server itself
# gets the signals.
set -eu
CDPATH= cd "$(dirname "$0")"

python=python3
if [ -n "${AWS_LAMBDA_FUNCTION_NAME:-}" ]; then
    # The adapter replaces the runtime's own start, and with it the search path that it would have set.
    export PYTHONPATH="${LAMBDA_TASK_ROOT:-$PWD}:/opt/python${PYTHONPATH:+:$PYTHONPATH}"
elif [ -x .venv/bin/python ]; then
    python=.venv/bin/python
fi

exec "$python" -m app.serve "$@"
