"""Where everything is kept."""

from pydantic import PositiveInt, SecretStr, field_validator

from joinstream.settings.addresses import check_postgres_address, check_redis_address
from joinstream.settings.section import Section, variable


class Storage(Section):
    """Postgres keeps everything that must not be lost; Redis carries events and wake-ups."""

    database_uri: SecretStr | None = variable(
        "DATABASE_URI",
        "POSTGRES_URI_CUSTOM",
        "POSTGRES_URI",
        default=None,
        description="""Address of Postgres 14 or newer, `postgresql://user:password@host/name`, with
        special characters of the password percent-encoded and the parameters of libpq behind `?`,
        such as `sslmode`. `serve` and `worker` need it; without it, `dev` runs a Postgres of its
        own.""",
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
        if uri is not None:
            check_postgres_address(uri.get_secret_value())
        return uri

    @field_validator("redis_uri")
    @classmethod
    def _is_redis(cls, uri: SecretStr | None) -> SecretStr | None:
        if uri is not None:
            check_redis_address(uri.get_secret_value())
        return uri
