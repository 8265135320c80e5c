"""Addresses of Postgres and Redis: what is wrong with one, said without repeating any of it.

An address holds a password, and one that is not percent-encoded may end up in any other part.
"""

import re
from urllib.parse import SplitResult, parse_qs, urlsplit

POSTGRES_SCHEMES = ("postgresql", "postgres")
REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")

_NAMES = """
    application_name channel_binding client_encoding connect_timeout dbname
    fallback_application_name gssdelegation gssencmode gsslib host hostaddr keepalives
    keepalives_count keepalives_idle keepalives_interval krbsrvname load_balance_hosts
    max_protocol_version min_protocol_version options passfile password port replication
    require_auth requirepeer scram_client_key scram_server_key service servicefile ssl
    ssl_max_protocol_version ssl_min_protocol_version sslcert sslcertmode sslcompression sslcrl
    sslcrldir sslkey sslkeylogfile sslmode sslnegotiation sslpassword sslrootcert sslsni
    target_session_attrs tcp_user_timeout user
"""
LIBPQ_PARAMETERS = frozenset(_NAMES.split())
"""What may stand behind the `?` of an address of Postgres, by the documentation of libpq."""

_HOST = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(:\d*)?")
_HALF_ENCODED = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOT_ENCODED = (
    "cannot be read: in a user name or password, write special characters percent-encoded, "
    "%40 for @, %2F for /, %23 for #, %3F for ?, %25 for %"
)


def check_postgres_address(uri: str) -> None:
    """Raises ValueError for what asyncpg and libpq would not both read, and in the same way."""
    parts = _split(uri, POSTGRES_SCHEMES)
    credentials = parts.netloc.rpartition("@")[0]
    if "@" in credentials:  # which of several ends the password, the two do not agree about
        raise ValueError(_NOT_ENCODED)
    _check_encoding(parts)
    parameters = parse_qs(parts.query, keep_blank_values=True)
    for name in parameters:
        if name not in LIBPQ_PARAMETERS:
            raise ValueError(
                f"{name!r} is no parameter of an address; a setting of the session is written "
                "options=-c%20search_path%3Dapp"
            )
    if parameters.get("channel_binding") == ["require"]:
        raise ValueError(
            "channel_binding=require cannot be kept, for asyncpg does not bind channels: leave it "
            "out, and have the server's certificate checked with sslmode=verify-full"
        )


def check_redis_address(uri: str) -> None:
    """Raises ValueError for an address that cannot be read, or not as it was meant."""
    parts = _split(uri, REDIS_SCHEMES)
    _check_encoding(parts)


def _split(uri: str, schemes: tuple[str, ...]) -> SplitResult:
    try:
        parts = urlsplit(uri)
    except ValueError:  # such as a bracket in a password
        raise ValueError(_NOT_ENCODED) from None
    if parts.scheme not in schemes:
        raise ValueError("must start with " + " or ".join(f"{scheme}://" for scheme in schemes))
    return parts


def _check_encoding(parts: SplitResult) -> None:
    credentials, _, hosts = parts.netloc.rpartition("@")
    fits = (
        all(_HOST.fullmatch(host) for host in hosts.split(","))
        and not _HALF_ENCODED.search(credentials)
        and not parts.fragment
        and ("@" not in parts.path or parts.scheme == "unix")
    )
    if not fits:
        raise ValueError(_NOT_ENCODED)
