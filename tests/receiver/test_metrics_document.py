"""The receiver's part of docs/metrics.md names what the code has, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from receiver import metrics

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_receivers_names_types_and_labels_are_documented_and_no_others() -> None:
    text = DOCUMENT.read_text().partition("\n## Receiver\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]+) \|", text, re.MULTILINE)
    documented = {(name, kind, re.sub(r"\W+$", "", labels.strip())) for name, kind, labels in rows}
    assert documented == {
        _shown(metric) for metric in vars(metrics).values() if isinstance(metric, MetricWrapperBase)
    }


def _shown(metric: MetricWrapperBase) -> tuple[str, str, str]:
    family = next(iter(metric.describe()))
    suffix = "_total" if family.type == "counter" else ""
    return family.name + suffix, family.type, ", ".join(metric._labelnames)
