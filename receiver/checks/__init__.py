"""Checks by their key under `verify.checks`. A new one is a file beside this and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from prunella.service.problems import Location, mistakes_of
from receiver.checks.alert_cleared import AlertCleared
from receiver.checks.base import Check
from receiver.checks.http import HttpAnswer
from receiver.checks.postgres import PostgresAnswers
from receiver.checks.process import ProcessUp
from receiver.checks.promql import Promql
from receiver.checks.queue import QueueState
from receiver.checks.redis import RedisAnswers
from receiver.checks.version import VersionServes
from receiver.registry import chosen_by_only_key

CHECKS: dict[str, type[Check]] = {
    "alert": AlertCleared,
    "http": HttpAnswer,
    "postgres": PostgresAnswers,
    "process": ProcessUp,
    "promql": Promql,
    "queue": QueueState,
    "redis": RedisAnswers,
    "version": VersionServes,
}


def parse_check(value: object, context: Any = None) -> Check:
    """The check that `{http: {path: /health}}` or `{alert: cleared}` means. Raises ValueError."""
    if isinstance(value, Check):
        return value
    name, kind, options = chosen_by_only_key(CHECKS, value)
    inside: Location = (name,)
    if kind.shorthand is not None and not isinstance(options, Mapping):
        options = {kind.shorthand: options}
        inside = ()
    try:
        return kind.model_validate(options, context=context)
    except ValidationError as error:
        found = [{**one, "loc": (*inside, *one.get("loc", ()))} for one in mistakes_of(error)]
        raise ValidationError.from_exception_data(
            "check", cast("list[InitErrorDetails]", found), hide_input=True
        ) from None
