"""What is missing is said in a sentence; what is fetched is whole or not there."""

import os
import shutil
import xml.etree.ElementTree as ET
from importlib.resources import files
from pathlib import Path

import pytest

from streams.broker import KAFKA_VERSION, missing
from streams.broker.artifacts import ensure_jars, find_java, jar_dir
from streams.errors import BrokerError

JAR = f"kafka_2.13-{KAFKA_VERSION}.jar"
OUT = 'for a in "$@"; do case $a in -DoutputDirectory=*) out=${a#*=};; esac; done; mkdir -p "$out"'


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a shell, an empty cache and no Java or Maven; a test adds what it needs to its `bin`."""
    (tmp_path / "bin").mkdir()
    for name in ("sh", "mkdir", "touch"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("DUALBLOCK_CACHE", str(tmp_path / "cache"))
    return tmp_path


def tool(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def java(machine: Path, version: str) -> None:
    tool(machine / "bin" / "java", f"""echo 'openjdk version "{version}" 2025-04-15' >&2""")


def test_the_pom_fetches_the_version_we_name() -> None:
    pom = ET.fromstring((files("streams.broker") / "pom.xml").read_text())
    versions = {d.findtext("artifactId"): d.findtext("version") for d in pom.iter("dependency")}
    assert versions["kafka_2.13"] == KAFKA_VERSION


def test_no_java() -> None:
    lack = missing()
    assert lack and "needs Java 17 or newer" in lack and "openjdk-17-jdk-headless" in lack


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_402", "16", "nonsense"])
def test_java_too_old(machine: Path, version: str) -> None:
    java(machine, version)
    with pytest.raises(BrokerError, match="needs Java 17 or newer, and .*java is version"):
        find_java()


@pytest.mark.parametrize("version", ["17.0.15", "21", "25.0.1"])
def test_java_new_enough(machine: Path, version: str) -> None:
    java(machine, version)
    assert find_java() == str(machine / "bin" / "java")


def test_java_home_goes_first(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java(machine, "11.0.2")
    java(machine / "jdk", "21.0.1")
    monkeypatch.setenv("JAVA_HOME", str(machine / "jdk"))
    assert find_java() == str(machine / "jdk" / "bin" / "java")


def test_maven_is_only_needed_to_fetch(machine: Path) -> None:
    java(machine, "17.0.1")
    lack = missing()
    assert lack and "apt-get install maven" in lack
    jar_dir().mkdir(parents=True)
    (jar_dir() / JAR).touch()
    assert missing() is None


def test_a_fetch_that_fails_leaves_nothing_behind(machine: Path) -> None:
    # The first jar is there, and then the line goes dead.
    tool(machine / "bin" / "mvn", f'{OUT}; touch "$out/{JAR}"; echo "[ERROR] no route to host"; exit 1')
    with pytest.raises(BrokerError, match="no route to host"):
        ensure_jars()
    assert not jar_dir().exists()
    assert [name for name in os.listdir(jar_dir().parent) if not name.endswith(".lock")] == []


def test_a_fetch_is_made_once(machine: Path) -> None:
    tool(machine / "bin" / "mvn", f'{OUT}; touch "$out/{JAR}"; echo called >>{machine}/calls')
    assert ensure_jars() == ensure_jars() == jar_dir()
    assert (jar_dir() / JAR).is_file()
    assert (machine / "calls").read_text() == "called\n"
