"""Java, Maven and Kafka's jars: found or fetched, or one sentence that says what to install."""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from streams.errors import BrokerError

KAFKA_VERSION = "4.3.1"
"""The version that `pom.xml` beside this file names; a test holds them in step."""

_FETCH_TIMEOUT_S = 900
_NEED_JAVA = (
    "Kafka {kafka} needs Java 17 or newer, {found}: install it (Debian: apt-get install openjdk-17-jdk-headless) "
    "or point JAVA_HOME at one."
)
_NEED_MAVEN = (
    "Kafka's jars are not in {jars} and Maven, which fetches them, is not on the PATH: install it "
    "(Debian: apt-get install maven)."
)


def jar_dir() -> Path:
    """Where the jars of this version are kept: below $DUALBLOCK_CACHE, by default ~/.cache/dualblock."""
    root = os.environ.get("DUALBLOCK_CACHE")
    return (Path(root) if root else Path.home() / ".cache" / "dualblock") / f"kafka-{KAFKA_VERSION}"


def missing() -> str | None:
    """What this machine lacks for a local broker, as a sentence that says what to install; None if nothing."""
    try:
        find_java()
        if not _complete(jar_dir()):
            _find_maven(jar_dir())
    except BrokerError as error:
        return str(error)
    return None


def find_java() -> str:
    """The path of a Java 17+ launcher, JAVA_HOME's first. Raises BrokerError."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home) / "bin")) if home else None
    java = java or shutil.which("java")
    if java is None:
        raise BrokerError(_NEED_JAVA.format(kafka=KAFKA_VERSION, found="and no java is on the PATH"))
    version = _java_version(java)
    if version < 17:
        raise BrokerError(_NEED_JAVA.format(kafka=KAFKA_VERSION, found=f"and {java} is version {version or 'unknown'}"))
    return java


def ensure_jars(cache: Path | None = None) -> Path:
    """The directory that holds Kafka's jars, fetched by Maven if they aren't there yet (some 45 MB).

    What is there is whole: a fetch fills a directory of its own and renames it when it is done. Processes that come
    at once fetch once. Raises BrokerError.
    """
    target = cache or jar_dir()
    if _complete(target):
        return target
    maven = _find_maven(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.parent / f".{target.name}.lock"):
        if _complete(target):
            return target
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
            jars = Path(scratch) / "lib"
            _fetch(maven, Path(scratch), jars)
            shutil.rmtree(target, ignore_errors=True)
            jars.rename(target)
    return target


def _complete(jars: Path) -> bool:
    return (jars / f"kafka_2.13-{KAFKA_VERSION}.jar").is_file()


def _find_maven(jars: Path) -> str:
    maven = shutil.which("mvn")
    if maven is None:
        raise BrokerError(_NEED_MAVEN.format(jars=jars))
    return maven


@lru_cache
def _java_version(java: str) -> int:
    answer = subprocess.run(
        [java, "-version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    return int(found.group(1)) if found else 0


def _fetch(maven: str, scratch: Path, jars: Path) -> None:
    # A copy of the pom: the installed package may be read-only, and Maven writes beside what it reads.
    pom = scratch / "pom.xml"
    pom.write_bytes((files("streams.broker") / "pom.xml").read_bytes())
    command = [maven, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_FETCH_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BrokerError(f"Maven did not fetch Kafka's jars within {_FETCH_TIMEOUT_S} s: run again.") from error
    if done.returncode or not _complete(jars):
        # Maven says first what went wrong, then at length where to read about it.
        said = "\n".join(done.stdout.splitlines()[:12])
        raise BrokerError(f"Maven could not fetch Kafka's jars (exit {done.returncode}); it said:\n{said}")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
