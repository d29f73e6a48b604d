"""A picture is drawn by a process of its own, which may fail, hang, or not be there at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from receiver.outside.pictures import PictureError, Pictures

ECHO = "import sys; sys.stdout.write(sys.stdin.read())"


@pytest.fixture
def _secret() -> Iterator[None]:
    os.environ["ADMIN_API_KEY"] = "hunter2"
    yield
    del os.environ["ADMIN_API_KEY"]


async def refusal(program: str, patience: float = 30.0) -> PictureError:
    with pytest.raises(PictureError) as refused:
        await Pictures(("-c", program), needed=(), patience=patience).draw({})
    return refused.value


async def test_the_document_goes_in_and_the_picture_comes_out() -> None:
    drawn = await Pictures(("-c", ECHO), needed=()).draw({"id": 7})
    assert json.loads(drawn) == {"id": 7}


@pytest.mark.usefixtures("_secret")
async def test_it_gets_nothing_of_our_secrets() -> None:
    program = "import os, json; print(json.dumps(dict(os.environ)))"
    environment = json.loads(await Pictures(("-c", program), needed=()).draw({}))
    assert environment["MPLBACKEND"] == "Agg"
    assert "ADMIN_API_KEY" not in environment


async def test_what_is_not_installed_is_named_with_its_cure() -> None:
    with pytest.raises(PictureError, match=r"pip install 'prunella\[pictures\]'") as refused:
        await Pictures(needed=("no_such_module",)).draw({})
    assert refused.value.missing


async def test_one_that_fails_says_its_last_words() -> None:
    error = await refusal("raise SystemExit('no \\x1b[31mink')")
    assert str(error).startswith("the picture failed: no ")
    assert "\x1b" not in str(error)
    assert not error.missing


async def test_one_that_draws_nothing_has_failed() -> None:
    assert str(await refusal("pass")) == "the picture failed: it said nothing"


async def test_one_that_hangs_is_ended() -> None:
    error = await refusal("import time; time.sleep(600)", patience=0.2)
    assert str(error) == "no picture within 0.2 s"
