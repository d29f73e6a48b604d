"""What a Python service imports to be seen by Prometheus. Needs nothing but prometheus-client."""

from prunella import health
from prunella.correlation import correlated, correlation_id
from prunella.errors import track_error
from prunella.logs import create_logger
from prunella.metrics import REGISTRY, Counter, Gauge, Histogram
from prunella.timing import timer
from prunella.version import version

__all__ = [
    "REGISTRY",
    "Counter",
    "Gauge",
    "Histogram",
    "correlated",
    "correlation_id",
    "create_logger",
    "health",
    "timer",
    "track_error",
    "version",
]
