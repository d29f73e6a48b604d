"""docs/actions.md, made from the models and docstrings of the code: `python -m tests.project.actions_document` writes it.

What proves an action on each kind of thing is named here, and nowhere else; test_actions_document keeps all of it true.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from prunella.service.settings import Settings
from prunella.service.units import DURATION, format_duration
from receiver.actions import ACTIONS
from receiver.actions.base import Action
from receiver.backups.facet import BackupFacet, Bucket
from receiver.managers import MANAGERS
from receiver.queues import QUEUES
from receiver.stores.postgres_store import PostgresFacet
from receiver.stores.redis_store import RedisFacet
from receiver.strategies import STRATEGIES
from receiver.targets import HttpFacet

DOCUMENT = Path(__file__).parents[2] / "docs" / "actions.md"
RECEIVER = "tests/receiver"
MADE_BY_NEED: Mapping[str, Sequence[str]] = {  # facet: what may stand behind it
    "process": tuple(MANAGERS),
    "queue": tuple(QUEUES),
    "redis": ("redis",),
    "postgres": ("postgres",),
    "release": tuple(STRATEGIES),
    "backup": ("postgres",),
}
EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "call": {"path": "/admin/flush"},
    "run": {"argv": ["/opt/heal.sh"]},
}
BEHIND: Mapping[str, Sequence[str]] = {  # of actions that are not about one facet alone
    "backup": ("postgres", "redis", "config"),
    "call": ("http",),
    "collect_garbage": ("http", *MANAGERS),
    "heal_all": ("postgres, redis and queue together",),
    "heal_stale_sessions": ("postgres", "redis"),
    "run": ("program",),
}
PROOFS: Mapping[str, Mapping[str, str]] = yaml.safe_load(
    Path(__file__).with_name("proofs.yml").read_text()
)


INTRODUCTION = """\
What a rung of a ladder, a schedule or `prunella repair` can do. Made from the code by `python -m
tests.project.actions_document`: do not edit it here. How an action is allowed, run, proven and told is in
[operations.md](operations.md). The receiver's own user and roles need what is written here under *Privileges*, and in
the sections about managers, stores and queues; nothing more."""
PATHS = """\
Paths are below `tests/receiver`. Those of `docker`, `compose` and `systemd` are told twice: to a strict stand-in by
`make test`, and to a real engine and a real systemd by `make compose-test`."""
PROCESS = """\
The `process:` facet: `{manager: pm2, name: api}`. `gc_signal`, of every manager that sends signals, is what
`collect_garbage` sends where the target has no `http.gc_path`."""

RELEASE = """\
The `release:` facet: `{strategy: symlink, path: /srv/api, version: {url: …, json: version}}`; see
[releases.md](releases.md). `version` proves what serves, `soak` is how long a release has to be healthy before it is known
good, `gate` says when it may be blamed."""


def behind(name: str, action: Action) -> Sequence[str]:
    """What kinds of things the action works on."""
    return BEHIND.get(name) or MADE_BY_NEED[action.needs() or ""]


def example(name: str) -> Action:
    """The action with as few options as it takes."""
    return ACTIONS[name].model_validate(EXAMPLES.get(name, {}))


def document() -> str:
    """The whole page."""
    parts = [
        "# Actions",
        INTRODUCTION,
        "## What is shown where",
        _table(["action", "on", "shown by"], _proofs()),
        PATHS,
        *(part for name in sorted(ACTIONS) for part in _action(name)),
        "## Process managers",
        PROCESS,
        *(part for name, kind in sorted(MANAGERS.items()) for part in _section(name, kind, "###")),
        "## Other facets",
        *_section("http", HttpFacet, "###"),
        *_section("redis", RedisFacet, "###"),
        *_section("postgres", PostgresFacet, "###"),
        *_section("backup", BackupFacet, "###"),
        *_section("backup.s3", Bucket, "###"),
        "## Queues",
        "The `queue:` facet: `{system: bullmq, url: …, queues: [email], stuck_after: 5m}`.",
        *(part for name, kind in sorted(QUEUES.items()) for part in _section(name, kind, "###")),
        "## Release strategies",
        RELEASE,
        *(
            part
            for name, kind in sorted(STRATEGIES.items())
            for part in _section(name, kind, "###")
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _proofs() -> Iterator[list[str]]:
    for name in sorted(ACTIONS):
        for thing in behind(name, example(name)):
            shown = PROOFS[name][thing]
            yield [f"`{name}`", thing, shown[2:] if shown.startswith("- ") else f"`{shown}`"]


def _action(name: str) -> Iterator[str]:
    action = example(name)
    facet = action.needs()
    facts = [
        f"needs `{facet}:`" if facet else "needs what its text says",
        "may be repeated"
        if action.idempotent
        else "is not repeated when nobody knows whether it ran",
        "may be stopped half-way" if action.cancel_safe else "is not stopped once begun",
        "disruptive" if action.disruptive else "not disruptive",
        *(["only from the config"] if action.from_config_only else []),
    ]
    yield f"## `{name}`"
    yield inspect.getdoc(type(action)) or ""
    yield f"*{' · '.join(facts)}*"
    yield from _options(type(action))


def _section(name: str, kind: type[Settings], heading: str) -> Iterator[str]:
    yield f"{heading} `{name}`"
    yield inspect.getdoc(kind) or ""
    yield from _options(kind)


def _options(kind: type[Settings]) -> Iterator[str]:
    schema = kind.model_json_schema(by_alias=True)
    required = set(schema.get("required", ()))
    rows = []
    for name, field in kind.model_fields.items():
        key = field.alias or name
        default = (
            "required"
            if key in required
            else _plain(
                field.get_default(call_default_factory=True), field.annotation, field.metadata
            )
        )
        rows.append([f"`{key}`", default, _kind(schema["properties"][key], field.metadata)])
    if rows:
        yield _table(["option", "default", "what"], rows)


def _plain(value: object, annotation: object, metadata: Sequence[object]) -> str:
    if value is None:
        return "none"
    if _is_duration(annotation, metadata) and isinstance(value, float):
        return f"`{format_duration(value)}`"
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    text = str(value) if not isinstance(value, bool) else json.dumps(value)
    return f"`{text}`" if text else "none"


def _is_duration(annotation: object, metadata: Sequence[object]) -> bool:
    return "format_duration" in repr(metadata) or "parse_duration" in f"{annotation!r} {metadata!r}"


def _kind(schema: Mapping[str, Any], metadata: Sequence[object]) -> str:
    if "anyOf" in schema:
        return " or ".join(
            _kind(one, metadata) for one in schema["anyOf"] if one.get("type") != "null"
        )
    if schema.get("format") == DURATION:
        return "duration"
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤"}
    limits = " and ".join(
        f"{sign} {schema[key]:g}" for key, sign in bounds.items() if key in schema
    )
    word = {"integer": "number", "number": "number", "boolean": "true or false", "string": "text",
            "array": "list", "object": "mapping"}.get(str(schema.get("type")), "value")  # fmt: skip
    if word == "list" and "enum" in schema.get("items", {}):
        word = "list of " + ", ".join(f"`{one}`" for one in schema["items"]["enum"])
    return f"{word} {limits}".rstrip()


def _table(head: Sequence[str], rows: Iterator[list[str]] | list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(re.sub(r"\|", r"\\|", cell) for cell in line) + " |" for line in lines
    )


if __name__ == "__main__":
    DOCUMENT.write_text(document())
