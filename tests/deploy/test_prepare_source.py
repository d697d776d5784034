"""The staging script: its arguments, its layout, the oldest and the running Python, and what it leaves when it fails."""

from __future__ import annotations

import ast
import hashlib
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy import staging

CHECKOUT = ("app", "layers", "run.sh", "prepare_source.sh")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the script reads, to be damaged."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in CHECKOUT:
        source = staging.ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


def test_the_build_has_the_folders_that_the_template_names() -> None:
    build = staging.staged()
    found = {str(path.relative_to(build)) for path in build.rglob("*") if len(path.relative_to(build).parts) < 4}
    assert {
        "function/app/main.py",
        "function/app/lambda_handler.py",
        "function/run.sh",
        "canary/app/__init__.py",
        "canary/app/canary",
        "layers/slim/python",
        "layers/embeddings/python",
    } <= found
    assert {path.name for path in build.iterdir()} == {"function", "canary", "layers"}
    assert {path.name for path in (build / "layers").iterdir()} == {"slim", "embeddings"}
    assert (build / "function/run.sh").read_bytes() == (staging.ROOT / "run.sh").read_bytes()


@pytest.mark.parametrize("python", [staging.oldest, staging.newest], ids=["oldest", "newest"])
def test_any_python_and_pip_make_the_same_bytes_times_and_modes_and_replace_what_was_there(
    python: Callable[[], Path],
) -> None:
    first = staging.staged()
    again = staging.scratch() / f"again-{python.__name__}"
    (again / "function/app").mkdir(parents=True)
    for name in ("main.py", "removed.py"):
        (again / "function/app" / name).write_text("of an older build")
    path = f"{python().parent}:{Path(sys.executable).parent}:{staging.tools()}"
    done = staging.prepare("--arch", staging.NATIVE, "--python", staging.RUNNING, "--out", f"{again}/", PATH=path)
    assert done.returncode == 0, done.stderr
    one, other = _tree(first), _tree(again)
    assert {path for path in one.keys() | other.keys() if one.get(path) != other.get(path)} == set()


def test_the_oldest_python_stages_for_another_architecture_and_runtime() -> None:
    """And where the runtime's own Python is nowhere, nothing is compiled, and it says what that costs."""
    other = "x86_64" if staging.NATIVE == "arm64" else "arm64"
    build = staging.staged("--arch", other, "--python", staging.OTHER, "--no-embeddings", python=staging.oldest())
    said = staging.told(build)
    pip = r"(21\.3\.1|23\.2)"
    assert re.search(rf"with Python 3\.\d+\.\d+ and pip {pip}$", said, re.MULTILINE)
    tag = f"cpython-{staging.OTHER.replace('.', '')}-{'aarch64' if other == 'arm64' else other}-linux-gnu.so"
    libraries = [path.name for path in build.rglob("*.so")]
    assert len(libraries) == 3
    assert all(library.endswith(tag) for library in libraries)
    assert not list(build.rglob("*.pyc"))
    assert (build / "layers/slim/python/pydantic/main.py").exists()
    assert "half a second" in said
    assert f"Architecture={other} and Runtime=python{staging.OTHER}" in said
    assert [path.name for path in (build / "layers/embeddings").iterdir()] == ["README.txt"]


def test_the_size_table_names_every_artefact_and_the_limits() -> None:
    said = staging.told(staging.staged())
    for artefact in ("function", "canary", "layers/slim", "layers/embeddings"):
        assert re.search(rf"^{artefact} +\d+\.\d\d +\d+\.\d\d", said, re.MULTILINE), said
    assert "at most 34 and 11" in said
    assert re.search(r"^  slim: pydantic_core +\d", said, re.MULTILINE)
    assert "sam build && sam deploy --guided" in said


