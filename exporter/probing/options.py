"""The parts of a module that `endpoints` have, too: what is shown to a server, and what is asked of its certificate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from exporter.probing.contexts import Demands, context_of
from exporter.probing.http import basic
from prunella.service.settings import LocalPath, Secret, Settings


def _refused(value: object) -> object:
    raise ValueError("is not supported here: keep blackbox_exporter for this module")


NotHere = Annotated[None, BeforeValidator(_refused)]


def _readable(file: Path) -> Path:
    if not file.is_file():
        raise ValueError(f"there is no file {file}")
    return file


File = Annotated[LocalPath, AfterValidator(_readable)]


class TlsConfig(Settings):
    insecure_skip_verify: bool = False
    ca_file: File | None = None
    cert_file: File | None = None
    key_file: File | None = None
    server_name: str = ""
    min_version: Literal["", "TLS10", "TLS11", "TLS12", "TLS13"] = ""

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if (self.cert_file is None) is not (self.key_file is None):
            raise ValueError("cert_file and key_file belong together")
        try:
            context_of(self.demands())
        except OSError as error:
            raise ValueError(f"the certificates cannot be used: {error}") from None
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
    credentials: Secret
