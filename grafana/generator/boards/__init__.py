"""Every dashboard; a new one is one file and its line here."""

from grafana.generator.board import Board
from grafana.generator.boards.ai import AI
from grafana.generator.boards.backups import BACKUPS
from grafana.generator.boards.database import DATABASE
from grafana.generator.boards.endpoints import ENDPOINTS
from grafana.generator.boards.host import HOST
from grafana.generator.boards.overview import OVERVIEW
from grafana.generator.boards.pipeline import PIPELINE
from grafana.generator.boards.queues import QUEUES
from grafana.generator.boards.redis import REDIS
from grafana.generator.boards.releases import RELEASES
from grafana.generator.boards.remediation import REMEDIATION
from grafana.generator.boards.service import SERVICE
from grafana.generator.boards.slo import SLO

BOARDS: tuple[Board, ...] = (
    OVERVIEW,
    SERVICE,
    SLO,
    ENDPOINTS,
    DATABASE,
    REDIS,
    QUEUES,
    HOST,
    AI,
    RELEASES,
    REMEDIATION,
    PIPELINE,
    BACKUPS,
)
