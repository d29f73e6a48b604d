from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
import zstandard
from pydantic import SecretStr

import exporter.settings  # noqa: F401 - so that its models are there
import receiver.settings  # noqa: F401 - so that its models are there
from prunella.service.settings import Settings
from receiver.backups.base import BackupError, Ground
from receiver.backups.configuration import LEFT_OUT, check_config
from receiver.backups.encryption import readable
from receiver.backups.making import back_up
from receiver.backups.proving import prove
from receiver.decide.backups import Kind
from receiver.decide.rotation import Calendar
from tests.receiver.backups.shops import an_identity, facet_of
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
    assert (await prove(ground, made.name)).found == "1 files were read"
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


async def kept(folder: Path, tree: object, **keys: object) -> str:
    """What the backup of that config holds of it."""
    (folder / "receiver.yml").write_text(yaml.safe_dump(tree, allow_unicode=True))
    ground = a_ground(folder, **keys)
    made = await back_up(ground, Kind.CONFIG)
    return unpacked(ground.facet.directory / made.name)["receiver.yml"]


def every_model(model: type[Settings] = Settings) -> Iterator[type[Settings]]:
    """Of the receiver's and the exporter's config."""
    for one in model.__subclasses__():
        yield from (one, *every_model(one))


def has_a_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(map(has_a_secret, get_args(annotation)))


def with_canaries() -> dict[str, Any]:
    """Every key of both configs that is declared a secret, where it stands: a URL of a store holds it as its password."""
    tree: dict[str, Any] = {"channels": {}, "rotations": {"people": {"ical": {}}}, "others": {}}
    for model in every_model():
        if not model.__module__.startswith(("receiver.", "exporter.")):
            continue
        for name, field in model.model_fields.items():
            if has_a_secret(field.annotation):
                place, value = tree["others"], f"{CANARY} {model.__name__}.{name}"
                if model.__module__.startswith("receiver.channels."):
                    place = tree["channels"]
                elif model is Calendar:
                    place = tree["rotations"]["people"]["ical"]
                elif name in {"url", "journal", "redis", "drill_url"}:
                    value = f"postgresql://u:{CANARY}-{model.__name__}@h/x"
                place.setdefault(model.__name__, {})[name] = value
    return tree


async def test_whatever_is_declared_a_secret_in_either_config_is_left_out(tmp_path: Path) -> None:
    tree = with_canaries()
    assert len(tree["channels"]) > 8
    assert len(tree["others"]) > 15
    assert CANARY not in await kept(tmp_path, tree)


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"journal": f"postgresql://us:{CANARY}@${{HOST}}/j"}, "postgresql://***@${HOST}/j"),
        ({"journal": "postgresql://us:${PASSWORD}@db/j"}, "postgresql://us:${PASSWORD}@db/j"),
        ({"journal": f"postgresql://us:${{P:-{CANARY}}}@db/j"}, "postgresql://***@db/j"),
        ({"token": f"{CANARY}${{REST}}"}, LEFT_OUT),
        ({"token": f"${{TOKEN:-{CANARY}}}"}, LEFT_OUT),
        ({"token": "${ONE}${TWO}"}, "${ONE}${TWO}"),
        ({"password": [CANARY, "${NAME}"]}, "${NAME}"),
        ({"password": 48151623}, LEFT_OUT),
        ({"password": None}, "null"),
        ({"credentials": {"user": CANARY}}, LEFT_OUT),
        ({"headers": {"X-Api": CANARY}}, LEFT_OUT),
        ({"prometheus": {"url": "http://prometheus:9090/x"}}, "http://prometheus:9090/x"),
        ({"run": [["curl", f"http://h/?token={CANARY}&x=1"]]}, "token=***&x=1"),
    ],
)
async def test_what_refers_to_a_secret_stays_and_what_holds_one_does_not(
    tmp_path: Path, tree: object, said: str
) -> None:
    text = await kept(tmp_path, tree)
    assert said in text
    assert CANARY not in text
    assert "48151623" not in text


async def test_encrypted_it_is_whole_with_its_secrets_and_comments(tmp_path: Path) -> None:
    recipient = an_identity(tmp_path / "key")
    (tmp_path / "receiver.yml").write_text(CONFIG)
    ground = a_ground(tmp_path, encrypt_to=[recipient], identity_file=tmp_path / "key")
    made = await back_up(ground, Kind.CONFIG)
    assert made.name.endswith(".tar.zst.age")
    async with readable(ground.facet.directory / made.name, ground.facet) as plain:
        assert unpacked(plain)["receiver.yml"] == CONFIG


async def test_what_is_too_large_to_be_a_configuration_makes_none(tmp_path: Path) -> None:
    (tmp_path / "dump.yml").write_bytes(b"#" * ((4 << 20) + 1))
    with pytest.raises(BackupError, match=r"dump\.yml is larger than any configuration"):
        await back_up(a_ground(tmp_path), Kind.CONFIG)
