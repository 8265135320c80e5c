"""How runs are executed."""

from typing import Annotated, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from joinstream.domain.caps import Caps
from joinstream.settings.section import Section, variable


class Runs(Section):
    """How runs are executed."""

    workers: Annotated[int, Field(ge=0)] = variable(
        "JOINSTREAM_WORKERS",
        default=1,
        description="""Worker processes that `serve` starts beside the API; 0 for an API whose
        workers run elsewhere.""",
    )
    n_jobs_per_worker: PositiveInt = variable(
        "N_JOBS_PER_WORKER", default=10, description="Runs that one worker executes at a time."
    )
    bg_job_timeout_secs: PositiveFloat = variable(
        "BG_JOB_TIMEOUT_SECS",
        default=86400.0,
        description="Seconds after which an executing run ends with status `timeout`.",
    )
    bg_job_max_retries: Annotated[int, Field(ge=0)] = variable(
        "BG_JOB_MAX_RETRIES",
        default=3,
        description="""How often a run is taken over from a worker that died, before it is set aside
        with status `error`. What a graph raises itself is never retried by the queue.""",
    )
    bg_job_shutdown_grace_period_secs: Annotated[float, Field(ge=0)] = variable(
        "BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS",
        default=180.0,
        description="""Seconds that executing runs get to finish after SIGTERM; the rest is handed
        back to the queue and goes on elsewhere.""",
    )
    ff_v2_event_streaming: bool = variable(
        "FF_V2_EVENT_STREAMING",
        default=True,
        description="""Whether the event-streaming protocol is there, which `client.threads.stream`
        and the newest `useStream` speak.""",
    )
    ff_crons_enabled: bool = variable(
        "FF_CRONS_ENABLED",
        default=True,
        description="Whether this API process fires crons. They can be made and changed anyway.",
    )
    cron_scheduler_sleep_time: Annotated[float, Field(gt=0)] = variable(
        "CRON_SCHEDULER_SLEEP_TIME",
        default=5.0,
        description="""Most seconds between two looks for crons that are due. A process knows when
        the next one is due; this is how long it may take to learn of another process' changes.""",
    )
    langgraph_default_recursion_limit: PositiveInt | None = variable(
        "LANGGRAPH_DEFAULT_RECURSION_LIMIT",
        default=None,
        description="""Supersteps a run may take when it does not say so itself; unset: LangGraph's
        own default.""",
    )
    temporary_run_retention_seconds: Annotated[float, Field(ge=0)] = variable(
        "JOINSTREAM_TEMPORARY_RUN_RETENTION_SECONDS",
        default=120.0,
        description="Seconds for which the result of an ended stateless run can still be joined.",
    )
    idempotency_retention_seconds: PositiveFloat = variable(
        "JOINSTREAM_IDEMPOTENCY_RETENTION_SECONDS",
        default=86400.0,
        description="""Seconds for which a request with the `Idempotency-Key` of an earlier one gets
        the run of that one. So long stateless runs with a key, and the outputs of all runs with a
        key, are kept too.""",
    )
    max_pending_runs: PositiveInt | None = variable(
        "JOINSTREAM_MAX_PENDING_RUNS",
        default=None,
        description="""Most runs that may be pending at a time, delayed ones included; one more is
        refused with 503 and `Retry-After`. Unset: any number.""",
    )
    max_pending_runs_per_user: PositiveInt | None = variable(
        "JOINSTREAM_MAX_PENDING_RUNS_PER_USER",
        default=None,
        description="""Most runs of one authenticated user that may be pending at a time; one more
        is refused with 429 and `Retry-After`. Unset: any number.""",
    )
    max_running_per_assistant: PositiveInt | None = variable(
        "JOINSTREAM_MAX_RUNNING_PER_ASSISTANT",
        default=None,
        description="""Runs of one assistant that execute at a time, on all workers together; the
        others wait without holding up anybody. Like the next two, it must be the same for every
        process. Unset: any number.""",
    )
    max_running_per_user: PositiveInt | None = variable(
        "JOINSTREAM_MAX_RUNNING_PER_USER",
        default=None,
        description="""The same for runs of one user, by the identity that authentication gave.
        Unset: any number.""",
    )
    max_running_per_key: PositiveInt | None = variable(
        "JOINSTREAM_MAX_RUNNING_PER_KEY",
        default=None,
        description="""The same for runs that were created with the same `concurrency_key`. Unset:
        any number.""",
    )
    lease_seconds: PositiveFloat = variable(
        "JOINSTREAM_LEASE_SECONDS",
        default=30.0,
        description="""Seconds after its last sign of life when a worker counts as dead and its runs
        are taken over.""",
    )
    lease_renew_seconds: PositiveFloat = variable(
        "JOINSTREAM_LEASE_RENEW_SECONDS",
        default=10.0,
        description="""Seconds between a worker's signs of life, give or take a quarter; at most
        half of JOINSTREAM_LEASE_SECONDS.""",
    )
    poll_seconds: PositiveFloat = variable(
        "JOINSTREAM_POLL_SECONDS",
        default=2.0,
        description="""Seconds between a worker's looks at the queue when nothing wakes it; only
        matters when a wake-up was lost.""",
    )

    @property
    def caps(self) -> Caps | None:
        """How many runs may execute at a time; None when nothing is said about it."""
        caps = Caps(
            self.max_running_per_assistant, self.max_running_per_user, self.max_running_per_key
        )
        return caps if caps.by_kind() else None

    @model_validator(mode="after")
    def _one_renewal_may_fail(self) -> Self:
        if self.lease_renew_seconds > self.lease_seconds / 2:
            raise ValueError(
                "JOINSTREAM_LEASE_RENEW_SECONDS must be at most half of JOINSTREAM_LEASE_SECONDS"
            )
        return self
