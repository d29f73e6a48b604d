"""The words of `prunella backup`, apart from what they do, which needs half of the receiver."""

from __future__ import annotations

import argparse

from receiver.cli.operate import Command
from receiver.cli.watch import add_watch

MAKES = {
    "full": "all kinds that the target has something for",
    "database": "a dump, for pg_restore",
    "export": "the configured tables as JSON lines",
    "config": "the configuration, without its secrets",
    "redis": "a copy of the Redis",
}


def add_backups(command: Command, shared: argparse.ArgumentParser) -> None:
    """All of its words; with `--config` it is done here, without a receiver."""
    parser = command("backup", "make, list, prove, restore and let go of backups")
    words = parser.add_subparsers(
        dest="what",
        required=True,
        metavar="full|database|export|config|redis|list|verify|drill|restore|cleanup",
    )

    def word(name: str, about: str) -> argparse.ArgumentParser:
        return words.add_parser(name, help=about, parents=[shared])

    for name, about in MAKES.items():
        word(name, about).add_argument("target")
    listed = word("list", "what there is, and what became of the last runs")
    listed.add_argument("target", nargs="?")
    listed.add_argument("--away", action="store_true", help="in the buckets as well")
    add_watch(listed)
    verify = word("verify", "restore into a scratch database and count, or read to the end")
    verify.add_argument("target")
    verify.add_argument("file", nargs="?", help="default: the last one of every kind")
    verify.add_argument("--quick", action="store_true", help="its sum only; proves no restore")
    drill = word("drill", "the same with the last ones: what the weekly schedule does")
    drill.add_argument("target")
    drill.add_argument("--away", action="store_true", help="with the copies in the bucket")
    word("cleanup", "let go of what is old enough").add_argument("target")
    _add_restore(word("restore", "bring a database back; shows the plan first"))


def _add_restore(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target")
    parser.add_argument("file", nargs="?", help="default: the last one of the database")
    parser.add_argument("--to", metavar="URL", help="another server or database")
    parser.add_argument("--to-file", metavar="FILE", help="the same, read from a file")
    parser.add_argument("--replace", action="store_true", help="also when it is not empty")
    parser.add_argument(
        "--no-owner", action="store_true", help="everything belongs to the role in the URL"
    )
    parser.add_argument(
        "--identity", metavar="FILE", help="age identity, for one that is encrypted"
    )
    parser.add_argument("--plan", action="store_true", help="show what would be done, and stop")
    parser.add_argument("--yes", action="store_true", help="do not ask")
