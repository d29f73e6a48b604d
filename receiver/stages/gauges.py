"""Gauges whose series come and go with the config: what is shown now takes the place of what was shown before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prunella.metrics import Gauge

Series = Mapping[tuple[str, ...], float]


class Shifting:
    """What these gauges show, which is nobody else's to set."""

    def __init__(self, gauges: Iterable[Gauge]) -> None:
        self._shown: dict[Gauge, Series] = {}
        for gauge in gauges:  # of another receiver that ran in this process
            gauge.clear()

    def show(self, series: Mapping[Gauge, Series]) -> None:
        """Takes away what is not there any more."""
        for gauge, values in series.items():
            for labels in self._shown.get(gauge, {}).keys() - values.keys():
                gauge.remove(*labels)
            for labels, value in values.items():
                gauge.labels(*labels).set(value)
            self._shown[gauge] = values
