"""The command line of `systemctl` over the systemd of tests/servers/systemd.py: a program, started with a socket's path and the
name of who asks.

It takes what systemctl(1) documents and our managers use, and refuses everything else in systemctl's own words, so that
a misspelt option fails here as it would there. Exit codes as in the table "LSB return codes" of that page and in
`translate_bus_error_to_exit_status()`: 1 failed, 3 not applicable, 4 no access, 5 no such unit.
"""

from __future__ import annotations

import json
import signal
import socket
import sys
from typing import Any, NoReturn

FLAGS = {"--user", "--no-pager", "--no-ask-password", "--no-block", "--quiet"}
# also the spelling of systemd 251 and older, which newer ones take as an abbreviation
VALUES = {"--property", "--signal", "--kill-whom", "--kill-who"}
VERBS = {"show", "start", "stop", "restart", "reload", "kill", "reset-failed"}
WHOM = {"main", "control", "all"}


def fail(message: str, code: int = 1) -> NoReturn:
    sys.stderr.write(f"{message}\n")
    sys.exit(code)


def parse(arguments: list[str]) -> dict[str, Any]:
    """The order as systemd gets it over the bus."""
    order: dict[str, Any] = {"words": []}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not argument.startswith("-") or argument == "-":
            order["words"].append(argument)
        elif name in VALUES and equals:
            order[name.removeprefix("--")] = value
        elif argument in FLAGS:
            order[argument.removeprefix("--")] = True
        elif name in VALUES:
            fail(f"systemctl: option '{name}' requires an argument")
        elif name in FLAGS:
            fail(f"systemctl: option '{name}' doesn't allow an argument")
        else:
            fail(f"systemctl: unrecognized option '{argument}'")
    return order


def check(order: dict[str, Any]) -> None:
    words = order["words"]
    if not words or words[0] not in VERBS:
        fail(f"Unknown command verb {words[0]}." if words else "Too few arguments.")
    if len(words) < 2:
        fail("Too few arguments.")
    if (name := order.get("signal")) is not None and name not in signal.Signals.__members__:
        fail(f'Failed to parse signal string "{name}".')
    whom = order.get("kill-whom", order.get("kill-who", "all"))
    if whom not in WHOM:
        fail(f"Invalid argument: --kill-whom={whom}")


def ask(path: str, order: dict[str, Any]) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as bus:
        try:
            bus.connect(path)
        except OSError:
            fail("Failed to connect to bus: No such file or directory")
        bus.sendall(json.dumps(order).encode() + b"\n")
        with bus.makefile("rb") as answer:
            line = answer.readline()
    if not line:
        fail("Failed to get properties: Connection reset by peer")
    parsed: dict[str, Any] = json.loads(line)
    return parsed


def main() -> None:
    order = parse(sys.argv[3:])
    check(order)
    order["stranger"] = sys.argv[2] == "stranger"  # what polkit would know
    answer = ask(sys.argv[1], order)
    sys.stdout.write(answer["out"])
    sys.stderr.write(answer["err"])
    sys.exit(answer["exit"])


if __name__ == "__main__":
    main()
