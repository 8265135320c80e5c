"""The seams: what services and the worker need from storage and streams, as protocols.

One module per seam. Implementations: `store/` and `checkpoint/` (Postgres), `streams/` (Redis, and
process memory for `dev`).
"""

from joinstream.ports.streams import (
    DIRTY,
    NUDGED,
    AppendOutcome,
    EventHub,
    EventLog,
    LogPage,
    Retention,
    Signal,
    Signals,
    Subscription,
)

__all__ = [
    "DIRTY",
    "NUDGED",
    "AppendOutcome",
    "EventHub",
    "EventLog",
    "LogPage",
    "Retention",
    "Signal",
    "Signals",
    "Subscription",
]
