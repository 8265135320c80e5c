"""All settings in one model: a section for each heading of `docs/settings.md`."""

from joinstream.settings.encryption import Encryption
from joinstream.settings.http import Http
from joinstream.settings.identity import Identity
from joinstream.settings.logging import Logging
from joinstream.settings.retention import Retention
from joinstream.settings.runs import Runs
from joinstream.settings.storage import Storage
from joinstream.settings.streams import Streams
from joinstream.settings.webhooks import Webhooks

SECTIONS = (Storage, Encryption, Runs, Streams, Retention, Webhooks, Http, Identity, Logging)
"""In the order of the page."""


class Settings(Storage, Encryption, Runs, Streams, Retention, Webhooks, Http, Identity, Logging):
    """Every setting. Read it with `load_settings`, which explains what is wrong in one line."""
