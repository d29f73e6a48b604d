"""Actions by their name in a rung. A new one is a file beside this and a line here."""

from __future__ import annotations

from receiver.actions.base import Action
from receiver.actions.call import Call
from receiver.actions.clear_rate_limits import ClearRateLimits
from receiver.actions.flush_cache import FlushCache
from receiver.actions.restart import Restart
from receiver.actions.run import Run

ACTIONS: dict[str, type[Action]] = {
    "call": Call,
    "clear_rate_limits": ClearRateLimits,
    "flush_cache": FlushCache,
    "restart": Restart,
    "run": Run,
}
