"""`thresholds.yml`: the numbers of the bundled rules, by the names of their alerts.

How the shipped value is spelled is its kind: `5%` is a share, `30s` a duration, `50` a count. A file of one's own names only what differs,
and can name nothing that the shipped one does not have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, create_model, field_validator

from prunella.service.rules import Rule
from prunella.service.settings import Settings, load
from receiver.rules.units import AShare, Threshold, kind

SHIPPED = Path(__file__).parent / "thresholds.yml"
_ADDRESS = re.compile(r"https?://[^\s\"\\]*[^\s\"\\/]")
_SERVICE = re.compile(r"[^\"\\{}\n]{1,200}")


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError(f"{text!r} is no address like https://prunella.example.org/runbooks")
    return text


def _service(name: str) -> str:
    if not _SERVICE.fullmatch(name):
        raise ValueError("a service's name here has no quotes, braces or backslashes")
    return name


Address = Annotated[str, AfterValidator(_address)]
Service = Annotated[str, AfterValidator(_service)]


class Levels(Settings):
    """What one alert compares with."""

    @Rule
    def _in_their_order(self) -> Iterator[str]:
        """A critical alert that fires before its warning says nothing, whichever way the threshold looks."""
        fields = type(self).model_fields
        if not {"warning", "critical"} <= fields.keys():
            return
        rises = fields["critical"].default.value > fields["warning"].default.value
        warning, critical = self.level("warning"), self.level("critical")
        if (critical.value > warning.value) is not rises or critical == warning:
            side = "above" if rises else "below"
            yield f"critical ({critical.text}) must be {side} warning ({warning.text})"

    def level(self, name: str) -> Threshold:
        """One of them. Raises AttributeError."""
        found: Threshold = getattr(self, name)
        return found


def _shipped() -> Mapping[str, Any]:
    tree: Mapping[str, Any] = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    return tree


_TREE = _shipped()


class Links(Settings):
    """Where the links of an alert lead: `<runbooks>/<alert>` and `<dashboards>/<uid>`."""

    runbooks: Address = _TREE["links"]["runbooks"]
    dashboards: Address = _TREE["links"]["dashboards"]


def _levels(name: str, values: Mapping[str, object]) -> tuple[type[Levels], Levels]:
    fields: dict[str, Any] = {key: kind(value) for key, value in values.items()}
    model = create_model(name, __base__=Levels, **fields)
    return model, model()


_ALERTS: dict[str, Any] = {name: _levels(name, values) for name, values in _TREE["alerts"].items()}
Alerts: type[Settings] = create_model("Alerts", __base__=Settings, **_ALERTS)


class Choices(Settings):
    """The keys that are no thresholds. `objectives` are of single services, `objective` of all others."""

    objective: AShare = kind(_TREE["objective"])[1]  # type: ignore[assignment] # a share, as the shipped file spells it
    objectives: Mapping[Service, AShare] = {}
    links: Links = Links()
    off: frozenset[str] = frozenset()

    @field_validator("off")
    @classmethod
    def _are_alerts(cls, names: frozenset[str]) -> frozenset[str]:
        for name in sorted(names - _ALERTS.keys()):
            close = get_close_matches(name, _ALERTS, n=1)
            raise ValueError(
                f"there is no alert {name!r}" + (f"; did you mean {close[0]}?" if close else "")
            )
        return names

    def levels(self) -> Mapping[str, Levels]:
        """Those of each alert."""
        alerts: Settings = getattr(self, "alerts")  # noqa: B009 - made below, from the shipped file
        return {name: getattr(alerts, name) for name in _ALERTS}


Thresholds: type[Choices] = create_model("Thresholds", __base__=Choices, alerts=(Alerts, Alerts()))


def read(file: Path | None, environ: Mapping[str, str]) -> Choices:
    """The shipped ones, with those of `file` over them. Raises ConfigError with every mistake."""
    return load(Thresholds, file, environ)
