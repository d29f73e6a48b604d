"""An exporter in the tests' own process shows that process's metrics, and those of the receiver are there when its tests ran before."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from prunella.metrics import REGISTRY


@pytest.fixture(autouse=True)
def without_the_receivers_metrics() -> Iterator[None]:
    receiver = sys.modules.get("receiver.metrics")
    known = vars(receiver).values() if receiver else ()
    theirs = [one for one in known if hasattr(one, "collect") and not isinstance(one, type)]
    for one in theirs:
        REGISTRY.unregister(one)
    yield
    for one in theirs:
        REGISTRY.register(one)
