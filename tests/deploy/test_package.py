"""What is in the staged package and what is not: sizes, modes, bytecode, native libraries."""

from __future__ import annotations

import io
import marshal
import re
import sys
import zipfile
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path

import pytest

from tests.deploy import staging

MB = 1_000_000


def test_the_slim_layer_is_far_below_its_limits(build: Path) -> None:
    """11 MB zipped and 34 MB unzipped are the promise; these are what was reached, and a little."""
    assert _unzipped(build / "layers/slim") < 17.5 * MB
    assert _zipped(build / "layers/slim") < 7.5 * MB


@pytest.mark.parametrize(
    ("artefact", "most"), [("function", 2.0), ("canary", 0.6), ("layers/embeddings", 0.9)], ids=lambda value: str(value)
)
def test_the_other_artefacts_are_small(build: Path, artefact: str, most: float) -> None:
    assert _zipped(build / artefact) < most * MB


def test_the_tokenizer_of_openai_is_not_in_the_package(build: Path) -> None:
    names = {path.name.lower() for path in build.rglob("*")}
    assert not [name for name in names if re.match(r"(numpy|regex|tiktoken)(\b|_|-)", name)]


def test_nothing_is_staged_that_would_make_sam_look_for_packages_or_that_nobody_reads(build: Path) -> None:
    unwanted = ("requirements*.txt", "pyproject.toml", "*.pyi", "py.typed", "*.pth", "*.egg-info", "*.pyx", ".git*")
    assert not [path for pattern in unwanted for path in build.rglob(pattern)]
    assert not [path for path in build.rglob("*") if path.name in {"tests", "examples", "bin", ".agents"}]


def test_everything_has_the_same_time_and_the_modes_that_lambda_needs(build: Path) -> None:
    everything = [build, *build.rglob("*")]
    assert {path.stat().st_mtime for path in everything} == {1577836800.0}
    assert {path.stat().st_mode & 0o777 for path in everything if path.is_dir()} == {0o755}
    executable = [path for path in everything if path.is_file() and path.stat().st_mode & 0o777 != 0o644]
    assert executable == [build / "function/run.sh"]
    assert executable[0].stat().st_mode & 0o777 == 0o755
    assert not [path for path in everything if path.is_symlink()]


# Bytecode


def test_all_bytecode_is_of_this_minor_version_and_never_checked_against_its_source(build: Path) -> None:
    compiled = list(build.rglob("*.pyc"))
    assert len(compiled) > 500
    for path in compiled:
        head = path.read_bytes()[:8]
        assert head[:4] == MAGIC_NUMBER, path
        assert int.from_bytes(head[4:], "little") == 0b01, path  # hash-based, check_source unset (PEP 552)


def test_the_gateway_keeps_its_sources_and_the_packages_do_not(build: Path, function: Path) -> None:
    sources = sorted(path.relative_to(function) for path in function.rglob("*.py"))
    ours = sorted(
        path.relative_to(staging.ROOT)
        for path in (staging.ROOT / "app").rglob("*.py")
        if "canary" not in path.relative_to(staging.ROOT / "app").parts
    )
    assert sources == ours
    for source in sources:
        path = function / source
        pyc = path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"
        assert pyc.read_bytes()[8:16] == source_hash(path.read_bytes()), source
    others = list((build / "layers").rglob("*.py"))
    anyio = build / "layers/slim/python/anyio"
    assert sorted(others) == [anyio / "__init__.py", anyio / "abc/__init__.py"]  # they read themselves


def test_tracebacks_name_the_places_on_lambda_and_no_file_names_this_machine(build: Path) -> None:
    places = {"function": "/var/task", "canary": "/var/task", "layers": "/opt/python"}
    here = [str(part).encode() for part in (build, staging.scratch(), staging.ROOT, ".prepare_source")]
    for path in build.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [part for part in here if part in content], path
            if path.suffix == ".pyc":
                name = marshal.loads(content[16:]).co_filename
                assert name.startswith(places[path.relative_to(build).parts[0]] + "/"), (path, name)


# Native libraries


def test_every_native_library_fits_and_both_parsers_are_there(slim: Path) -> None:
    check = staging.part("check")
    machine = {"arm64": "aarch64"}.get(staging.NATIVE, staging.NATIVE)
    libraries = [path for path in slim.rglob("*") if check.LIBRARY.search(path.name)]
    assert {path.relative_to(slim).parts[0] for path in libraries} == {"httptools", "pydantic_core"}
    assert [check.unfit(path, machine, staging.RUNNING) for path in libraries] == [None] * len(libraries)
    other = "x86_64" if machine == "aarch64" else "aarch64"
    assert all("ELF machine" in check.unfit(path, other, staging.RUNNING) for path in libraries)
    assert all("is for CPython" in check.unfit(path, machine, "3.99") for path in libraries)


def test_a_library_of_another_kind_of_machine_is_found(tmp_path: Path) -> None:
    check = staging.part("check")
    path = tmp_path / "fast.abi3.so"
    elf = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00"
    path.write_bytes(elf + b"\x3e\x00")
    assert check.unfit(path, "x86_64", "3.13") is None
    path.write_bytes(b"\x7fELF\x01\x01\x01" + bytes(9) + b"\x03\x00\x28\x00")
    assert check.unfit(path, "x86_64", "3.13") == "is not 64 bit little endian"
    path.write_bytes(b"\xcf\xfa\xed\xfe" + bytes(28))
    assert check.unfit(path, "aarch64", "3.13") == "is not an ELF file"


def test_the_check_fails_for_a_wrong_library_and_for_a_file_that_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check = staging.part("check")
    metadata = tmp_path / "fast-1.0.dist-info"
    metadata.mkdir()
    record = metadata / "RECORD"
    record.write_text("fast/__init__.py,sha256=x,0\n../../bin/fast,,\n")
    assert check.main("x86_64", "3.13", str(tmp_path)) == 1
    assert "fast-1.0.dist-info lacks fast/__init__.py" in capsys.readouterr().err
    record.write_text("fast/fast.cpython-312-x86_64-linux-gnu.so,,\n")
    (tmp_path / "fast").mkdir()
    (tmp_path / "fast/fast.cpython-312-x86_64-linux-gnu.so").write_bytes(b"")
    assert check.main("x86_64", "3.13", str(tmp_path)) == 1
    assert "is for CPython 312, not 313" in capsys.readouterr().err
    (tmp_path / "fast/fast.cpython-312-x86_64-linux-gnu.so").write_bytes(b"\x7fELF\x02\x01" + bytes(12) + b"\x3e\x00")
    assert check.main("x86_64", "3.12", str(tmp_path)) == 0
    record.unlink()
    assert check.main("x86_64", "3.12", str(tmp_path)) == 1


def _unzipped(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _zipped(folder: Path) -> int:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return packed.tell()
