"""How events reach clients, and how long they are kept for them."""

from typing import Literal

from pydantic import PositiveFloat, PositiveInt

from joinstream.settings.section import Section, variable

MIB = 1024 * 1024


class Streams(Section):
    """How events reach those who listen, and how long they can be replayed."""

    stream_log: Literal["always", "requested"] = variable(
        "JOINSTREAM_STREAM_LOG",
        default="always",
        description="""`always`: the events of every run are kept while it executes and for two
        minutes more, so that any reader can reconnect; `requested`: only those of runs created
        with `stream_resumable`.""",
    )
    stream_log_max_entries: PositiveInt = variable(
        "JOINSTREAM_STREAM_LOG_MAX_ENTRIES",
        default=10_000,
        description="Events kept per thread; older ones give way.",
    )
    stream_log_max_bytes: PositiveInt = variable(
        "JOINSTREAM_STREAM_LOG_MAX_BYTES",
        default=64 * MIB,
        description="Bytes of events kept per thread; older ones give way.",
    )
    resumable_stream_ttl_seconds: PositiveFloat = variable(
        "RESUMABLE_STREAM_TTL_SECONDS",
        default=120.0,
        description="""Seconds for which the events of a run created with `stream_resumable` can be
        replayed, counted from its last event.""",
    )
    heartbeat_seconds: PositiveFloat = variable(
        "JOINSTREAM_HEARTBEAT_SECONDS",
        default=5.0,
        description="""Seconds between the comments in a stream by which clients and proxies see
        that it lives.""",
    )
