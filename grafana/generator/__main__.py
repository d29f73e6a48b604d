"""Writes the dashboards: `python -m grafana.generator`."""

from __future__ import annotations

import json
from pathlib import Path

from grafana.generator.board import json_of
from grafana.generator.boards import BOARDS

FOLDER = Path(__file__).parents[1] / "dashboards"


def texts() -> dict[str, str]:
    """Every dashboard's file."""
    return {f"{board.name}.json": json.dumps(json_of(board), indent=1) + "\n" for board in BOARDS}


if __name__ == "__main__":
    for name, text in texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
