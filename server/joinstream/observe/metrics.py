"""What the server counts, for Prometheus. Names are the official server's where it has one.

In `serve` the API and its workers are several processes. They count into files of one folder, which
`observe.sharing` names before this module is loaded, and the API answers for all of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from joinstream.observe.sharing import is_shared

_MILLISECONDS = (10, 100, 500, 1000, 5000, 15000, 30000, 60000, 120000, 300000, 600000, 1800000)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600)

# --- the API ------------------------------------------------------------------------------------

HTTP_REQUESTS = Counter(
    "lg_api_http_requests", "Requests by route and status.", ["method", "path", "status"]
)
HTTP_LATENCY = Histogram(
    "lg_api_http_requests_latency",
    "Milliseconds until an answer began.",
    ["method", "path"],
    buckets=_MILLISECONDS,
)

# --- workers ------------------------------------------------------------------------------------

WORKER_SLOTS = Gauge(
    "lg_api_workers_max", "Runs that workers may execute at a time.", multiprocess_mode="livesum"
)
WORKER_SLOTS_TAKEN = Gauge(
    "lg_api_workers_active", "Runs that workers execute now.", multiprocess_mode="livesum"
)
RUN_ATTEMPTS = Counter("lg_api_run_attempt_started_counter", "Attempts at a run that began.")
RUN_ENDS = Counter("joinstream_runs_ended", "Runs that workers have ended.", ["graph_id", "status"])
RUN_SECONDS = Histogram(
    "lg_api_run_execution_latency", "Seconds that an attempt took.", buckets=_SECONDS
)
FIRST_WAIT_SECONDS = Histogram(
    "lg_api_run_queue_wait_time_1st_attempt",
    "Seconds from when a run was due to its first attempt.",
    buckets=_SECONDS,
)
RUNS_HANDED_BACK = Counter(
    "lg_api_run_abandoned_by_shutdown_counter", "Runs that stopping workers handed back."
)
ATTEMPTS_USED_UP = Counter(
    "lg_api_run_exceed_max_attempts_at_start_counter", "Runs whose workers died too often."
)
CLAIMS = Counter("joinstream_runs_claimed", "Runs that workers have claimed.", ["how"])
LEASES_LOST = Counter("joinstream_leases_lost", "Leases that could not be renewed in time.")
WEBHOOKS = Counter("joinstream_webhooks_sent", "Attempts at webhooks.", ["outcome"])

# --- streams ------------------------------------------------------------------------------------

STREAM_READERS = Gauge(
    "joinstream_stream_readers", "Streams that are being read.", multiprocess_mode="livesum"
)
STREAM_LAG = Histogram(
    "joinstream_stream_reader_lag_batches",
    "Batches that wait for a reader, looked at with each heartbeat.",
    buckets=(0, 1, 4, 16, 64, 256, 1024),
)
STREAM_CATCH_UPS = Counter(
    "joinstream_stream_catch_ups", "Reads of the log, by readers who came late or missed something."
)
STREAM_OVERFLOWS = Counter(
    "joinstream_stream_overflows", "Readers whose queue was given up, so slow were they."
)
STREAM_GAPS = Counter("joinstream_stream_gaps", "Gaps that readers were told of.")
EVENTS_DROPPED = Counter(
    "joinstream_stream_events_dropped", "Events that were given up while the log was away."
)
FIRST_EVENT_SECONDS = Histogram(
    "joinstream_stream_time_to_first_event_seconds",
    "Seconds from a request to the first event of its stream.",
    buckets=_SECONDS,
)


def exposition(of_the_moment: Iterable[tuple[str, str, float]]) -> bytes:
    """Everything counted, as Prometheus reads it, and what was found out for this answer alone.

    The latter as name, meaning and value. They are no `Gauge`, which the shared folder would keep.
    """
    registry = CollectorRegistry()
    registry.register(_Found([GaugeMetricFamily(*gauge) for gauge in of_the_moment]))
    return generate_latest(_counted()) + generate_latest(registry)


def requests_by_route() -> list[dict[str, object]]:
    """`lg_api_http_requests_total`, as JSON."""
    return [
        {**sample.labels, "count": int(sample.value)}
        for family in _counted().collect()
        if family.name == "lg_api_http_requests"
        for sample in family.samples
        if sample.name.endswith("_total")
    ]


def worker_slots() -> tuple[int, int]:
    """Of all workers that count here: how many slots there are, and how many are taken."""
    found = {family.name: family for family in _counted().collect()}
    totals = [
        sum(sample.value for sample in found[name].samples) if name in found else 0
        for name in ("lg_api_workers_max", "lg_api_workers_active")
    ]
    return int(totals[0]), int(totals[1])


@dataclass(frozen=True, slots=True, eq=False)
class _Found(Collector):
    """What a registry is to tell."""

    families: list[Metric]

    def collect(self) -> list[Metric]:
        return self.families


def _counted() -> CollectorRegistry:
    if not is_shared():
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # as prometheus is
    return registry
