"""A decision is recomputed by the engine that it names: another version's oracle, in another environment."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec
import pytest

from streams.drill.judge import Case, Said, judged
from streams.drill.versions import Version, two_versions
from streams.engine.decide import ENGINE_VERSION
from tests.drill.hand import START_MS, Hand


def case(hand: Hand) -> Case:
    return Case(
        jurisdiction="kr",
        logs={entity: (records, []) for entity, records in hand.logs.items()},
        inputs=[(*source, raw) for source, raw in hand.inputs.items()],
        committed=hand.committed,
    )


@pytest.fixture
def hand() -> Hand:
    made = Hand()
    for number in range(5):
        made.decide(made.world.message(number, START_MS + 10_000 + number), at_ms=START_MS + 10_050)
    return made


def ask(version: Version, case: Case, place: Path) -> Said:
    (place / "case").write_bytes(msgspec.msgpack.encode(case))
    done = subprocess.run(
        [str(version.python), "-m", "streams.drill.judge", str(place / "case")], env=dict(version.environment()),
        capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    return msgspec.json.decode(done.stdout, type=Said)


def test_a_case_is_judged(hand: Hand) -> None:
    said = judged(case(hand))
    assert (said.engine, said.judged, said.findings.wrong, said.findings.lost) == (ENGINE_VERSION, 5, 0, 0)
    del hand.committed[2]
    assert judged(case(hand)).findings.lost == 1


def test_without_a_checkout_this_package_and_a_copy_with_another_engine(hand: Hand, tmp_path: Path) -> None:
    older, newer = two_versions(tmp_path, root=tmp_path)
    assert older.engine == ENGINE_VERSION != newer.engine and "no checkout" in older.what
    assert ask(older, case(hand), tmp_path) == judged(case(hand))
    other = ask(newer, case(hand), tmp_path)
    assert (other.engine, other.findings.wrong) == (newer.engine, 5)


def checkout(place: Path, *, tagged: bool) -> Path:
    """A repository with a package that has an engine, at two commits; the first may have a tag."""
    place.mkdir()
    (place / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "dualblock"\nversion = "0.0.9"\n[tool.setuptools]\n'
        'packages = ["streams", "streams.engine"]\n'
    )
    (place / "requirements.lock").write_text("")
    (place / "streams" / "engine").mkdir(parents=True)
    for name in ("streams/__init__.py", "streams/engine/__init__.py"):
        (place / name).write_text("")
    git = ["git", "-C", str(place), "-c", "user.name=t", "-c", "user.email=t@localhost"]
    subprocess.run([*git, "init", "-q"], check=True)
    for engine in ("0.0.9", "0.0.10"):
        (place / "streams" / "engine" / "decide.py").write_text(f'ENGINE_VERSION = "{engine}"\n')
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-q", "-m", engine], check=True)
        if tagged and engine == "0.0.9":
            subprocess.run([*git, "tag", "v0.0.9"], check=True)
    return place


@pytest.mark.parametrize(("tagged", "engine", "what"), [(True, "0.0.9", "tag v0.0.9"), (False, "0.0.10", "no tag")])
def test_the_older_one_is_the_wheel_of_the_last_tag(tmp_path: Path, tagged: bool, engine: str, what: str) -> None:
    older, newer = two_versions(tmp_path / "built", root=checkout(tmp_path / "tree", tagged=tagged))
    assert older.engine == engine and what in older.what
    assert newer.engine == ENGINE_VERSION and newer.what == "this package"
