"""docker-compose.yml and what it mounts, as plain values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
OURS = {"tokens", "pair", "receiver", "receiver-a", "receiver-b", "exporter", "shop", "traffic"}


def published() -> list[str]:
    return [port for service in SERVICES.values() for port in service.get("ports", [])]


def mounted_files() -> list[Path]:
    """What comes from this repository."""
    volumes = [volume for service in SERVICES.values() for volume in service.get("volumes", [])]
    sources = [volume.split(":")[0] for volume in volumes if isinstance(volume, str)]
    return [ROOT / source for source in sources if source.startswith("./")]
