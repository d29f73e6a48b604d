"""The command line's grammar, with mistakes that say what may have been meant."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from typing import NoReturn

from receiver.unknown import did_you_mean

_CHOICE = re.compile(r"(.*): invalid choice: '?(.*?)'? \(choose from (.*)\)", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """Exits 2 with the usage, as argparse does. Parsers of its words are of its own kind."""

    def error(self, message: str) -> NoReturn:
        """What is wrong, without a list that fills the screen."""
        found = _CHOICE.fullmatch(message)
        if found is not None:
            known = [one.strip(" '") for one in found[3].split(",")]
            meant = did_you_mean(found[2], known)
            known_ones = "" if meant else f"; known: {', '.join(known)}"
            message = f"{found[1]}: there is no {found[2]!r}{meant}{known_ones}"
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {message}\n{_HELP.format(self.prog)}")


_HELP = "`{} --help` says more\n"
_NUMBER = re.compile(r"[0-9]{1,18}")  # as the API takes it


def numbered(what: str, listed_by: str) -> Callable[[str], int]:
    """The type of an argument: the number of one of those that another command lists."""

    def read(text: str) -> int:
        if _NUMBER.fullmatch(text) is None:
            why = f"{text[:24]!r} is no number of {what}: `{listed_by}` lists those there are"
            raise argparse.ArgumentTypeError(why)
        return int(text)

    return read
