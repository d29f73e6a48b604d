"""Certificates and keys in PEM files, looked at when the config is read: a handshake says of a broken one only that it broke."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from prunella.service.settings import LocalPath


def check_certificates(file: Path) -> Path:
    """Raises ValueError when there are none that can be used."""
    _check_there(file)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        raise ValueError(f"{file} holds no certificate in PEM") from None
    except OSError as error:
        raise ValueError(f"cannot read {file}: {error.strerror}") from None
    return file


def check_key(file: Path, certificate: Path | None, password: str = "") -> Path:
    """Raises ValueError when it is not this certificate's, or cannot be used without asking somebody.

    Of a certificate that is wrong itself (None) nothing more is said than that there is such a file.
    """
    _check_there(file)
    if certificate is None:
        return file
    try:
        # A password, be it empty: without one OpenSSL would ask on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, file, password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ValueError(f"{file} is not the key of {certificate}") from None
        raise ValueError(f"{file} holds no private key in PEM that can be read") from None
    except OSError as error:
        raise ValueError(f"cannot read {file}: {error.strerror}") from None
    return file


def _check_there(file: Path) -> None:
    if not file.is_file():
        raise ValueError(f"there is no file {file}")


Certificates = Annotated[LocalPath, AfterValidator(check_certificates)]
