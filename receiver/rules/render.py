"""The rule files as Prometheus reads them: the templates beside this module, filled in with thresholds.

Prometheus' own `{{ … }}` stands in the texts of alerts, so what is filled in here is written `<< … >>`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import jinja2

from receiver.rules.thresholds import Choices

TEMPLATES = Path(__file__).parent / "templates"
_ITEM = re.compile(r"      - (alert|record): (\S+)")


def render(choices: Choices) -> Mapping[str, str]:
    """Every rule file by its name."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - YAML for Prometheus, from files of this package and checked numbers
    )
    environment.filters["regex"] = _regex
    known = {
        **choices.levels(),
        "objective": choices.objective,
        "objectives": choices.objectives,
        "links": _Links(choices),
    }
    head = "# Written by `prunella rules render` from receiver/rules: change thresholds.yml or the template, not this file.\n"
    names = sorted(file.name for file in TEMPLATES.glob("*.rules.yml"))
    texts = {name: head + environment.get_template(name).render(known) for name in names}
    return {name: "".join(_without(choices.off, text)) for name, text in texts.items()}


def _regex(name: str) -> str:
    """A matcher's regular expression for this name alone, as it stands inside quotes."""
    return re.escape(name).replace("\\", "\\\\")


class _Links:
    """`<< links("HighErrorRate", "service") >>`: the two annotations that lead to a page and to a dashboard."""

    def __init__(self, choices: Choices) -> None:
        self._links = choices.links

    def __call__(
        self, alert: str, board: str, query: str = "?var-service={{ $labels.service }}"
    ) -> str:
        runbook = f"runbook_url: {self._links.runbooks}/{alert}"
        return (
            f"{runbook}\n          dashboard_url: {self._links.dashboards}/prunella-{board}{query}"
        )


def _without(off: frozenset[str], text: str) -> Iterator[str]:
    """The lines but those of alerts that are off, with the comments before them."""
    comments: list[str] = []
    dropped = False
    for line in text.splitlines(keepends=True):
        if line.startswith("      #") or not line.strip():
            comments.append(line)
            continue
        if item := _ITEM.match(line):
            dropped = item[1] == "alert" and item[2] in off
        if dropped:
            comments.clear()
            continue
        yield from comments
        comments.clear()
        yield line
    yield from comments
