from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
import yaml

from prunella.service.answers import Refused
from prunella.service.deadlines import Deadlines
from prunella.service.door import Door
from prunella.service.settings import ConfigError
from tests.prunella.service.certificates import Pair, self_signed, signed
from tests.prunella.service.front_door import SHORT, Answer, Client, Connection, client_of, service
from tests.prunella.service.stand_ins import FakeClock
from tests.prunella.service.test_users import hashed, shown


def written(folder: Path, pair: Pair | None = None, **keys: Any) -> Path:
    file = folder / "web.yml"
    tls: dict[str, Any] = keys.pop("tls", {})
    if pair is not None:
        tls |= {"cert_file": str(pair.certificate), "key_file": str(pair.key)}
        keys["tls_server_config"] = tls
    file.write_text(yaml.safe_dump(keys))
    return file


@asynccontextmanager
async def behind(file: Path, deadlines: Deadlines | None = None) -> AsyncIterator[Client]:
    door = Door(file)
    async with client_of(service(door=door, deadlines=deadlines or Deadlines())) as client:
        yield client


async def secure(client: Client, trusted: Pair, own: Pair | None = None) -> Connection:
    context = ssl.create_default_context(cafile=str(trusted.certificate))
    if own is not None:
        context.load_cert_chain(own.certificate, own.key)
    address = client.address
    return Connection(
        *await asyncio.open_connection(
            address.host, address.port, ssl=context, server_hostname="localhost"
        )
    )


