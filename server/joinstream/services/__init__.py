"""The use cases, one class per resource. Transactions begin and end here.

A service takes ids and validated values, never a request; it raises `RequestError`s and returns
values that `joinstream.encoding` can write.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a handler may call; put together in app.py."""
