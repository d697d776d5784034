#!/usr/bin/env bash
# Stages what `sam build` and `sam deploy` ship: build/function, build/canary and the layers, from the hash-locked
# requirements. Needs bash and a Python 3.9 or newer that has pip; no Docker, and not the Python that Lambda will run.
# Works with the pip 21.3 of Amazon Linux 2023 (AWS CloudShell) and the bash 3.2 of macOS.
set -euo pipefail

usage() {
    cat <<'TEXT'
./prepare_source.sh [--arch arm64|x86_64] [--python 3.11|3.12|3.13|3.14] [--no-embeddings] [--out DIR]

Stages the deployment package. Defaults: arm64, 3.13, build; architecture and Python must be those of the stack
(parameters Architecture and Runtime).

--no-embeddings   leave out the vocabulary (1 MB) that lets /v1/embeddings take token ids instead of text
--out DIR         where to; replaced when all is done, left alone when anything fails
TEXT
}

say() { printf 'prepare_source: %s\n' "$*"; }
die() {
    printf 'prepare_source: %s\n' "$1" >&2
    exit "${2:-1}"
}
misused() {
    printf 'prepare_source: %s\n' "$1" >&2
    usage >&2
    exit 2
}

root=$(CDPATH='' cd "$(dirname "$0")" && pwd -P)
arch=arm64
version=3.13
embeddings=yes
out=$root/build

while [ $# -gt 0 ]; do
    case $1 in
        --arch=* | --python=* | --out=*)
            option=${1%%=*}
            value=${1#*=}
            shift
            ;;
        --arch | --python | --out)
            [ $# -ge 2 ] || misused "$1 needs a value"
            option=$1
            value=$2
            shift 2
            ;;
        --no-embeddings | --no-embedding) # the second one is the option of bedrock-access-gateway
            embeddings=no
            shift
            continue
            ;;
        -h | --help)
            usage
            exit 0
            ;;
        *) misused "there is no argument $1" ;;
    esac
    case $option:$value in
        --arch:arm64 | --arch:x86_64) arch=$value ;;
        --python:3.11 | --python:3.12 | --python:3.13 | --python:3.14) version=$value ;;
        --out:?*) out=$value ;;
        *) misused "$option cannot be '$value'" ;;
    esac
done

case $arch in
    arm64) machine=aarch64 ;;
    *) machine=$arch ;;
esac

# The person's own settings of pip and Python that would send packages elsewhere or let others in. Mirrors, proxies and
# certificates stay.
unset PYTHONHOME PYTHONPATH PIP_CONSTRAINT PIP_REQUIREMENT PIP_PLATFORM PIP_PREFIX PIP_ROOT PIP_TARGET PIP_NO_BINARY
export PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1

# A name on the PATH proves nothing: it may be too old, or a shim of a version manager that only complains.
find_python() {
    local name
    for name in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python3.9 python; do
        if "$name" -c 'import sys, pip; sys.exit(sys.version_info < (3, 9))' >/dev/null 2>&1; then
            command -v "$name"
            return
        fi
    done
    return 1
}

# Prints the interpreter that writes the bytecode, which must be of the runtime's own minor version, and a final release.
find_compiler() {
    local name
    local wanted='import sys
assert "%d.%d" % sys.version_info[:2] == sys.argv[1] and sys.version_info.releaselevel == "final"
print(sys.executable)'
    for name in "python$version" "$python"; do
        "$name" -ISc "$wanted" "$version" 2>/dev/null && return
    done
    return 1
}

# Prints how to install from the distribution without being asked a password; fails anywhere but on Amazon Linux 2023.
distribution() {
    [ "${AWS_EXECUTION_ENV:-}" = CloudShell ] || grep -q 'amazon_linux:2023' /etc/os-release 2>/dev/null || return 1
    command -v dnf >/dev/null || return 1
    if [ "$(id -u)" = 0 ]; then echo dnf; else command -v sudo >/dev/null && echo sudo -n dnf; fi
}

