from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.prunella.service.front_door import SHORT, Client, Connection, client_of, service

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="makes its key with openssl")


def server_side(folder: Path) -> ssl.SSLContext:
    key, certificate = folder / "key.pem", folder / "cert.pem"
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        ["openssl", "req", "-x509", *kind, *subject, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


async def secure(client: Client, folder: Path) -> Connection:
    trusted = ssl.create_default_context(cafile=str(folder / "cert.pem"))
    address = client.address
    return Connection(
        *await asyncio.open_connection(
            address.host, address.port, ssl=trusted, server_hostname="localhost"
        )
    )


async def test_a_service_answers_over_tls(tmp_path: Path) -> None:
    async with (
        client_of(service(tls=server_side(tmp_path))) as client,
        await secure(client, tmp_path) as connection,
    ):
        await connection.send("GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await connection.answer()).status == 200


async def test_the_deadlines_hold_over_tls(tmp_path: Path) -> None:
    async with (
        client_of(service(tls=server_side(tmp_path), deadlines=SHORT)) as client,
        await secure(client, tmp_path) as connection,
    ):
        await connection.send("GET /-/heal")
        assert await connection.seconds_until_closed() < 2


async def test_a_handshake_that_is_never_finished_closes_the_connection(tmp_path: Path) -> None:
    deadlines = replace(SHORT, header=0.3)
    async with (
        client_of(service(tls=server_side(tmp_path), deadlines=deadlines)) as client,
        client.connection() as connection,
    ):
        await connection.send(b"\x16\x03\x01")
        assert await connection.seconds_until_closed() < 2
