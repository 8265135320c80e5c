"""An address of Postgres, as asyncpg takes it: it knows fewer parameters than libpq.

What it does not know it would ask the server to set, which refuses the connection.
"""

import ssl
from typing import Any
from urllib.parse import parse_qsl, urlencode

_NAMES = """
    channel_binding connect_timeout fallback_application_name gssdelegation gssencmode hostaddr
    keepalives keepalives_count keepalives_idle keepalives_interval load_balance_hosts
    max_protocol_version min_protocol_version require_auth requirepeer sslcertmode sslcompression
    sslcrldir sslkeylogfile sslsni tcp_user_timeout
"""
_OF_LIBPQ_ALONE = frozenset(_NAMES.split())
_CERTIFICATES_OF_THE_SYSTEM = ("sslrootcert", "system")


def asyncpg_address(uri: str) -> dict[str, Any]:
    """Arguments for `asyncpg.connect` and `create_pool`.

    `sslrootcert=system`, which asyncpg takes for a file, is a TLS context that checks the server's
    certificate and name.
    """
    address, _, query = uri.partition("?")
    given = parse_qsl(query, keep_blank_values=True)
    kept = [(name, value) for name, value in given if name not in _OF_LIBPQ_ALONE]
    context: dict[str, Any] = {}
    if _CERTIFICATES_OF_THE_SYSTEM in kept:
        kept = [(name, value) for name, value in kept if name not in ("sslmode", "sslrootcert")]
        context["ssl"] = ssl.create_default_context()
    if kept == given:
        return {"dsn": uri}
    return {"dsn": f"{address}?{urlencode(kept)}", **context}
