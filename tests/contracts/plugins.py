"""What every plugin of the receiver promises, whatever it does; each registry's contract test walks through these."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from prunella.service.settings import Settings

CANARY = "c4nary5b2e"


def is_a_frozen_setting(kind: type[Settings], options: Mapping[str, Any]) -> None:
    """Its options are the fields of a frozen model, and nothing else is an option."""
    value = kind.model_validate(options)
    assert hash(kind) == hash(type(value))
    for field in kind.model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(value, field, getattr(value, field))
    with pytest.raises(ValidationError, match="unknown key"):
        kind.model_validate({**options, "no_such_option": 1})


def lives_in_a_file_of_its_name(kind: type[Settings], name: str, package: str) -> None:
    """A newcomer guesses the file from the word in the config."""
    assert kind.__module__ in {f"{package}.{name}", f"{package}.{name}_cleared"}


def explains_itself(kind: type[Settings]) -> None:
    """The module says why it exists, the class what it does."""
    assert (sys.modules[kind.__module__].__doc__ or "").strip()
    doc = inspect.getdoc(kind) or ""
    assert doc.endswith(".")
    assert doc != inspect.getdoc(kind.__base__)


def hides_its_secrets(kind: type[Settings], options: Mapping[str, Any]) -> None:
    """Neither a value nor a mistake shows what is secret."""
    secret = {
        name: _like(options.get(name), CANARY)
        for name, field in kind.model_fields.items()
        if SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ()))
    }
    value = kind.model_validate({**options, **secret})
    assert CANARY not in repr(value) + str(value) + value.model_dump_json()
    with pytest.raises(ValidationError) as caught:
        kind.model_validate({**options, **secret, "no_such_option": CANARY})
    assert CANARY not in str(caught.value)


def _like(example: object, canary: str) -> str:
    if isinstance(example, str) and canary in example:
        return example  # it has to have a form
    is_address = isinstance(example, str) and example.startswith("http")
    return f"http://{canary}@host/{canary}?{canary}" if is_address else canary
