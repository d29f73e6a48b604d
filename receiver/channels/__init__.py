"""Channels by their `kind:`. A new one is a file beside this and a line here."""

from __future__ import annotations

from pydantic import ValidationInfo

from receiver.channels.apprise import Apprise
from receiver.channels.base import Channel
from receiver.channels.discord import Discord
from receiver.channels.email import Email
from receiver.channels.github import GitHub
from receiver.channels.healthchecks import Healthchecks
from receiver.channels.log import Log
from receiver.channels.opsgenie import Opsgenie
from receiver.channels.pagerduty import PagerDuty
from receiver.channels.sentry import Sentry
from receiver.channels.slack import Slack
from receiver.channels.teams import Teams
from receiver.channels.telegram import Telegram
from receiver.channels.webhook import Webhook
from receiver.registry import chosen_by_key

CHANNELS: dict[str, type[Channel]] = {
    "apprise": Apprise,
    "discord": Discord,
    "email": Email,
    "github": GitHub,
    "healthchecks": Healthchecks,
    "log": Log,
    "opsgenie": Opsgenie,
    "pagerduty": PagerDuty,
    "sentry": Sentry,
    "slack": Slack,
    "teams": Teams,
    "telegram": Telegram,
    "webhook": Webhook,
}


def parse_channel(value: object, info: ValidationInfo) -> Channel:
    """The channel that `{kind: slack, …}` means. Raises ValueError that lists the known kinds."""
    if isinstance(value, Channel):
        return value
    return chosen_by_key(CHANNELS, "kind", value, info.context)
