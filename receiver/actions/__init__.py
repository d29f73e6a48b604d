"""Actions by their name in a rung. A new one is a file beside this and a line here."""

from __future__ import annotations

from receiver.actions.backup import Backup
from receiver.actions.base import Action
from receiver.actions.call import Call
from receiver.actions.clear_rate_limits import ClearRateLimits
from receiver.actions.collect_garbage import CollectGarbage
from receiver.actions.flush_cache import FlushCache
from receiver.actions.heal_all import HealAll
from receiver.actions.heal_orphaned_records import HealOrphanedRecords
from receiver.actions.heal_stale_sessions import HealStaleSessions
from receiver.actions.heal_stuck_jobs import HealStuckJobs
from receiver.actions.kill_long_queries import KillLongQueries
from receiver.actions.pause_queue import PauseQueue
from receiver.actions.prune_backups import PruneBackups
from receiver.actions.reload import Reload
from receiver.actions.restart import Restart
from receiver.actions.rollback import Rollback
from receiver.actions.run import Run
from receiver.actions.scale import Scale
from receiver.actions.terminate_connections import TerminateConnections
from receiver.actions.verify_backup import VerifyBackup

ACTIONS: dict[str, type[Action]] = {
    "backup": Backup,
    "call": Call,
    "clear_rate_limits": ClearRateLimits,
    "collect_garbage": CollectGarbage,
    "flush_cache": FlushCache,
    "heal_all": HealAll,
    "heal_orphaned_records": HealOrphanedRecords,
    "heal_stale_sessions": HealStaleSessions,
    "heal_stuck_jobs": HealStuckJobs,
    "kill_long_queries": KillLongQueries,
    "pause_queue": PauseQueue,
    "prune_backups": PruneBackups,
    "reload": Reload,
    "restart": Restart,
    "rollback": Rollback,
    "run": Run,
    "scale": Scale,
    "terminate_connections": TerminateConnections,
    "verify_backup": VerifyBackup,
}
