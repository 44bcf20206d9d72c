"""What the pages say is there: files, commands, topics, fields, settings; and the topic table is the contract's."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer.main

from scripts import pack_table
from scripts.topic_table import replaced, table
from streams.cli.main import app
from streams.config import Settings
from streams.contracts.messages import Message
from streams.contracts.topics import TOPICS
from streams.errors import InputError

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").glob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
COMPOSE = (ROOT / "deploy" / "compose.yaml").read_text()
COMMAND = typer.main.get_command(app)
pages = pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))


def commands(group: Any, words: list[str]) -> Any:
    """The command that the words lead to, or None."""
    for word in words:
        found = getattr(group, "commands", {}).get(word)
        if found is None:
            return None if getattr(group, "commands", None) else group
        group = found
    return group


def calls(text: str) -> Iterator[list[str]]:
    """Every `dualblock …` written as code: its words up to the first that is no bare word."""
    for found in re.findall(r"(?:^|`|\./scripts/)dualblock ([a-z][^`\n#]*)", text, re.MULTILINE):
        yield re.split(r"\s+", found.strip())


@pages
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not link.startswith("http") and not (page.parent / link).exists()] == []


@pages
def test_no_page_links_out(page: Path) -> None:
    """A page that needs the network to be understood is half a page; sources are named in words."""
    assert re.findall(r"https?://\S+", page.read_text()) == []


@pages
def test_every_command_and_option_exists(page: Path) -> None:
    unknown = []
    for words in calls(page.read_text()):
        bare = [word.rstrip(".,:;)") for word in words]
        names = [w for w in bare[: next((i for i, w in enumerate(bare) if not w.isalpha()), len(bare))] if w.islower()]
        command = commands(COMMAND, names)
        options = [w.partition("=")[0] for w in bare if w.startswith("--")]
        if command is None:
            unknown.append(words)
            continue
        known = {o for parameter in command.params for o in (*parameter.opts, *parameter.secondary_opts)}
        unknown += [words for option in options if option not in known]
    assert unknown == []


def test_the_topic_table_is_the_contract_s() -> None:
    page = (ROOT / "README.md").read_text()
    assert replaced(page) == page, "run .venv/bin/python scripts/topic_table.py --write"


def test_the_tables_of_jurisdictions_are_the_packs() -> None:
    page = (ROOT / "docs" / "jurisdictions.md").read_text()
    assert pack_table.replaced(page) == page, "run .venv/bin/python scripts/pack_table.py --write"
    with pytest.raises(ValueError, match="no place"):
        pack_table.replaced("nothing here")


def test_the_topic_table_holds_every_topic_once() -> None:
    assert sorted(re.findall(r"`([a-z.]+)`", table())) == sorted(topic.entity for topic in TOPICS)


def test_a_page_without_the_table_s_place_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for the table"):
        replaced("nothing here")


@pytest.mark.parametrize("path", DECISIONS, ids=lambda p: p.stem)
def test_a_decision_has_context_choice_and_cost(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("# ")
    found = [text.find(f"**{word}.**") for word in ("Context", "Choice", "Cost")]
    assert -1 not in found and found == sorted(found)


def test_decisions_are_numbered_without_holes() -> None:
    numbers = [int(path.name[:4]) for path in DECISIONS if path.name[:4].isdigit()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_file_map_names_files_that_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    rooms = {path.name for path in (ROOT / "streams").iterdir() if path.is_dir()}
    named = re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.(?:py|toml))[`:]", text)
    missing = [n for n in named if not (ROOT / ("streams" if n.split("/")[0] in rooms else ".") / n).exists()]
    assert named and missing == []


def test_the_rooms_are_all_on_the_map() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    rooms = [path.name for path in (ROOT / "streams").iterdir() if (path / "__init__.py").exists()]
    assert [room for room in rooms if f"`{room}`" not in text] == []


def test_the_smsc_page_names_fields_that_exist() -> None:
    text = (ROOT / "docs" / "smsc.md").read_text()
    rows = re.findall(r"^\| (`[^|]+) \|", text.split("| field | stamped from |")[1].split("\n\n")[0], re.MULTILINE)
    known = {field.name for field in msgspec.structs.fields(Message)}
    nested = {"relay_id", "chain", "account_id", "bind_id", "peer_ip", "international"}
    named = {part for row in rows for name in re.findall(r"`([a-z_.]+)`", row) for part in name.split(".")}
    assert len(named) > 10 and named <= known | nested


def test_compose_sets_settings_that_exist_and_runs_commands_that_exist() -> None:
    settings = {name.upper() for name in Settings.model_fields}
    named = re.findall(r"DUALBLOCK_([A-Z_]+)", COMPOSE)
    assert named and set(named) <= settings
    run = re.findall(r"command: \[([^\]]+)\]", COMPOSE)
    assert {"registrar", "gate", "meter", "recent", "behaviour", "agents"} <= set(run)
    assert [words for words in run if commands(COMMAND, words.split(", ")) is None] == []


def test_the_settings_in_readme_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from streams.config import load

    for variable in [v for v in os.environ if v.startswith("DUALBLOCK_")]:
        monkeypatch.delenv(variable)
    (block,) = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    path = tmp_path / "dualblock.toml"
    path.write_text(block)
    settings = load(path)
    assert (settings.replication, settings.partitions.messages) == (3, 24)


def test_the_csv_in_readme_is_a_row(tmp_path: Path) -> None:
    from streams.cli.imports.rows import parse_rows
    from streams.engine.policy import build
    from streams.packs import shipped

    (block,) = re.findall(r"```\n(kind,key.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    path = tmp_path / "senders.csv"
    path.write_text(block)
    grammar = build(shipped()["kr", "enforce"]).pack.grammar
    try:
        parsed = parse_rows([str(path)], grammar, 0, lambda: None)
    except InputError as error:  # pragma: no cover - the message is the finding
        pytest.fail(str(error))
    assert list(parsed.rows) == ["sender:kr:15881234"] and not parsed.rejects
