from __future__ import annotations

from tests.receiver.stores.conftest import roomy, shared, world

__all__ = ["roomy", "shared", "world"]
