"""The promises of the scaffold: locks that any mirror can serve, scripts that run, one version."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import streams

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock")
SCRIPTS = (".ci/run", "scripts/check", "scripts/demo", "scripts/install", "scripts/lock", "scripts/test")


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", (ROOT / lock).read_text(), re.MULTILINE))


# URLs and direct references, an index's options, hosts by their endings, absolute paths.
PLACES = re.compile(
    r"\S*(?:://|--(?:extra-)?index|--find-links|\.(?:org|com|io|net|dev)\b|(?:^|\s)~?/\w)\S*",
    re.IGNORECASE | re.MULTILINE,
)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_host_and_no_path(lock: str) -> None:
    assert PLACES.findall((ROOT / lock).read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "--index-url simple",
        "--extra-index-url x",
        "--find-links wheels",
        "rich @ file:///srv/rich.whl",
        "# from packages.example.org",
        "# via -r /srv/requirements.in",
    ],
)
def test_a_host_or_path_would_be_seen(line: str) -> None:
    assert PLACES.search(f"rich==15.0.0 \\\n{line}\n")


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock: str) -> None:
    text = (ROOT / lock).read_text()
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(entries) > 30
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_locks_agree() -> None:
    use, dev = map(pins, LOCKS)
    assert use.items() <= dev.items()
    assert {"pytest", "mypy", "ruff"} <= dev.keys() - use.keys()


def test_the_lock_holds_every_dependency_and_the_build_backend() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    names = {re.split(r"[=<>]", requirement)[0] for requirement in wanted}
    assert names <= pins("requirements.lock").keys()


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_is_executable_and_parses(script: str) -> None:
    path = ROOT / script
    assert os.access(path, os.X_OK)
    shell = path.read_text().splitlines()[0].removeprefix("#!").split()[-1]
    subprocess.run([Path(shell).name, "-n", str(path)], check=True, timeout=30)


def test_one_version() -> None:
    assert streams.__version__ == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## {streams.__version__}" in (ROOT / "CHANGELOG.md").read_text()
