#!/bin/sh
# Serves the gateway: API_KEY=... PORT=8000 ./run.sh. The same file on Lambda under the Web Adapter, in a container and on
# a laptop; port and all else come from the environment (docs/settings.md). `exec`, so that the server itself
# gets the signals. No program is started on the way: on Lambda each costs a millisecond of every cold start.
set -eu

case $0 in
    */*) folder=${0%/*} ;;
    *) folder=. ;;
esac
CDPATH="" cd "${LAMBDA_TASK_ROOT:-$folder}"

python=python3
if [ -n "${AWS_LAMBDA_FUNCTION_NAME:-}" ]; then
    # The adapter replaces the runtime's own start, and with it the search path that it would have set.
    export PYTHONPATH="$PWD:/opt/python${PYTHONPATH:+:$PYTHONPATH}"
    # The package is compiled, and its place can't be written to.
    export PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
    # Threads come and go with the requests; more arenas only keep memory that nobody uses.
    export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-2}"
    # The adapter's own default, where neither variable names a port.
    export PORT="${PORT:-8080}"
elif [ -x .venv/bin/python ]; then
    python=.venv/bin/python
elif ! command -v python3 >/dev/null; then
    echo "run.sh: python3 was not found. The gateway needs Python 3.11 or newer and layers/slim/requirements.txt." >&2
    exit 1
fi

# pydantic would look through all installed packages for plugins, which there are none of.
export PYDANTIC_DISABLE_PLUGINS="${PYDANTIC_DISABLE_PLUGINS:-__all__}"

exec "$python" -m app.serve "$@"
