"""Checks by their key under `verify.checks`. A new one is a file beside this and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from receiver.checks.alert_cleared import AlertCleared
from receiver.checks.base import Check
from receiver.checks.http import HttpAnswer
from receiver.checks.promql import Promql
from receiver.registry import chosen_by_only_key

CHECKS: dict[str, type[Check]] = {"alert": AlertCleared, "http": HttpAnswer, "promql": Promql}


def parse_check(value: object) -> Check:
    """The check that `{http: {path: /health}}` or `{alert: cleared}` means. Raises ValueError."""
    if isinstance(value, Check):
        return value
    _, kind, options = chosen_by_only_key(CHECKS, value)
    if kind.shorthand is not None and not isinstance(options, Mapping):
        options = {kind.shorthand: options}
    return kind.model_validate(options)