# Puts what a lock says into a folder. Nothing is resolved, for pip would judge markers and Requires-Python by the Python
# that runs it and not by the one that Lambda runs. glibc is 2.34 there (Amazon Linux 2023); no tag implies an older one.
install() {
    local lock=$1 target=$2 glibc
    set --
    for glibc in 2_34 2_31 2_28 2_26 2_17; do
        set -- "$@" --platform "manylinux_${glibc}_$machine"
    done
    "$python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-compile \
        --target "$target" --no-deps --require-hashes --ignore-requires-python --only-binary=:all: \
        --implementation cp --python-version "$version" --abi "cp${version/./}" "$@" --platform "manylinux2014_$machine" \
        --requirement "$root/$lock" || die "pip could not install $lock; the text above says why"
}

python=$(find_python) || die "found no Python 3.9 or newer with pip. Amazon Linux, Fedora: sudo dnf install python3-pip;
Debian, Ubuntu: sudo apt-get install python3-pip; elsewhere: python3 -m ensurepip"

out=${out%/}
mkdir -p "$(dirname "$out")"
out=$(CDPATH='' cd "$(dirname "$out")" && pwd -P)/$(basename "$out")
[ ! -L "$out" ] || die "$out is a symbolic link; give --out the folder itself"
if [ -e "$out" ]; then
    [ -d "$out" ] || die "$out is no folder"
    [ -z "$(ls -A "$out")" ] || [ -e "$out/function/app/main.py" ] || die "$out holds something else than a build; remove it yourself"
fi

# Beside the target, so that moving it there at the end is one step.
stage=$(mktemp -d "$(dirname "$out")/.prepare_source.XXXXXX")
trap 'rm -rf "$stage"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
build=$stage/build
mkdir -p "$build/function" "$build/canary" "$build/layers/slim" "$build/layers/embeddings"

say "staging for Python $version on $arch, with $("$python" -c 'import pip, sys
print("Python %d.%d.%d and pip %s" % (sys.version_info[:3] + (pip.__version__,)))')"
compiler=$(find_compiler) || compiler=
if [ -z "$compiler" ] && dnf=$(distribution); then
    say "installing python$version from the distribution, to compile with"
    $dnf install -y -q "python$version" >&2 || say "dnf could not install it"
    compiler=$(find_compiler) || compiler=
fi
if [ -n "$compiler" ]; then
    say "compiling with $compiler"
else
    say "no Python $version is here, so nothing is compiled: every cold start takes about half a second of CPU more."
    say "Install python$version, or deploy another Runtime, and run this again to have that back."
fi

install layers/slim/requirements.txt "$build/layers/slim/python"
install layers/canary/requirements.txt "$build/canary"
"$python" "$root/layers/check.py" "$machine" "$version" "$build/layers/slim/python" "$build/canary"

cp -R "$root/app" "$build/function/app"
mkdir "$build/canary/app"
cp "$root/app/__init__.py" "$build/canary/app/__init__.py"
mv "$build/function/app/canary" "$build/canary/app/canary"
cp "$root/run.sh" "$build/function/run.sh"
if [ "$embeddings" = yes ]; then
    mkdir "$build/layers/embeddings/python"
    cp -R "$root/layers/embeddings/cl100k_vocabulary" "$build/layers/embeddings/python/cl100k_vocabulary"
else
    echo 'Staged with --no-embeddings: deploy with EmbeddingsTokenizer=false.' >"$build/layers/embeddings/README.txt"
fi
"$python" "$root/layers/strip.py" "$build"

if [ -n "$compiler" ]; then
    # Nothing from this person's site-packages or environment may show in the bytes.
    compile() { PYTHONHASHSEED=0 "$compiler" -s -S "$root/layers/bytecode.py" "$@"; }
    compile "$build/layers/slim/python" /opt/python
    [ "$embeddings" = no ] || compile "$build/layers/embeddings/python" /opt/python
    compile "$build/function" /var/task app
    compile "$build/canary" /var/task app
fi

"$python" "$root/layers/finish.py" "$build"

trap '' INT TERM HUP # from here on it is two renames, and between them there is no build
if [ -e "$out" ]; then mv "$out" "$stage/previous"; fi
if ! mv "$build" "$out"; then
    [ ! -e "$stage/previous" ] || mv "$stage/previous" "$out"
    die "could not move the build to $out"
fi
say "staged in $out, for Architecture=$arch and Runtime=python$version. Next: sam build && sam deploy --guided"
