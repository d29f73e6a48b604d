from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
import zstandard

from receiver.backups.base import BackupError, Ground
from receiver.backups.configuration import check_config
from receiver.backups.making import back_up
from receiver.backups.proving import prove
from receiver.decide.backups import Kind
from tests.receiver.backups.shops import facet_of
from tests.receiver.stand_ins import a_toolbox

CANARY = "c4nary5b2e"
CONFIG = f"""
journal: postgresql://us:{CANARY}@db/journal   # a comment
auth: {{operate: [{{name: ops, token: {CANARY}}}], read: [{{name: r, token: "${{READ_TOKEN}}"}}]}}
channels: {{ops: {{kind: slack, webhook_url: https://hooks.example/services/{CANARY}}}}}
targets: {{db: {{postgres: {{url: "postgresql://u:{CANARY}@db/shop"}}}}}}
"""


def a_ground(folder: Path, **keys: object) -> Ground:
    store = folder / "backups"
    store.mkdir(exist_ok=True)
    facet = facet_of(store, config=[folder], **keys)
    return Ground("db", facet, None, a_toolbox(), 10.0)


def unpacked(path: Path) -> dict[str, str]:
    with zstandard.ZstdDecompressor().stream_reader(path.read_bytes()) as raw:
        tar = tarfile.open(fileobj=io.BytesIO(raw.read()))  # noqa: SIM115 - closed below
    with tar:
        files = {one.name.rpartition("/")[2]: tar.extractfile(one) for one in tar}
        return {name: file.read().decode() for name, file in files.items() if file}


async def test_secrets_are_left_out_and_references_stay(tmp_path: Path) -> None:
    (tmp_path / "receiver.yml").write_text(CONFIG)
    (tmp_path / "exporter.yml").write_text("labels: {service: shop}\n")
    (tmp_path / "token").write_text(CANARY)
    ground = a_ground(tmp_path)
    made = await back_up(ground, Kind.CONFIG)
    found = unpacked(ground.facet.directory / made.name)
    assert found.keys() == {"receiver.yml", "exporter.yml"}
    assert CANARY not in str(found)
    assert "${READ_TOKEN}" in found["receiver.yml"]
    assert "db/shop" in found["receiver.yml"]


async def test_it_is_proven_by_reading_it(tmp_path: Path) -> None:
    (tmp_path / "receiver.yml").write_text("mode: auto\n")
    ground = a_ground(tmp_path)
    made = await back_up(ground, Kind.CONFIG)
    assert (await prove(ground, made.name)).text == "1 files were read"
    path = ground.facet.directory / made.name
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(BackupError, match="cannot be read to its end"):
        check_config(path)


@pytest.mark.parametrize(("text", "why"), [("a: [", "is not YAML"), (None, "there is no file")])
async def test_what_cannot_be_read_is_not_guessed_at(
    tmp_path: Path, text: str | None, why: str
) -> None:
    if text is not None:
        (tmp_path / "receiver.yml").write_text(text)
    with pytest.raises(BackupError, match=why):
        await back_up(a_ground(tmp_path), Kind.CONFIG)
