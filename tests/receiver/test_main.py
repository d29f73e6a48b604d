from __future__ import annotations

from pathlib import Path

import pytest

from receiver.__main__ import main

CONFIG = """
mode: {mode}
auth: {{webhook: [{{name: alertmanager, token: secret}}]}}
executables: {{pm2: {program}}}
targets: {{api: {{matchers: ['service="api"'], process: {{manager: pm2, name: api}}}}}}
playbooks: [{{name: down, mode: auto, matchers: ['alertname="Down"'], ladder: [{{action: restart}}]}}]
"""


def check(folder: Path, *, mode: str, program: str) -> int:
    file = folder / "receiver.yml"
    file.write_text(CONFIG.format(mode=mode, program=program))
    return main(["--config", str(file), "--check-config"])


@pytest.mark.parametrize("mode", ["auto", "approve"])
def test_a_program_that_is_missing_is_found_before_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    assert check(tmp_path, mode=mode, program="/no/such/pm2") == 2
    said = capsys.readouterr()
    assert "executables.pm2: /no/such/pm2 is not a program" in said.out + said.err


def test_in_shadow_mode_a_missing_program_is_no_mistake(tmp_path: Path) -> None:
    assert check(tmp_path, mode="shadow", program="/no/such/pm2") == 0


def test_a_program_that_is_there_is_fine(tmp_path: Path) -> None:
    assert check(tmp_path, mode="auto", program="/bin/true") == 0
