"""Builds the clients in Go and in Java, once per lock and source, in the cache of tools (`local.tool_cache`)."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from local import tool_cache
from tests.clients.install import finish, install_python

GO_LOCK = Path(__file__).parent / "python" / "go_toolchain.txt"
COPY_JARS = "org.apache.maven.plugins:maven-dependency-plugin:3.9.0:copy-dependencies"
OLDEST_JAVA = 17


def install_go(source: Path) -> list[str]:
    """The program that all Go clients are in; its first argument says which of them runs."""
    place = tool_cache.folder("go-clients", *sorted(source.glob("*")))
    with tool_cache.filling(place) as needed:
        if needed:
            # No stamp of the repository: git refuses one that belongs to another user.
            environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
            finish([_go(source), "build", "-buildvcs=false", "-o", str(place / "clients"), "."], source, environment)
    return [str(place / "clients")]


def install_java(source: Path) -> list[str]:
    """The start of a command line that ends with the class to run."""
    java, javac, maven = (shutil.which(name) for name in ("java", "javac", "mvn"))
    if java is None or javac is None or maven is None or _java_version(javac) < OLDEST_JAVA:
        sys.exit(
            f"tests/clients/run: Java {OLDEST_JAVA} or newer with javac and Maven is needed; "
            "on Debian: apt-get install default-jdk-headless maven"
        )
    jars = _install_jars(source, maven)
    classes = tool_cache.folder("java-clients", jars.name, *sorted(source.glob("*.java")))
    path = str(jars / "*")
    with tool_cache.filling(classes) as needed:
        if needed:
            programs = [str(program) for program in sorted(source.glob("*.java"))]
            options = ["--release", str(OLDEST_JAVA), "-parameters", "-proc:none", "-cp", path, "-d", str(classes)]
            finish([javac, *options, *programs])
    return [java, "-cp", f"{classes}{os.pathsep}{path}"]


def _install_jars(source: Path, maven: str) -> Path:
    """The folder of exactly the jars that SHA256SUMS lists: Maven itself has no lock."""
    lock = source / "SHA256SUMS"
    place = tool_cache.folder("java-jars", source / "pom.xml", lock)
    with tool_cache.filling(place) as needed:
        if needed:
            finish([maven, "-B", "-q", "-f", str(source / "pom.xml"), COPY_JARS, f"-DoutputDirectory={place}"])
            found = "".join(
                f"{hashlib.sha256(jar.read_bytes()).hexdigest()}  {jar.name}\n" for jar in sorted(place.glob("*.jar"))
            )
            if found != lock.read_text():
                sys.exit(f"tests/clients/run: the jars differ from {lock}; tests/clients/lock renews it")
    return place


def _go(source: Path) -> str:
    """A Go that is as new as go.mod demands: the one on the PATH, or else the one in GO_LOCK."""
    wanted = re.search(r"^go (\d+)\.(\d+)", (source / "go.mod").read_text(), re.MULTILINE)
    assert wanted, "go.mod has no version of Go"
    own = shutil.which("go")
    if own is not None:
        printed = subprocess.run([own, "version"], capture_output=True, text=True, check=False).stdout
        version = re.search(r"go(\d+)\.(\d+)", printed)
        if version and tuple(map(int, version.groups())) >= tuple(map(int, wanted.groups())):
            return own
    return str(Path(install_python(GO_LOCK)[0]).with_name("go"))


def _java_version(javac: str) -> int:
    printed = subprocess.run([javac, "-version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"(\d+)", printed)
    return int(version[1]) if version else 0
