"""The settings themselves, one class per heading of `docs/settings.md`."""

import json
import os
import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode

from joinstream.domain.caps import Caps
from joinstream.domain.retention import Log
from joinstream.domain.threads import Ttl
from joinstream.domain.webhooks import signing_key
from joinstream.settings.encryption import Encryption
from joinstream.settings.section import Section, variable
from joinstream.settings.thread_ttl import ThreadTtlConfig, parse_thread_ttl

MIB = 1024 * 1024
_OTLP_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PREFIX_SEGMENT = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._~-]+")
_POSTGRES_SCHEMES = ("postgresql", "postgres")
_REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")


def _is_a_path(prefix: str) -> str:
    whole = all(_PREFIX_SEGMENT.fullmatch(segment) for segment in prefix[1:].split("/"))
    if prefix and (not prefix.startswith("/") or not whole or prefix == "/noauth"):
        raise ValueError(
            "must start with / and not end with it, have only letters, digits and -._~ between "
            "slashes, and not be /noauth"
        )
    return prefix


MountPrefix = Annotated[str, AfterValidator(_is_a_path)]
"""A path that can be put before all others, or nothing."""


def _is_an_expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return text


class CorsConfig(BaseModel):
    """What browsers on other origins may do; the shape of `http.cors` in `langgraph.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    allow_origins: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ("*",)
    allow_headers: tuple[str, ...] = ("*",)
    allow_credentials: bool = False
    allow_origin_regex: Annotated[str, AfterValidator(_is_an_expression)] | None = None
    expose_headers: tuple[str, ...] = ()
    max_age: int = 600

    def matches(self, origin: str) -> bool:
        """Whether the expression allows the origin."""
        expression = self.allow_origin_regex
        return expression is not None and re.fullmatch(expression, origin) is not None


class Storage(Section):
    """Postgres keeps everything that must not be lost; Redis carries events and wake-ups."""

    database_uri: SecretStr | None = variable(
        "DATABASE_URI",
        "POSTGRES_URI_CUSTOM",
        "POSTGRES_URI",
        default=None,
        description="""Address of Postgres 14 or newer, `postgresql://user:password@host/name`.
        `serve` and `worker` need it; without it, `dev` runs a Postgres of its own.""",
    )
    langgraph_postgres_pool_max_size: PositiveInt = variable(
        "LANGGRAPH_POSTGRES_POOL_MAX_SIZE",
        default=20,
        description="""Most connections to Postgres that one process opens. All processes together
        must stay below `max_connections` of the server.""",
    )
    prepared_statements: bool = variable(
        "JOINSTREAM_PREPARED_STATEMENTS",
        default=True,
        description="""Whether statements are prepared once a connection. Set it to false behind a
        pooler that gives every transaction another connection, such as PgBouncer in transaction
        mode. `joinstream migrate` wants an address that leads past the pooler.""",
    )
    redis_uri: SecretStr | None = variable(
        "REDIS_URI_CUSTOM",
        "REDIS_URI",
        default=None,
        description="""Address of Redis 6.2 or newer: `redis://`, `rediss://` (TLS), `unix://` or
        `redis+sentinel://`. `serve` and `worker` need it; without it, `dev` carries events in the
        memory of its own process.""",
    )
    redis_cluster: bool = variable(
        "REDIS_CLUSTER", default=False, description="Whether REDIS_URI names a Redis Cluster."
    )
    redis_key_prefix: str = variable(
        "REDIS_KEY_PREFIX",
        default="",
        description="Put before every key and channel, so that installations can share one Redis.",
    )
    redis_max_connections: PositiveInt = variable(
        "REDIS_MAX_CONNECTIONS",
        default=2000,
        description="Most connections to Redis that one process opens.",
    )

    @field_validator("database_uri")
    @classmethod
    def _is_postgres(cls, uri: SecretStr | None) -> SecretStr | None:
        return _with_scheme(uri, _POSTGRES_SCHEMES)

    @field_validator("redis_uri")
    @classmethod
    def _is_redis(cls, uri: SecretStr | None) -> SecretStr | None:
        return _with_scheme(uri, _REDIS_SCHEMES)


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


class Webhooks(Section):
    """What is told to others when a run ends."""

    webhook_secret: SecretStr | None = variable(
        "JOINSTREAM_WEBHOOK_SECRET",
        default=None,
        description="""Secret with which webhooks are signed, as the Standard Webhooks specification
        has it: `whsec_` and base64, or any text. Unset: they are not signed.""",
    )
    webhook_attempts: PositiveInt = variable(
        "JOINSTREAM_WEBHOOK_ATTEMPTS",
        default=8,
        description="How often a webhook is tried before it is given up.",
    )
    webhook_retry_seconds: Annotated[float, Field(gt=0)] = variable(
        "JOINSTREAM_WEBHOOK_RETRY_SECONDS",
        default=5.0,
        description="""Seconds to wait after the first failed attempt; three times longer after each
        further one, up to an hour.""",
    )

    @field_validator("webhook_secret")
    @classmethod
    def _is_a_key(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            signing_key(secret.get_secret_value())
        return secret


class Http(Section):
    """The API's door."""

    port: Annotated[int, Field(ge=0, le=65535)] | None = variable(
        "PORT",
        default=None,
        description="""Port of the API unless `--port` is given; 0 picks a free one. Unset: 2024 for
        `dev`, 8000 for `serve`.""",
    )
    worker_port: Annotated[int, Field(ge=0, le=65535)] | None = variable(
        "JOINSTREAM_WORKER_PORT",
        default=None,
        description="""Port at which a `joinstream worker` answers `/ok` and `/metrics` unless
        `--port` is given; 0 picks a free one. Unset: it does not listen.""",
    )
    mount_prefix: MountPrefix = variable(
        "MOUNT_PREFIX",
        "LANGGRAPH_MOUNT_PREFIX",
        default="",
        description="""Path under which the API lies, such as `/agents`; replaces
        `http.mount_prefix` of `langgraph.json`.""",
    )
    http_max_request_body_bytes: PositiveInt = variable(
        "HTTP_MAX_REQUEST_BODY_BYTES",
        default=300 * MIB,
        description="Largest request body; more is refused with 413.",
    )
    cors_allow_origins: Annotated[tuple[str, ...], NoDecode] = variable(
        "CORS_ALLOW_ORIGINS",
        default=("*",),
        description="""Origins whose pages may call the API, separated by commas; unless `*` is one
        of them, with credentials.""",
    )
    cors_config: Annotated[CorsConfig | None, NoDecode] = variable(
        "CORS_CONFIG",
        default=None,
        description="""JSON object with the fields of `http.cors` in `langgraph.json`; replaces
        that and CORS_ALLOW_ORIGINS.""",
    )
    allow_private_network: bool = variable(
        "ALLOW_PRIVATE_NETWORK",
        default=False,
        description="""Whether browsers may let pages of the public web call the API when it lies in
        a private network. Unset, `dev` lets them.""",
    )

    @field_validator("cors_allow_origins", mode="before")
    @classmethod
    def _split_at_commas(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(origin.strip() for origin in value.split(",") if origin.strip())

    @field_validator("cors_config", mode="before")
    @classmethod
    def _parse_json(cls, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value

    @property
    def cors(self) -> CorsConfig:
        """What browsers are told, unless somebody else tells them."""
        origins = self.cors_allow_origins
        return self.cors_config or CorsConfig(
            allow_origins=origins, allow_credentials="*" not in origins
        )

    @property
    def cors_is_chosen(self) -> bool:
        """Whether it is more than the default."""
        return not self.model_fields_set.isdisjoint({"cors_config", "cors_allow_origins"})


class Identity(Section):
    """Who may use the API. Without keys, and without `auth.path` in `langgraph.json`, everybody."""

    api_keys: SecretStr | None = variable(
        "JOINSTREAM_API_KEYS",
        default=None,
        description="""Keys that the API asks for, as `name:key` or just the key, separated by
        commas. All of them see the same data; for more than that, write auth handlers.""",
    )
    auth_default_allow: bool = variable(
        "JOINSTREAM_AUTH_DEFAULT_ALLOW",
        default=False,
        description="""Whether an action that no auth handler is for is allowed, as on the official
        server, instead of denied.""",
    )


class Logging(Section):
    """What the server says about itself."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = variable(
        "LOG_LEVEL", default="INFO", description="Least severity that is logged."
    )
    log_json: bool = variable(
        "LOG_JSON", default=False, description="One JSON object a line instead of readable text."
    )
    log_color: bool = variable(
        "LOG_COLOR", default=True, description="Colours in readable text on a terminal."
    )

    otel_enabled: bool | None = variable(
        "OTEL_ENABLED",
        default=None,
        description="""Whether traces are sent by OTLP; needs the extra `otel`. Unset: when
        OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set. Those and the
        other standard variables of OpenTelemetry say where to, and how.""",
    )

    @property
    def traces(self) -> bool:
        """Whether spans are to be sent."""
        if self.otel_enabled is not None:
            return self.otel_enabled
        return any(os.environ.get(name) for name in _OTLP_ENDPOINTS)

    @field_validator("log_level", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value


class Settings(Storage, Encryption, Runs, Streams, Retention, Webhooks, Http, Identity, Logging):
    """Every setting. Read it with `load_settings`, which explains what is wrong in one line."""


def _with_scheme(uri: SecretStr | None, schemes: tuple[str, ...]) -> SecretStr | None:
    if uri is not None and urlsplit(uri.get_secret_value()).scheme not in schemes:
        raise ValueError("must start with " + " or ".join(f"{scheme}://" for scheme in schemes))
    return uri
