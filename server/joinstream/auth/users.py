"""Makes a Caller of whatever an authenticate handler returns."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

from langgraph_sdk.auth.types import StudioUser

from joinstream.domain.identity import AuthUser, Caller
from joinstream.errors import AuthFailed, Unauthorized

STUDIO_IDENTITY = "langgraph-studio-user"

MOST_BYTES_OF_AN_IDENTITY = 1000
"""Runs are looked up by who created them, and an index has no room for much longer texts."""


class ReturnedUser(AuthUser):
    """A user that the handler returned as an object; handlers reach its methods too."""

    returned: Any

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        return getattr(self.__dict__["returned"], name)


def caller_of(returned: Any) -> Caller:
    """The caller behind a text, an object with `identity`, a mapping, or (permissions, user).

    Raises Unauthorized for None and for a user that is not authenticated, AuthFailed for anything
    that is no user.
    """
    if isinstance(returned, tuple | list) and len(returned) == 2:
        permissions, user = returned
        record = _record(user)
        return _caller(record, permissions or ())
    record = _record(returned)
    return _caller(record, record.permissions)


def studio_caller() -> Caller:
    """The developer who comes by LangGraph Studio; only where that is allowed."""
    user = StudioUser(STUDIO_IDENTITY, is_authenticated=True)
    record = AuthUser(
        identity=STUDIO_IDENTITY,
        display_name=STUDIO_IDENTITY,
        is_authenticated=True,
        permissions=list(user.permissions),
        kind="StudioUser",
    )
    # a StudioUser has no items, whatever its protocol says; handlers know it by its class
    stand_in: Any = user
    return Caller(stand_in, tuple(user.permissions), record)


def _caller(record: AuthUser, permissions: Sequence[str]) -> Caller:
    if not record.is_authenticated:
        raise Unauthorized("This user is not authenticated.")
    plain = AuthUser({**record, "permissions": list(permissions)})
    return Caller(record, tuple(permissions), plain)


def _record(user: Any) -> AuthUser:
    if user is None:
        raise Unauthorized("The credentials are missing or wrong.")
    if isinstance(user, str):
        record = AuthUser(identity=user)
    elif isinstance(user, Mapping):
        record = AuthUser(user)
    else:
        record = ReturnedUser(_fields(user))
        record.returned = user
    if not isinstance(record.get("identity"), str) or not record["identity"]:
        raise AuthFailed(
            "The authenticate handler must return a text, or a user with an `identity` that is "
            f"text; it returned {type(user).__name__}."
        )
    if len(record.identity.encode("utf-8", "replace")) > MOST_BYTES_OF_AN_IDENTITY:
        raise AuthFailed(
            "The authenticate handler returned an identity of more than "
            f"{MOST_BYTES_OF_AN_IDENTITY} bytes. Return something shorter, "
            "for example the subject of a token, not the token."
        )
    record.setdefault("display_name", record.identity)
    record.setdefault("is_authenticated", True)
    if record.get("permissions") is None:
        record["permissions"] = []
    return record


def _fields(user: object) -> dict[str, Any]:
    """What an object says of its user: its fields, and the protocol's properties."""
    fields: dict[str, Any] = {}
    if callable(dump := getattr(user, "model_dump", None)):
        fields = dump()
    elif is_dataclass(user) and not isinstance(user, type):
        fields = asdict(user)
    elif hasattr(user, "__dict__"):
        fields = {name: value for name, value in vars(user).items() if not name.startswith("_")}
    for name in ("identity", "display_name", "is_authenticated", "permissions"):
        if hasattr(user, name):
            fields[name] = getattr(user, name)
    return fields
