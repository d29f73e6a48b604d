from __future__ import annotations

import asyncio
import base64
import threading

import bcrypt
import pytest

from prunella.service.auth import Denied
from prunella.service.settings import Secret
from prunella.service.users import _NOBODY, _WAITING, Busy, Users, bcrypt_compare


def hashed(password: str, cost: int = 4) -> Secret:
    return Secret(bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode())


USERS = {"prometheus": hashed("s3cret"), "admin": hashed("other", 5)}


def shown(name: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


class Counting:
    """bcrypt, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def __call__(self, password: bytes, known: bytes) -> bool:
        self.asked.append(known)
        return bcrypt_compare(password, known)


async def test_the_right_password_is_a_name() -> None:
    assert await Users().name_of(shown("prometheus", "s3cret"), USERS) == "prometheus"


@pytest.mark.parametrize(
    "header",
    [None, "", "Basic", "Basic ???", "Bearer abc", shown("prometheus", "wrong"), shown("", ""),
     shown("nobody", "s3cret"), shown("admin", "s3cret"), shown("prometheus", ""), "Basic YWJj",
     shown("prometheus", "s3cret\0"), shown("Prometheus", "s3cret")],
)  # fmt: skip
async def test_anything_else_is_not(header: str | None) -> None:
    with pytest.raises(Denied):
        await Users().name_of(header, USERS)


async def test_a_verdict_is_kept_good_or_bad() -> None:
    counting = Counting()
    users = Users(counting)
    for _ in range(3):
        await users.name_of(shown("prometheus", "s3cret"), USERS)
        with pytest.raises(Denied):
            await users.name_of(shown("prometheus", "wrong"), USERS)
    assert len(counting.asked) == 2


async def test_another_hash_is_another_question() -> None:
    users = Users()
    await users.name_of(shown("prometheus", "s3cret"), USERS)
    with pytest.raises(Denied):
        await users.name_of(shown("prometheus", "s3cret"), {"prometheus": hashed("changed")})


async def test_an_unknown_user_costs_as_much_as_the_dearest_one() -> None:
    counting = Counting()
    with pytest.raises(Denied):
        await Users(counting).name_of(shown("nobody", "s3cret"), USERS)
    assert counting.asked == [f"$2b$05{_NOBODY}".encode()]
    assert len(counting.asked[0]) == len(USERS["admin"].get_secret_value())


async def test_a_name_and_a_password_cannot_be_cut_elsewhere() -> None:
    """CVE-2022-46146: where their border is has to be a part of what is remembered."""
    users = Users()
    await users.name_of(shown("prometheus", "s3cret"), USERS)
    kept = USERS["prometheus"].get_secret_value()
    for name, password in (("prometheus" + kept, "s3cret"), ("prometheu", "ss3cret")):
        with pytest.raises(Denied):
            await users.name_of(shown(name, password), USERS)


async def test_whoever_asks_the_same_at_once_is_answered_by_one_comparison() -> None:
    counting = Counting()
    users = Users(counting)
    asked = [users.name_of(shown("prometheus", "s3cret"), USERS) for _ in range(10)]
    assert set(await asyncio.gather(*asked)) == {"prometheus"}
    assert len(counting.asked) == 1


async def test_a_flood_of_guesses_does_not_hold_up_whom_we_know() -> None:
    gate = threading.Event()

    def slow(password: bytes, known: bytes) -> bool:
        if password != b"s3cret":
            gate.wait(10)
        return bcrypt_compare(password, known)

    users = Users(slow)
    await users.name_of(shown("prometheus", "s3cret"), USERS)
    guesses = [
        asyncio.create_task(users.name_of(shown("prometheus", str(n)), USERS))
        for n in range(_WAITING)
    ]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await users.name_of(shown("prometheus", "one more"), USERS)
    assert await users.name_of(shown("prometheus", "s3cret"), USERS) == "prometheus"
    gate.set()
    answers = await asyncio.gather(*guesses, return_exceptions=True)
    assert all(isinstance(answer, Denied) for answer in answers)


async def test_what_is_remembered_is_bounded() -> None:
    users = Users(lambda _, __: False)
    for number in range(600):
        with pytest.raises(Denied):
            await users.name_of(shown("prometheus", str(number)), USERS)
    assert len(users._bad) == 512


def test_a_long_password_counts_as_far_as_bcrypt_looks() -> None:
    known = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4))
    assert bcrypt_compare(b"x" * 80, known)
    assert not bcrypt_compare(b"\0", known)
