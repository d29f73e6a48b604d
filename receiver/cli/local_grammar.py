"""The words of the commands that work without a receiver. What they do is loaded with the command that is asked for."""

from __future__ import annotations

import argparse
from pathlib import Path

from receiver.cli.operate import Command

RULES = "prometheus/rules"


def add_simulate(command: Command) -> None:
    """`simulate FILE.json`."""
    parser = command("simulate", "what a webhook's body would lead to; nothing is run")
    parser.add_argument("file", help="a body as Alertmanager sends it; - reads standard input")


def add_backtest(command: Command) -> None:
    """The words `backtest` and `replay`."""
    parser = command("backtest", "what playbooks would have done with Prometheus' own history")
    parser.add_argument("--since", default="30d", help="how far back (30d)")
    parser.add_argument("--until", type=float, help="unix seconds; without it now")
    parser.add_argument("--prometheus", help="its URL; without it the config's")
    parser.add_argument("--step", default="1m", help="how exactly alerts are looked at (1m)")
    parser.add_argument(
        "--rules", nargs="+", default=[], help="rule files: alerts that did not exist then, too"
    )
    _common(parser)
    parser = command("replay", "the same with stored deliveries")
    parser.add_argument("file", type=Path, help="webhook bodies, one a line, or a SQLite journal")
    _common(parser)


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--playbooks",
        type=Path,
        action="append",
        default=[],
        help="a file with `playbooks:` in place of the config's; two are compared",
    )
    parser.add_argument(
        "--as-configured", action="store_true", help="keep shadow and approve; without it all act"
    )
    parser.add_argument(
        "--helps", action="store_true", help="as if each action had ended its alerts at once"
    )
    parser.add_argument("--html", type=Path, help="also write a page with a timeline")


def add_lint(command: Command) -> None:
    """`lint [--rules GLOB ...] [--alertmanager FILE]`."""
    parser = command("lint", "playbooks against the rules that fire their alerts")
    parser.add_argument(
        "--rules", nargs="+", default=[f"{RULES}/*.yml"], help=f"rule files ('{RULES}/*.yml')"
    )
    parser.add_argument("--alertmanager", type=Path, help="alertmanager.yml")


def add_rules(command: Command, shared: argparse.ArgumentParser) -> None:
    """`rules render [--thresholds FILE] [--out DIR] [--check]`."""
    parser = command("rules", "the bundled alerting rules with your own thresholds")
    words = parser.add_subparsers(dest="what", required=True, metavar="render")
    writer = words.add_parser("render", help="write the rule files", parents=[shared])
    writer.add_argument("--thresholds", type=Path, help="what differs from the shipped thresholds")
    writer.add_argument("--out", type=Path, default=Path(RULES), help="where to")
    writer.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if a file would change"
    )
