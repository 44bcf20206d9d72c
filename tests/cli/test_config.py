"""Settings: file under environment, refused whole with a sentence for each problem, secrets never shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.config import DEMO_KEYS, Partitions, Settings, load
from streams.errors import ConfigError
from streams.pipeline.topics import DEFAULT_PARTITIONS
from tests.cli.tool import dualblock

KEY, OTHER = "ab" * 32, "cd" * 32
WHOLE = f'publication_key_id = "k1"\npublication_key_hex = "{KEY}"\nstate_key_hex = "{OTHER}"\n'


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No settings but those of the test."""
    monkeypatch.chdir(tmp_path)
    for name in ("CONFIG", "BOOTSTRAP", "PREFIX", "STATE_DIR", "ALLOW_DEMO_KEYS"):
        monkeypatch.delenv(f"DUALBLOCK_{name}", raising=False)
    yield


def written(text: str, name: str = "dualblock.toml") -> Path:
    path = Path(name)
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["_env_file", "_cli_parse_args", "_case_sensitive", "__pydantic_self__"])
def test_a_file_does_not_steer_the_library(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is no setting"):
        load(written(f"{name} = true\n"))


def test_defaults_need_no_file() -> None:
    settings = load()
    assert (settings.bootstrap, settings.prefix, settings.jurisdiction) == ("127.0.0.1:9092", "dualblock.", "kr")
    assert settings.instance.endswith("-0")
    assert settings.metrics_port == 0


def test_partition_counts_are_those_of_the_pipeline() -> None:
    assert Partitions().model_dump() == dict(DEFAULT_PARTITIONS)


def test_the_environment_lies_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    written('bootstrap = "a:1"\nprefix = "x."\n[partitions]\nmessages = 3\nregistry = 4\n')
    monkeypatch.setenv("DUALBLOCK_BOOTSTRAP", "b:2")
    monkeypatch.setenv("DUALBLOCK_PARTITIONS__MESSAGES", "5")
    settings = load()
    assert (settings.bootstrap, settings.prefix) == ("b:2", "x.")
    assert (settings.partitions.messages, settings.partitions.registry) == (5, 4)


def test_the_file_is_found_by_option_variable_and_name(monkeypatch: pytest.MonkeyPatch) -> None:
    written('prefix = "named."', "named.toml")
    written('prefix = "variable."', "variable.toml")
    assert load().prefix == "dualblock."
    written('prefix = "here."')
    assert load().prefix == "here."
    monkeypatch.setenv("DUALBLOCK_CONFIG", "variable.toml")
    assert load().prefix == "variable."
    assert load(Path("named.toml")).prefix == "named."


REFUSED = {
    'bootstrp = "a:1"': "bootstrp is no setting: did you mean bootstrap?",
    "[partitions]\nmessages = 0": "partitions.messages: Input should be greater than or equal to 1.",
    "[partitions]\nsingle = 2": "partitions.single: Input should be less than or equal to 1.",
    'jurisdiction = "xx"': "jurisdiction: Input should be 'kr', 'vn', 'cn', 'in', 'es', 'sg', 'nanp' or 'generic'.",
    'prefix = "a b"': "prefix: String should match pattern '^[a-zA-Z0-9._-]{0,80}$'.",
    'publication_key_id = "123456789"': "publication_key_id: String should match pattern '^[a-zA-Z0-9_-]{1,8}$'.",
    '[security]\n"group.id" = "x"': (
        "security: group.id: only security.*, ssl.* and sasl.* settings of librdkafka go here."
    ),
    "metrics_port = 70000": "metrics_port: Input should be less than or equal to 65535.",
    "x = ": "dualblock.toml is no TOML: Invalid value (at end of document).",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_wrong_setting_is_said_in_a_sentence(text: str) -> None:
    written(text)
    said = dualblock("config", "check")
    assert said.code == 2
    assert said.err == f"error: {REFUSED[text]}\n"


def test_every_problem_is_said() -> None:
    written("metrics_port = -1\nreplication = 0\ncolour = 1\n")
    said = dualblock("config", "check")
    assert len(said.err.splitlines()) == 3


def test_a_misspelt_variable_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUALBLOCK_BOOTSTRAPS", "b:2")
    with pytest.raises(ConfigError, match="DUALBLOCK_BOOTSTRAPS is no setting: did you mean DUALBLOCK_BOOTSTRAP?"):
        load()


def test_a_named_file_must_be_there() -> None:
    said = dualblock("--config", "nowhere.toml", "config", "check")
    assert (said.code, said.err) == (
        2, "error: nowhere.toml can't be read (No such file or directory): name an existing file with --config.\n",
    )  # fmt: skip


def test_check_prints_what_is_in_force_and_no_secret() -> None:
    written(WHOLE + '[security]\n"sasl.password" = "hunter2"\n"sasl.username" = "gate"\n')
    said = dualblock("config", "check")
    assert (said.code, said.err) == (0, "")
    lines = dict(line.split(None, 1) for line in said.out.splitlines())
    assert lines["publication_key_hex"] == lines["security.sasl.password"] == "********"
    assert (lines["publication_key_id"], lines["security.sasl.username"]) == ("k1", "gate")
    assert not any(secret in said.out for secret in (KEY, OTHER, "hunter2"))


HALF = {
    "": "No keys are configured",
    f'state_key_hex = "{KEY}"': "publication_key is missing: set publication_key_file or publication_key_hex",
    f'publication_key_hex = "{KEY}"\nstate_key_hex = "{OTHER}"': "publication_key_id is missing",
    f'publication_key_id = "k"\npublication_key_hex = "{KEY}"': "state_key is missing",
    WHOLE.replace(KEY, OTHER): "publication_key and state_key are the same",
    WHOLE.replace(KEY, "ab"): "publication_key must be 32 bytes, written as 64 hex digits.",
    WHOLE.replace(KEY, "zz" * 32): "publication_key must be 32 bytes, written as 64 hex digits.",
    WHOLE + 'state_key_file = "s.key"': "state_key_hex and state_key_file are both set: leave one out.",
    WHOLE.replace(f'state_key_hex = "{OTHER}"', 'state_key_file = "s.key"'): "state_key_file s.key can't be read",
}


@pytest.mark.parametrize("text", HALF)
def test_half_configured_keys_are_refused(text: str) -> None:
    written(text)
    said = dualblock("config", "check")
    assert said.code == 2
    assert said.err.startswith(f"error: {HALF[text]}")
    assert len(said.err.splitlines()) == 1


def test_a_key_comes_from_a_file() -> None:
    Path("p.key").write_text(KEY + "\n")
    Path("s.key").write_text(OTHER)
    found = Settings(
        publication_key_id="k1", publication_key_file=Path("p.key"), state_key_file=Path("s.key")
    ).keys()  # fmt: skip
    assert found == ("k1", bytes.fromhex(KEY), bytes.fromhex(OTHER), ())


def test_demo_keys_are_for_demos_unless_allowed() -> None:
    with pytest.raises(ConfigError, match="No keys are configured"):
        Settings().keys()
    assert Settings().keys(demo=True) == (*DEMO_KEYS, ())
    assert Settings(allow_demo_keys=True).keys() == (*DEMO_KEYS, ())
    assert {len(key) for key in DEMO_KEYS[1:]} == {32}


@pytest.mark.parametrize("role", ["gate", "agents"])
def test_a_worker_without_keys_does_not_start(role: str) -> None:
    said = dualblock(role)
    assert (said.code, said.err.partition(":")[0]) == (2, "error")
    assert "No keys are configured" in said.err
    assert not Path("state").exists() or not any(Path("state").rglob("*.sst"))