def test_help_lists_every_argument() -> None:
    done = staging.prepare("--help")
    assert done.returncode == 0
    for argument in ("--arch", "--python", "--no-embeddings", "--out"):
        assert argument in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--fast",),
        ("here",),
        ("--arch",),
        ("--arch", "arm"),
        ("--python", "3.10"),
        ("--python=2.7",),
        ("--out", ""),
    ],
    ids=" ".join,
)
def test_an_argument_that_it_does_not_know_is_refused_with_the_usage(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    done = staging.prepare("--out", str(tmp_path / "build"), *arguments)
    assert done.returncode == 2
    assert "--no-embeddings" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_old_name_of_an_option_is_accepted(tmp_path: Path) -> None:
    done = staging.prepare("--out", str(tmp_path / "build"), "--no-embedding", "--arch", "none")
    assert "there is no argument" not in done.stderr
    assert "--arch cannot be 'none'" in done.stderr


def test_every_python_that_can_be_staged_can_be_deployed() -> None:
    root = Path(__file__).parents[2]
    runtimes = re.search(r"AllowedValues: \[(python[^\]]+)\]", (root / "template.yaml").read_text())
    assert runtimes
    staged = re.search(r"--python (\S+?)\]", staging.prepare("--help").stdout)
    assert staged
    assert runtimes[1].replace("python", "").split(", ") == staged[1].split("|")


def test_without_pip_it_says_how_to_get_one(tmp_path: Path) -> None:
    bare = tmp_path / "bin"
    bare.mkdir()
    (bare / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    (bare / "python3").chmod(0o755)
    done = staging.prepare("--out", str(tmp_path / "build"), python=bare / "python3")
    assert done.returncode == 1
    assert "no Python 3.9 or newer with pip" in done.stderr
    assert "dnf install python3-pip" in done.stderr
    assert list(tmp_path.iterdir()) == [bare]


def test_a_package_that_is_not_what_the_lock_says_ends_it_and_the_old_build_stays(checkout: Path) -> None:
    _damage(checkout)
    old = checkout / "build/function/app/main.py"
    old.parent.mkdir(parents=True)
    old.write_text("old")
    done = staging.prepare(script=checkout / "prepare_source.sh")
    assert done.returncode == 1
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert "could not install layers/slim/requirements.txt" in done.stderr
    assert old.read_text() == "old"
    assert sorted(path.name for path in checkout.iterdir()) == sorted([*CHECKOUT, "build"])


def test_in_cloudshell_it_installs_the_runtimes_python_first(checkout: Path, tmp_path: Path) -> None:
    """With a `dnf` that brings something which says it is that Python; a lock that no file fits ends the run right after."""
    bin = tmp_path / "bin"
    bin.mkdir()
    installed = bin / f"python{staging.OTHER}"
    fake = f"""#!/bin/sh
for last; do :; done
[ "$last" = {staging.OTHER} ] && echo "$0"
"""
    programs = {
        "sudo": f'#!/bin/sh\nshift\n"{bin}/dnf" "$@"\n',
        "id": "#!/bin/sh\necho 1000\n",
        "chmod": f'#!/bin/sh\nexec {shutil.which("chmod")} "$@"\n',
        "dnf": f"#!/bin/sh\necho \"dnf $*\" >&2\ncat >'{installed}' <<'END'\n{fake}END\nchmod 755 '{installed}'\n",
    }
    for name, text in programs.items():
        (bin / name).write_text(text)
        (bin / name).chmod(0o755)
    _damage(checkout)
    path = f"{bin}:{Path(sys.executable).parent}:{staging.tools()}"
    done = staging.prepare(
        "--python", staging.OTHER, script=checkout / "prepare_source.sh", PATH=path, AWS_EXECUTION_ENV="CloudShell"
    )
    assert done.returncode == 1
    assert f"dnf install -y -q python{staging.OTHER}" in done.stderr
    assert f"compiling with {installed}" in done.stdout
    assert "half a second" not in done.stdout


def test_where_the_distribution_has_no_such_python_it_goes_on_without(checkout: Path, tmp_path: Path) -> None:
    bin = tmp_path / "bin"
    bin.mkdir()
    for name in ("dnf", "sudo"):
        (bin / name).write_text("#!/bin/sh\nexit 1\n")
        (bin / name).chmod(0o755)
    _damage(checkout)
    path = f"{bin}:{Path(sys.executable).parent}:{staging.tools()}"
    done = staging.prepare(
        "--python", staging.OTHER, script=checkout / "prepare_source.sh", PATH=path, AWS_EXECUTION_ENV="CloudShell"
    )
    assert "dnf could not install it" in done.stdout
    assert "half a second" in done.stdout
    assert "could not install layers/slim/requirements.txt" in done.stderr


def test_a_folder_that_holds_something_else_is_not_replaced(tmp_path: Path) -> None:
    out = tmp_path / "precious"
    out.mkdir()
    (out / "thesis.txt").write_text("all of it")
    done = staging.prepare("--out", str(out))
    assert done.returncode == 1
    assert "something else" in done.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["precious", "thesis.txt"]


def test_a_rule_that_strips_nothing_is_an_error(tmp_path: Path) -> None:
    strip = staging.part("strip")
    for folder in ("function", "canary", "layers/slim/python", "layers/embeddings"):
        (tmp_path / folder).mkdir(parents=True)
    with pytest.raises(SystemExit, match="is the rule out of date"):
        strip.main(str(tmp_path))


def test_a_layer_over_its_limits_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finish = staging.part("finish")
    for folder in finish.ARTEFACTS:
        (tmp_path / folder / "python").mkdir(parents=True)
    assert finish.main(str(tmp_path)) == 0
    with open(tmp_path / "layers/slim/python/vast", "wb") as vast:
        vast.truncate(35_000_000)
    assert finish.main(str(tmp_path)) == 1
    assert "over its limits" in capsys.readouterr().err


def _damage(checkout: Path) -> None:
    """A lock whose hashes no file has."""
    lock = checkout / "layers/slim/requirements.txt"
    lock.write_text(re.sub(r"sha256:\w+", f"sha256:{'0' * 64}", lock.read_text()))


def _tree(root: Path) -> dict[str, tuple[str, int, float]]:
    """Path -> SHA-256, mode, time."""
    return {
        str(path.relative_to(root)): (
            hashlib.sha256(path.read_bytes() if path.is_file() else b"").hexdigest(),
            path.stat().st_mode,
            path.stat().st_mtime,
        )
        for path in [root, *root.rglob("*")]
    }


@pytest.mark.parametrize("path", [*sorted((staging.ROOT / "layers").glob("*.py")), staging.ROOT / "local/key_hash.py"])
def test_what_runs_under_cloudshells_own_python_is_python_3_9(path: Path) -> None:
    """Also where no 3.9 is at hand to try it with: newer syntax is found."""
    ast.parse(path.read_text(), feature_version=(3, 9))
