"""Two versions of dualblock on one machine, each in a virtual environment of its own.

The older one is the wheel of the last tag. Where there is no tag it is the wheel of HEAD, and without a checkout this
package itself. The newer one is this package; where the two would call their engines alike, a copy of this package
whose `ENGINE_VERSION` is another.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import streams
from streams.engine.decide import ENGINE_VERSION
from streams.errors import DualblockError

_LOCK = "requirements.lock"
_LINE = "ENGINE_VERSION = "
_TIMEOUT_S = 300


class NoSuchVersion(DualblockError):
    """A version could not be built."""


class Version(NamedTuple):
    """An installed version. engine: its ENGINE_VERSION. what: where it comes from, in words."""

    python: Path
    engine: str
    what: str

    def environment(self) -> Mapping[str, str]:
        """What a process of it needs, so that nothing of another version gets in (the working directory would)."""
        return {"PYTHONSAFEPATH": "1", "PYTHONPATH": ""}


def two_versions(directory: Path, root: Path | None = None) -> tuple[Version, Version]:
    """(older, newer), installed below `directory`. root: of a checkout; None: the one that this package lies in, if it
    does. Raises NoSuchVersion."""
    package = Path(streams.__file__).parent
    root = root or package.parent
    if (root / ".git").exists() and shutil.which("git"):
        tag = _git(root, "describe", "--tags", "--abbrev=0", check=False)
        ref = tag or "HEAD"
        commit = _git(root, "rev-parse", "--short", f"{ref}^{{commit}}")
        what = f"wheel of tag {tag}" if tag else "wheel of HEAD, as there is no tag yet"
        older = _wheel(root, ref, directory / "older", f"{what} ({commit})")
    else:
        older = _copy(package, directory / "older", ENGINE_VERSION, "this package itself, as there is no checkout")
    if older.engine != ENGINE_VERSION:
        return older, Version(Path(sys.executable), ENGINE_VERSION, "this package")
    newer = f"{ENGINE_VERSION}+newer"
    return older, _copy(package, directory / "newer", newer, "this package with ENGINE_VERSION changed")


def source_of(root: Path, ref: str, directory: Path) -> Path:
    """The tree of a git ref, below a new directory. Raises NoSuchVersion."""
    source, archive = directory / "source", directory / "source.tar"
    source.mkdir(parents=True)
    _git(root, "archive", "--format=tar", "-o", str(archive), ref)
    _run(["tar", "-xf", str(archive), "-C", str(source)])
    return source


def _wheel(root: Path, ref: str, directory: Path, what: str) -> Version:
    """The wheel of a git ref, in an environment with the packages that its lock asks for."""
    source, wheels = source_of(root, ref, directory), directory / "wheels"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    _run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(wheels), str(source)])
    same = (source / _LOCK).read_bytes() == (root / _LOCK).read_bytes()
    python = _environment(directory / "venv", shared=same)
    own = [*pip, "--python", str(python), "install"]
    if not same:  # its own packages, from an index
        _run([*own, "--require-hashes", "-r", str(source / _LOCK)])
    _run([*own, "--no-deps", "--no-index", *(str(wheel) for wheel in wheels.glob("*.whl"))])
    return Version(python, _engine(python), what)


def _copy(package: Path, directory: Path, engine: str, what: str) -> Version:
    """A copy of a package under another engine version; of a compiled one, its Python."""
    python = _environment(directory / "venv", shared=True)
    target = _site(directory / "venv") / package.name
    shutil.copytree(package, target, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    decide = target / "engine" / "decide.py"
    lines = decide.read_text().splitlines(keepends=True)
    decide.write_text("".join(f'{_LINE}"{engine}"\n' if line.startswith(_LINE) else line for line in lines))
    if (found := _engine(python)) != engine:
        raise NoSuchVersion(f"{decide} says engine {found}, not {engine}")
    return Version(python, engine, what)


def _environment(venv: Path, *, shared: bool) -> Path:
    """A virtual environment's python. shared: it sees our packages, but not what their .pth files add (an editable
    install of the tree would come in so)."""
    _run([sys.executable, "-m", "venv", "--without-pip", str(venv)])
    if shared:
        ours = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
        (_site(venv) / "shared.pth").write_text("".join(f"{place}\n" for place in ours))
    return venv / "bin" / "python"


def _site(venv: Path) -> Path:
    return Path(sysconfig.get_path("purelib", vars={"base": str(venv), "platbase": str(venv)}))


def _engine(python: Path) -> str:
    """ENGINE_VERSION as that python imports it."""
    code = "from streams.engine.decide import ENGINE_VERSION; print(ENGINE_VERSION)"
    return _run([str(python), "-c", code]).strip()


def _git(root: Path, *words: str, check: bool = True) -> str:
    # Of whoever owns the checkout: a container's root is not.
    command = ["git", "-c", f"safe.directory={root}", "-C", str(root), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    if done.returncode and check:
        raise NoSuchVersion(f"git {words[0]}: {done.stderr.strip()}")
    return "" if done.returncode else done.stdout.strip()


def _run(command: Sequence[str]) -> str:
    environment = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": ""}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False, env=environment,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        raise NoSuchVersion(f"{' '.join(command[:5])} …: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout
