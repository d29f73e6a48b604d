from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from exporter.tls_options import client_context
from tests.prunella.service.certificates import self_signed


def test_who_checks_nothing_loads_no_authorities() -> None:
    context = client_context(None, verified=False)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)
    assert context.get_ca_certs() == []


def test_a_file_of_authorities_is_read_even_where_nothing_is_checked(tmp_path: Path) -> None:
    made = self_signed(tmp_path, "shop")
    (known,) = client_context(made.certificate, verified=False).get_ca_certs()
    assert known["subject"] == ((("commonName", "shop"),),)
    with pytest.raises(FileNotFoundError):
        client_context(tmp_path / "gone.pem", verified=False)


def test_who_checks_asks_for_a_certificate_of_that_name(tmp_path: Path) -> None:
    context = client_context(self_signed(tmp_path, "shop").certificate, verified=True)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
