from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from prunella.service.pem import check_certificates, check_key
from tests.prunella.service.certificates import self_signed


def test_a_key_is_good_beside_its_certificate(tmp_path: Path) -> None:
    made = self_signed(tmp_path, "server")
    assert check_certificates(made.certificate) == made.certificate
    assert check_key(made.key, made.certificate) == made.key


def test_anothers_key_is_said(tmp_path: Path) -> None:
    made, other = self_signed(tmp_path, "server"), self_signed(tmp_path, "other")
    with pytest.raises(ValueError, match=r"other\.key is not the key of .*server\.pem"):
        check_key(other.key, made.certificate)


def test_what_is_no_certificate_or_no_key_is_said_by_its_name(tmp_path: Path) -> None:
    made = self_signed(tmp_path, "server")
    with pytest.raises(ValueError, match=r"server\.key holds no certificate"):
        check_certificates(made.key)
    with pytest.raises(ValueError, match=r"server\.pem holds no private key"):
        check_key(made.certificate, made.certificate)


def test_a_key_with_a_password_asks_nobody(tmp_path: Path) -> None:
    made, locked = self_signed(tmp_path, "server"), tmp_path / "locked.key"
    lock = ["openssl", "ec", "-aes256", "-passout", "pass:hunter2"]
    subprocess.run([*lock, "-in", made.key, "-out", locked], check=True, capture_output=True)
    with pytest.raises(ValueError, match=r"locked\.key holds no private key in PEM that can be"):
        check_key(locked, made.certificate)
    assert check_key(locked, made.certificate, "hunter2") == locked


def test_of_a_wrong_certificate_the_key_is_still_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no file"):
        check_key(tmp_path / "nowhere.key", None)
