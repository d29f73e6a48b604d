"""`prunella rules`: the bundled alerting rules with a team's own thresholds. Needs files only."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from prunella.service.settings import ConfigError
from receiver.rules.render import render
from receiver.rules.thresholds import read


def rules(options: argparse.Namespace) -> int:
    """0 for written or current, 1 for stale, 2 when a file cannot be used."""
    try:
        texts = render(read(options.thresholds, os.environ))
        changed = sorted(
            name for name, text in texts.items() if _on_disk(options.out / name) != text
        )
        if not options.check:
            _write(options.out, {name: texts[name] for name in changed})
    except (ConfigError, OSError) as error:
        print(f"prunella: {error}", file=sys.stderr)
        return 2
    verb = "stale" if options.check else "written"
    if options.json:
        print(json.dumps({verb: changed, "current": sorted(texts.keys() - changed)}))
    else:
        lines = [f"{verb}: {options.out / name}" for name in changed]
        print("\n".join(lines) or f"{options.out}: all {len(texts)} files are current")
    return 1 if options.check and changed else 0


def _on_disk(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        # Prometheus reads *.yml, so it never sees half a file
        partial = folder / f".{name}.partial"
        partial.write_text(text, encoding="utf-8")
        partial.replace(folder / name)
