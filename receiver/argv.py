"""Programs with their arguments as the config lists them: each argument whole, no shell, nothing put in."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field


def _check(argv: tuple[str, ...]) -> tuple[str, ...]:
    program = argv[0]
    if not program or program.startswith("-") or ("/" in program and not program.startswith("/")):
        raise ValueError("must begin with a program: an absolute path, or a bare name")
    if any("\0" in argument for argument in argv):
        raise ValueError("must not hold NUL")
    return argv


Argv = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_check)]
