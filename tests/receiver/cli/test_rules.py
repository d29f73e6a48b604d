from __future__ import annotations

import json
from pathlib import Path

import pytest

from receiver.cli.__main__ import main
from tests.prometheus.bundle import RULE_FILES

Printed = pytest.CaptureFixture[str]


def thresholds(folder: Path, text: str) -> str:
    file = folder / "thresholds.yml"
    file.write_text(text)
    return str(file)


def test_the_shipped_rules_are_written_as_they_are_committed(tmp_path: Path) -> None:
    out = tmp_path / "rules"
    assert main(["rules", "render", "--out", str(out)]) == 0
    assert {file.name: file.read_text() for file in out.iterdir()} == {
        file.name: file.read_text() for file in RULE_FILES
    }


def test_only_what_changes_is_written(tmp_path: Path, capsys: Printed) -> None:
    main(["rules", "render", "--out", str(tmp_path)])
    before = (tmp_path / "http.rules.yml").stat().st_ino
    capsys.readouterr()
    own = thresholds(tmp_path, "alerts: {HostCpuHigh: {warning: 95%}}")
    assert main(["rules", "render", "--out", str(tmp_path), "--thresholds", own, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["written"] == ["host.rules.yml"]
    assert (tmp_path / "http.rules.yml").stat().st_ino == before


def test_check_names_what_is_stale_and_writes_nothing(tmp_path: Path, capsys: Printed) -> None:
    main(["rules", "render", "--out", str(tmp_path)])
    own = thresholds(tmp_path, "off: [HostCpuHigh]")
    capsys.readouterr()
    assert main(["rules", "render", "--out", str(tmp_path), "--check"]) == 0
    assert "files are current" in capsys.readouterr().out
    before = (tmp_path / "host.rules.yml").read_text()
    arguments = ["rules", "render", "--out", str(tmp_path), "--thresholds", own, "--check"]
    assert main(arguments) == 1
    assert capsys.readouterr().out == f"stale: {tmp_path / 'host.rules.yml'}\n"
    assert (tmp_path / "host.rules.yml").read_text() == before


def test_a_file_with_mistakes_writes_nothing(tmp_path: Path, capsys: Printed) -> None:
    own = thresholds(tmp_path, "alerts: {HostCpuHigh: {warning: 0.95}}")
    out = tmp_path / "rules"
    assert main(["rules", "render", "--out", str(out), "--thresholds", own]) == 2
    assert "alerts.HostCpuHigh.warning: 0.95 is no share; say it like 5%" in capsys.readouterr().err
    assert not out.exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, capsys: Printed) -> None:
    (tmp_path / "file").write_text("")
    assert main(["rules", "render", "--out", str(tmp_path / "file" / "rules")]) == 2
    assert "Not a directory" in capsys.readouterr().err
