"""The parts of a module that `endpoints` have, too: what is shown to a server, and what is asked of its certificate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from exporter.probing.contexts import Demands
from exporter.probing.http import basic
from prunella.service.header_lines import SecretHeader
from prunella.service.pem import Certificates, check_key
from prunella.service.settings import LocalPath, Secret, Settings


def _refused(value: object) -> object:
    raise ValueError("is not supported here: keep blackbox_exporter for this module")


NotHere = Annotated[None, BeforeValidator(_refused)]


class TlsConfig(Settings):
    insecure_skip_verify: bool = False
    ca_file: Certificates | None = None
    cert_file: Certificates | None = None
    key_file: LocalPath | None = None
    server_name: str = ""
    min_version: Literal["", "TLS10", "TLS11", "TLS12", "TLS13"] = ""

    @field_validator("key_file")
    @classmethod
    def _fits(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        return None if file is None else check_key(file, info.data.get("cert_file"))

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if (self.cert_file is None) is not (self.key_file is None):
            raise ValueError("cert_file and key_file belong together")
        return self

    def demands(self, *protocols: str) -> Demands:
        return Demands(
            self.insecure_skip_verify, self.ca_file, self.cert_file, self.key_file,
            self.server_name, self.min_version, protocols,
        )  # fmt: skip


class BasicAuth(Settings):
    username: str = ""
    password: Secret = Secret("")

    def header(self) -> str:
        return basic(f"{self.username}:{self.password.get_secret_value()}")


class Authorization(Settings):
    type: Annotated[str, Field(pattern=r"^(?i:bearer|[!-~]+)$")] = "Bearer"
    credentials: SecretHeader
