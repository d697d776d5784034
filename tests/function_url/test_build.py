"""Builds and the adapter: found, refused, made."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from local.family import Failed
from local.function_url import adapter, build


def program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def made(folder: Path, *natives: str) -> Path:
    program(folder / "function" / "run.sh")
    for name in natives:
        program(folder / "layers" / "slim" / "python" / name)
    return folder


def test_a_build_is_for_the_python_of_its_native_modules(staged: Path) -> None:
    found = build.Build(staged)
    assert found.minor == sys.version_info.minor
    assert found.python.resolve() == found.python
    assert not (found.python.parent / ".." / "pyvenv.cfg").exists()


def test_a_folder_without_run_sh_is_no_build(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"prepare_source\.sh"):
        build.Build(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is staged for Linux and run")
def test_a_build_for_another_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="s390x"):
        build.Build(made(tmp_path, f"a.cpython-3{sys.version_info.minor}-s390x-linux-gnu.so"))


def test_a_build_for_two_pythons_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="mixes"):
        build.Build(made(tmp_path, "a.cpython-311-x86_64-linux-gnu.so", "b.cpython-312-x86_64-linux-gnu.so"))


def test_a_python_that_is_not_here_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Failed, match=r"Python 3\.99"):
        build.interpreter(99)


def test_a_shim_that_only_complains_is_no_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program(tmp_path / "python3.99", "#!/bin/sh\nexit 127\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Failed, match=r"Python 3\.99"):
        build.interpreter(99)


def test_a_build_is_staged_again_when_a_source_changes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    staged: list[Path] = []
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "LOCAL", tmp_path / "local")
    monkeypatch.setattr(build, "SOURCES", ("app", "run.sh"))
    monkeypatch.setattr(build, "stage", lambda folder: staged.append(made(folder)))
    source = program(tmp_path / "app" / "main.py")
    program(tmp_path / "run.sh")
    for _ in range(2):
        assert build.current() == tmp_path / "local"
    assert len(staged) == 1
    source.write_text("changed")
    build.current()
    assert len(staged) == 2


def test_the_local_build_and_the_one_for_aws_do_not_replace_each_other() -> None:
    """prepare_source.sh replaces build/ as a whole, and refuses to where it does not know what is in there."""
    assert not build.LOCAL.is_relative_to(build.ROOT / "build")
    assert not (build.ROOT / "build").is_relative_to(build.LOCAL)
    ignored = (build.ROOT / ".gitignore").read_text().splitlines()
    assert f"/{build.LOCAL.parent.relative_to(build.ROOT)}/" in ignored


def test_what_the_script_says_is_told_where_it_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(build, "ROOT", tmp_path)
    program(tmp_path / "prepare_source.sh", "#!/bin/sh\necho no pip here >&2\nexit 3\n")
    with pytest.raises(Failed, match="no pip here"):
        build.stage(tmp_path / "out")


def test_the_adapter_that_is_named_is_taken(tmp_path: Path) -> None:
    named = program(tmp_path / "one")
    assert adapter.find({"LWA_BIN": str(named), "PATH": ""}) == named


def test_a_named_adapter_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="LWA_BIN"):
        adapter.find({"LWA_BIN": str(tmp_path / "absent")})


def test_an_adapter_on_the_path_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    there = program(tmp_path / "bin" / "lambda-adapter")
    assert adapter.find({"PATH": str(there.parent)}) == there
    assert adapter.find({"PATH": str(tmp_path)}) is None


def test_without_adapter_and_cargo_the_ways_to_one_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(Failed, match="LWA_BIN"):
        adapter.find_or_build({"PATH": str(tmp_path)})


@pytest.mark.parametrize(("more", "version"), [({}, "0.9.1"), ({"LWA_VERSION": "1.0.0-rc1"}, "1.0.0-rc1")])
def test_cargo_builds_the_adapter_and_shows_its_progress(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, more: dict[str, str], version: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cargo = program(
        tmp_path / "bin" / "cargo",
        f'#!/bin/sh\n[ "$1" != --version ] || exec echo "cargo 1.78.0 (54d8815d0 2024-03-26)"\necho "$@" >"{tmp_path}/asked"\n',
    )
    path = f"{cargo.parent}{os.pathsep}{os.defpath}"
    monkeypatch.setenv("PATH", path)
    built = adapter.find_or_build({"PATH": path} | more)
    assert built.is_relative_to(tmp_path / "cache")
    assert adapter.find({"PATH": ""} | more) == built
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith(f"install lambda_web_adapter --version {version} --locked")
    assert "--quiet" not in asked


def test_each_version_of_the_adapter_has_a_place_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    there = program(tmp_path / "bin" / "lambda-adapter")
    assert adapter.place("1.0.0-rc1") != adapter.place()
    assert adapter.find({"PATH": str(there.parent), "LWA_VERSION": "1.0.0-rc1"}) is None


@pytest.mark.parametrize(
    ("script", "enough"),
    [
        ("#!/bin/sh\necho cargo 1.77.2\n", False),
        ("#!/bin/sh\necho 'cargo 1.66.1 (Debian)'\n", False),
        ("#!/bin/sh\necho 'cargo 1.78.0-nightly (2fe739fcf 2024-03-15)'\n", True),
        ("#!/bin/sh\necho cargo 1.100.0\n", True),
        ("#!/bin/sh\necho cargo 2.0.0\n", True),
        ("#!/bin/sh\necho rustup could not choose a version of cargo to run >&2\nexit 1\n", False),
        ("no program", False),
    ],
)
def test_a_cargo_too_old_for_the_crates_lock_builds_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, enough: bool
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    env = {"PATH": f"{program(tmp_path / 'bin' / 'cargo', script).parent}{os.pathsep}{os.defpath}"}
    assert adapter.can_build(env) == enough
    if not enough:
        with pytest.raises(Failed, match=r"cargo 1\.78 or newer"):
            adapter.find_or_build(env)


def test_the_bootstrap_is_a_program(staged: Path) -> None:
    assert (staged / "function" / "run.sh").stat().st_mode & stat.S_IXUSR
