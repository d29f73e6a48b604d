"""An authority and what it vouches for, made on the spot by the openssl program."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


@dataclass(frozen=True, slots=True)
class Pair:
    certificate: Path
    key: Path


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def self_signed(folder: Path, name: str) -> Pair:
    """For localhost and 127.0.0.1; `name` is its subject."""
    folder.mkdir(exist_ok=True)
    made = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    _openssl(
        "req", "-x509", *_KEY, "-days", 2, "-subj", f"/CN={name}", "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", made.key, "-out", made.certificate,
    )  # fmt: skip
    return made


def signed(folder: Path, name: str, by: Pair, names: str) -> Pair:
    """A client's certificate with these alternative names (`DNS:prometheus.shop`)."""
    made, asked = Pair(folder / f"{name}.pem", folder / f"{name}.key"), folder / f"{name}.csr"
    extras = folder / f"{name}.ext"
    extras.write_text(f"subjectAltName={names}\n")
    _openssl("req", "-new", *_KEY, "-subj", f"/CN={name}", "-keyout", made.key, "-out", asked)
    _openssl(
        "x509", "-req", "-in", asked, "-CA", by.certificate, "-CAkey", by.key, "-CAcreateserial",
        "-days", 2, "-extfile", extras, "-out", made.certificate,
    )  # fmt: skip
    return made