async def asked(client: Client, trusted: Pair, own: Pair | None = None) -> Answer:
    async with await secure(client, trusted, own) as connection:
        await connection.send("GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        return await connection.answer()


async def test_without_anything_in_it_the_door_is_open(tmp_path: Path) -> None:
    async with behind(written(tmp_path)) as client:
        assert (await client.get("/refuse")).status == 503


async def test_a_service_answers_over_tls(tmp_path: Path) -> None:
    pair = self_signed(tmp_path, "one")
    async with behind(written(tmp_path, pair)) as client:
        assert (await asked(client, pair)).status == 200


def test_a_service_answers_over_tls_on_the_loop_that_it_runs_on(tmp_path: Path) -> None:
    pair = self_signed(tmp_path, "one")

    async def ask() -> list[int]:
        async with behind(written(tmp_path, pair)) as client:
            answers = await asyncio.gather(*(asked(client, pair) for _ in range(10)))
            return [answer.status for answer in answers]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(ask()) == [200] * 10


async def test_a_certificate_that_was_exchanged_counts_for_the_next_connection(
    tmp_path: Path,
) -> None:
    old, new = self_signed(tmp_path, "old"), self_signed(tmp_path, "new")
    serving = Pair(tmp_path / "s.pem", tmp_path / "s.key")

    def use(pair: Pair) -> None:
        serving.certificate.write_bytes(pair.certificate.read_bytes())
        serving.key.write_bytes(pair.key.read_bytes())

    use(old)
    async with (
        behind(written(tmp_path, serving)) as client,
        await secure(client, old) as before,
    ):
        use(new)
        assert (await asked(client, new)).status == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            await secure(client, old)
        await before.send("GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await before.answer()).status == 200


async def test_half_of_an_exchange_leaves_the_one_before_in_force(tmp_path: Path) -> None:
    old, new = self_signed(tmp_path, "old"), self_signed(tmp_path, "new")
    async with behind(written(tmp_path, old)) as client:
        kept = old.certificate.read_bytes()
        old.certificate.write_bytes(new.certificate.read_bytes())  # its key is not there yet
        trusted = Pair(tmp_path / "kept.pem", old.key)
        trusted.certificate.write_bytes(kept)
        assert (await asked(client, trusted)).status == 200
        old.key.write_bytes(new.key.read_bytes())
        assert (await asked(client, new)).status == 200


async def test_only_clients_with_a_certificate_of_ours_come_in(tmp_path: Path) -> None:
    server, ours = self_signed(tmp_path, "server"), self_signed(tmp_path, "authority")
    known = signed(tmp_path, "prometheus", ours, "DNS:prometheus.shop")
    stranger = self_signed(tmp_path, "stranger")
    tls = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": str(ours.certificate)}  # fmt: skip
    async with behind(written(tmp_path, server, tls=tls)) as client:
        assert (await asked(client, server, known)).status == 200
        for wrong in (None, stranger):
            with pytest.raises((OSError, asyncio.IncompleteReadError)):
                await asked(client, server, wrong)


async def test_an_authority_that_was_taken_away_counts_no_more(tmp_path: Path) -> None:
    server, first = self_signed(tmp_path, "server"), self_signed(tmp_path, "first")
    second = self_signed(tmp_path, "second")
    client_of_first = signed(tmp_path, "a", first, "DNS:a")
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(first.certificate.read_bytes())
    tls = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": str(trusted)}
    async with behind(written(tmp_path, server, tls=tls)) as client:
        assert (await asked(client, server, client_of_first)).status == 200
        trusted.write_bytes(second.certificate.read_bytes())
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await asked(client, server, client_of_first)


async def test_a_client_is_let_in_by_one_of_its_names(tmp_path: Path) -> None:
    server, ours = self_signed(tmp_path, "server"), self_signed(tmp_path, "authority")
    named = signed(tmp_path, "a", ours, "DNS:prometheus.shop")
    other = signed(tmp_path, "b", ours, "DNS:other.shop")
    tls = {
        "client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": str(ours.certificate),
        "client_allowed_sans": ["prometheus.shop"],
    }  # fmt: skip
    async with behind(written(tmp_path, server, tls=tls)) as client:
        assert (await asked(client, server, named)).status == 200
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await asked(client, server, other)


async def test_an_old_version_of_tls_is_refused(tmp_path: Path) -> None:
    pair = self_signed(tmp_path, "one")
    async with behind(written(tmp_path, pair, tls={"min_version": "TLS13"})) as client:
        context = ssl.create_default_context(cafile=str(pair.certificate))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(OSError):  # noqa: PT011 - an alert or a reset, as the sockets have it
            await asyncio.open_connection(
                client.address.host, client.address.port, ssl=context, server_hostname="localhost"
            )


async def test_a_handshake_that_is_never_finished_closes_the_connection(tmp_path: Path) -> None:
    pair = self_signed(tmp_path, "one")
    async with (
        behind(written(tmp_path, pair), deadlines=SHORT) as client,
        client.connection() as connection,
    ):
        await connection.send(b"\x16\x03\x01")
        assert await connection.seconds_until_closed() < 4


async def test_plain_http_at_an_encrypted_door_is_closed(tmp_path: Path) -> None:
    pair = self_signed(tmp_path, "one")
    async with behind(written(tmp_path, pair)) as client, client.connection() as connection:
        await connection.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await connection.seconds_until_closed() < 2


async def test_users_are_asked_for_everywhere_but_where_it_is_said_that_it_runs(
    tmp_path: Path,
) -> None:
    users = {"prometheus": hashed("s3cret").get_secret_value()}
    good = f"Authorization: {shown('prometheus', 's3cret')}\r\n"
    wrong = f"Authorization: {shown('prometheus', 'guess')}\r\n"
    async with behind(written(tmp_path, basic_auth_users=users)) as client:
        for path in ("/metrics", "/refuse", "/nowhere"):
            refused = await client.get(path)
            assert refused.status == 401
            assert refused.headers["www-authenticate"].startswith("Basic ")
            assert (await client.get(path, wrong)).status == 401
        assert (await client.get("/metrics", good)).status == 200
        assert (await client.get("/nowhere", good)).status == 404
        assert (await client.get("/-/healthy")).status == 200
        assert (await client.get("/-/ready")).status == 200


async def test_a_user_who_was_taken_away_is_refused_at_the_next_request(tmp_path: Path) -> None:
    users = {"a": hashed("s3cret").get_secret_value(), "b": hashed("other").get_secret_value()}
    good = f"Authorization: {shown('a', 's3cret')}\r\n"
    async with behind(written(tmp_path, basic_auth_users=users)) as client:
        assert (await client.get("/metrics", good)).status == 200
        written(tmp_path, basic_auth_users={"b": users["b"]})
        assert (await client.get("/metrics", good)).status == 401


async def test_a_mistake_does_not_open_the_door(tmp_path: Path) -> None:
    file = written(tmp_path, basic_auth_users={"a": hashed("s3cret").get_secret_value()})
    async with behind(file) as client:
        for broken in ("basic_auth_users: [", "basic_auth: {}", ""):
            file.write_text(broken)
            answer = await client.get("/metrics")
            assert answer.status == (200 if not broken else 401)  # an empty file says: everybody


async def test_the_headers_of_the_file_are_on_every_answer(tmp_path: Path) -> None:
    headers = {
        "Strict-Transport-Security": "max-age=1",
        "X-Frame-Options": "sameorigin",
        "X-XSS-Protection": "",
    }
    async with behind(written(tmp_path, http_server_config={"headers": headers})) as client:
        for path in ("/metrics", "/nowhere", "/fail/1"):
            answer = await client.get(path)
            assert answer.headers["strict-transport-security"] == "max-age=1"
            assert answer.headers["x-frame-options"] == "sameorigin"
            assert "x-xss-protection" not in answer.headers


def test_a_file_that_cannot_be_used_is_an_error_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        Door(tmp_path / "nowhere.yml")


async def test_more_requests_than_the_file_allows_are_refused(tmp_path: Path) -> None:
    clock = FakeClock()
    door = Door(written(tmp_path, rate_limit={"interval": "10s", "burst": 2}), clock)
    await door.admit(None)
    await door.admit(None)
    with pytest.raises(Refused) as raised:
        await door.admit(None)
    assert raised.value.status == 429
    clock.time += 10
    await door.admit(None)


@pytest.mark.parametrize(
    ("keys", "protected"),
    [({}, False), ({"basic_auth_users": {"a": hashed("x").get_secret_value()}}, True)],
)
def test_whether_a_door_keeps_anybody_out(
    tmp_path: Path, keys: dict[str, Any], protected: bool
) -> None:
    assert Door(written(tmp_path, **keys)).protected is protected
