"""The page's figures are those of `--json`, and a scenario that did not hold can't be mistaken for one that did."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from scripts import drill_table
from streams.drill.report import ScenarioReport, to_json

HELD = ScenarioReport(
    "storm", inputs=10868, committed=10868, raw=10886, kills=4, kills_in_transaction=4, worst_recovery_s=16.53,
    seconds=69.2, figures={"late_p99_ms": 599.0}, notes=["3 replicas opened"],
)  # fmt: skip
LOST = ScenarioReport("soak", inputs=5, committed=4, raw=4, lost=1, problems=["gate_g0 grows"])
REPORTS = orjson.loads(to_json({"storm": HELD, "soak": LOST}))


def test_each_scenario_is_a_line_with_what_json_says() -> None:
    head, _, storm, soak = drill_table.table(REPORTS).splitlines()
    assert [cell.strip() for cell in storm.split("|")[1:-1]] == [
        "storm", "10\u00a0868", "10\u00a0868", "10\u00a0886", "0", "0", "0", "0", "0", "0", "4", "4", "16.5", "69",
        "yes",
    ]  # fmt: skip
    assert soak.endswith("| – | 0 | **no** |") and soak.split("|")[5].strip() == "1"
    assert head.count("|") == storm.count("|") == soak.count("|")


def test_figures_notes_and_problems_stand_below() -> None:
    assert drill_table.beside(REPORTS).splitlines() == [
        "* `storm`: late_p99_ms 599.0; 3 replicas opened.",
        "* `soak`: **gate_g0 grows**.",
    ]


@pytest.mark.parametrize("command", ["dualblock drill --seed 77", "dualblock drill --long --seed 77"])
def test_the_page_has_a_place_for_each_form_and_keeps_the_rest(command: str) -> None:
    page = drill_table.PAGE.read_text(encoding="utf-8")
    new, (begin, end) = drill_table.replaced(page, REPORTS, command), drill_table.marks(command)
    assert new.partition(begin)[0] == page.partition(begin)[0]
    assert new.partition(end)[2] == page.partition(end)[2]
    assert "held     1 of 2 scenarios" in new and f"command  {command}\n" in new


def test_the_page_is_written_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = drill_table.PAGE.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="no place"):
        drill_table.replaced("nothing", REPORTS, "c")

    json, copy = tmp_path / "drill.json", tmp_path / "page.md"
    json.write_bytes(orjson.dumps(REPORTS))
    copy.write_text(page, encoding="utf-8")
    monkeypatch.setattr(drill_table, "PAGE", copy)
    assert drill_table.main([str(json), "c"]) == 0
    assert "| storm |" in capsys.readouterr().out and copy.read_text(encoding="utf-8") == page
    assert drill_table.main([str(json), "c", "--write"]) == 0
    assert "| storm |" in copy.read_text(encoding="utf-8")
    assert drill_table.main([]) == 2
