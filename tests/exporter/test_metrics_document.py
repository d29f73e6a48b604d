"""docs/metrics.md says what there is, and nothing that there is not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.exporter.metric_names import Name, emitted

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "metrics.md"
KIT = """
import importlib, json, pkgutil, prunella
from prunella.metrics import REGISTRY
for module in pkgutil.walk_packages(prunella.__path__, "prunella."):
    importlib.import_module(module.name)
library = ("python_", "process_")
print(json.dumps([
    [family.name + ("_total" if family.type == "counter" else ""), family.type]
    for family in REGISTRY.collect() if not family.name.startswith(library)
]))
"""


def documented(section: str) -> set[Name]:
    """The first two columns of the tables under `## section`."""
    text = DOCUMENT.read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-zA-Z0-9_]+)` \| (\w+) \|", text, re.MULTILINE)
    assert len(rows) == len(set(rows)), "a name is there twice"
    return {Name(name, kind) for name, kind in rows}


async def test_the_exporters_names_are_all_documented_and_no_others(tmp_path: Path) -> None:
    assert documented("Exporter") == await emitted(tmp_path)


def test_the_kits_names_are_all_documented_and_no_others() -> None:
    done = subprocess.run([sys.executable, "-c", KIT], cwd=ROOT, capture_output=True, check=True)
    assert documented("Kit") == {Name(name, kind) for name, kind in json.loads(done.stdout)}


def test_every_row_says_what_it_means() -> None:
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    assert rows
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 4, row
        assert len(cells[3]) > 10, row
