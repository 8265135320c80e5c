"""How long things are kept."""

from typing import Annotated

from pydantic import PositiveFloat, PositiveInt, field_validator
from pydantic_settings import NoDecode

from joinstream.domain.retention import Log
from joinstream.domain.threads import Ttl
from joinstream.settings.section import Section, variable
from joinstream.settings.thread_ttl import ThreadTtlConfig, parse_thread_ttl


class Retention(Section):
    """How long threads and their checkpoints are kept."""

    langgraph_thread_ttl: Annotated[ThreadTtlConfig | None, NoDecode] = variable(
        "LANGGRAPH_THREAD_TTL",
        default=None,
        description="""Minutes after their last use when threads are deleted, unless they were made
        with a time to live of their own; or a JSON object with the fields of `checkpointer.ttl` in
        `langgraph.json`, which it replaces: `strategy` (`delete` or `keep_latest`), `default_ttl`
        (minutes), `sweep_interval_minutes` (default 5) and `sweep_limit` (threads that one sweep
        touches, default 10000). Threads that exist already keep what they have.""",
    )
    keep_checkpoints: PositiveInt | None = variable(
        "JOINSTREAM_KEEP_CHECKPOINTS",
        default=None,
        description="""Checkpoints that each thread keeps; older ones are removed by the sweep that
        follows their thread's last use. Unset: all.""",
    )

    run_retention_days: PositiveFloat | None = variable(
        "JOINSTREAM_RUN_RETENTION_DAYS",
        default=None,
        description="""Days after its end when a run is removed, unless it was set aside; its thread
        keeps what it has written. Unset: with its thread.""",
    )
    cron_firing_retention_days: PositiveFloat = variable(
        "JOINSTREAM_CRON_FIRING_RETENTION_DAYS",
        default=30.0,
        description="Days for which it can be asked what came of a cron's firings.",
    )
    webhook_retention_days: PositiveFloat = variable(
        "JOINSTREAM_WEBHOOK_RETENTION_DAYS",
        default=7.0,
        description="""Days for which a webhook that was delivered, or given up, stands in the log
        and can be sent again.""",
    )

    _parse_thread_ttl = field_validator("langgraph_thread_ttl", mode="before")(parse_thread_ttl)

    @property
    def seconds_of_logs(self) -> dict[Log, float | None]:
        """How long each log is kept; None: for ever."""
        days: dict[Log, float | None] = {
            "runs": self.run_retention_days,
            "firings": self.cron_firing_retention_days,
            "deliveries": self.webhook_retention_days,
        }
        return {log: value and value * 86400 for log, value in days.items()}

    @property
    def ttl_of_new_threads(self) -> Ttl | None:
        """What a thread gets that is made without a time to live of its own."""
        config = self.langgraph_thread_ttl
        return Ttl(config.strategy, config.default_ttl) if config and config.default_ttl else None
