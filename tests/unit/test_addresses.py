"""Addresses: both drivers read one the same way, or it is refused without being repeated."""

import ssl

import pytest

from joinstream.settings.addresses import check_postgres_address, check_redis_address
from joinstream.store.addresses import asyncpg_address
from joinstream.streams.redis import RedisConnections

ADDRESS = "postgresql://joe:s%40cret@db.internal:5432/app"
GOOD = [
    ADDRESS,
    "postgres://joe@db.internal/app",
    "postgresql:///app?host=/run/postgresql",
    "postgresql://joe:secret@%2Frun%2Fpostgresql/app",
    "postgresql://joe:secret@[::1]:5432/app",
    "postgresql://joe:secret@one:5432,two:5433/app?target_session_attrs=read-write",
    f"{ADDRESS}?sslmode=require&connect_timeout=10&keepalives=1",
]
MISREAD = [
    "hunter#2",
    "hunter/2",
    "hunter?2",
    "hunter@2",
    "hunter:2/",
    "hunter%2",
    "hunter[2",
    "12/3",
]


@pytest.mark.parametrize("uri", GOOD)
def test_an_address_that_both_drivers_read_is_taken(uri: str) -> None:
    check_postgres_address(uri)


@pytest.mark.parametrize("password", MISREAD)
def test_a_password_that_would_be_misread_is_refused_and_not_repeated(password: str) -> None:
    with pytest.raises(ValueError, match="percent-encoded") as caught:
        check_postgres_address(f"postgresql://joe:{password}@db.internal/app")
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize("password", ["hunter#2", "hunter/2", "hunter?2"])
def test_a_password_of_redis_is_not_repeated_either(password: str) -> None:
    with pytest.raises(ValueError, match="percent-encoded") as caught:
        check_redis_address(f"redis://:{password}@cache.internal:6379/0")
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    "uri",
    [
        "redis://:p%40ss@cache.internal:6379/0",
        "unix:///run/redis@1/redis.sock?db=2",
        "redis+sentinel://one:26379,two:26379/main/0",
    ],
)
def test_addresses_of_redis_are_taken(uri: str) -> None:
    check_redis_address(uri)


def test_a_parameter_that_redis_does_not_know_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="no parameter 'ssl_ca_cert'"):
        RedisConnections.open("rediss://cache.internal:6379/0?ssl_ca_cert=/etc/ssl/redis.crt")


def test_a_parameter_that_only_one_driver_knows_is_refused_with_the_way_that_both_do() -> None:
    with pytest.raises(ValueError, match=r"search_path.*options=-c"):
        check_postgres_address(f"{ADDRESS}?search_path=app")


def test_a_protection_that_cannot_be_given_is_not_silently_left_out() -> None:
    with pytest.raises(ValueError, match=r"channel_binding.*verify-full"):
        check_postgres_address(f"{ADDRESS}?sslmode=require&channel_binding=require")


def test_asyncpg_is_not_given_what_only_libpq_knows() -> None:
    uri = f"{ADDRESS}?sslmode=require&connect_timeout=10&options=-c%20search_path%3Dapp"
    assert asyncpg_address(uri) == {
        "dsn": f"{ADDRESS}?sslmode=require&options=-c+search_path%3Dapp"
    }
    assert asyncpg_address(ADDRESS) == {"dsn": ADDRESS}


def test_the_certificates_of_the_system_mean_a_checked_server() -> None:
    given = asyncpg_address(f"{ADDRESS}?sslmode=verify-full&sslrootcert=system")
    assert given["dsn"] == f"{ADDRESS}?"
    assert given["ssl"].check_hostname
    assert given["ssl"].verify_mode is ssl.CERT_REQUIRED
