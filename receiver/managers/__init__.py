"""Process managers by their name under `manager:`. A new one is a file beside this and a line here."""

from __future__ import annotations

from pydantic import SerializerFunctionWrapHandler, ValidationInfo

from receiver.managers.base import Manager
from receiver.managers.command import Command
from receiver.managers.compose import Compose
from receiver.managers.docker import Docker
from receiver.managers.pm2 import Pm2
from receiver.managers.supervisor import Supervisor
from receiver.managers.systemd import Systemd
from receiver.registry import chosen_by_key, name_of

MANAGERS: dict[str, type[Manager]] = {
    "command": Command,
    "compose": Compose,
    "docker": Docker,
    "pm2": Pm2,
    "supervisor": Supervisor,
    "systemd": Systemd,
}


def parse_manager(value: object, info: ValidationInfo) -> Manager:
    """The manager that `{manager: pm2, name: api}` means. Raises ValueError that lists the known ones."""
    if isinstance(value, Manager):
        return value
    return chosen_by_key(MANAGERS, "manager", value, info.context)


def write_manager(value: Manager, handler: SerializerFunctionWrapHandler) -> object:
    """The mapping that parse_manager() reads."""
    return {"manager": name_of(MANAGERS, value), **handler(value)}
