"""Who makes a request, and what graphs and run rows hold of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph_sdk.auth.types import BaseUser

USER_KEY = "langgraph_auth_user"
USER_ID_KEY = "langgraph_auth_user_id"
PERMISSIONS_KEY = "langgraph_auth_permissions"


class AuthUser(dict[str, Any]):
    """A user as graphs see it: a JSON object whose keys are attributes too.

    `identity` is always there; what else there is, the authenticate handler decides.
    """

    @property
    def identity(self) -> str:
        return str(self["identity"])

    @property
    def display_name(self) -> str:
        return str(self.get("display_name") or self.identity)

    @property
    def is_authenticated(self) -> bool:
        return bool(self.get("is_authenticated", True))

    @property
    def permissions(self) -> Sequence[str]:
        return list(self.get("permissions") or ())

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request. `user` is what handlers see, `record` what is stored with a run."""

    user: BaseUser
    permissions: tuple[str, ...]
    record: AuthUser

    def configurable(self) -> dict[str, Any]:
        """What a run of this caller holds in `config.configurable`."""
        return {
            USER_KEY: self.record,
            USER_ID_KEY: self.record.identity,
            PERMISSIONS_KEY: list(self.permissions),
        }


def user_of(configurable: Mapping[str, Any]) -> AuthUser | None:
    """The user whom a stored run belongs to; None when it was created without auth."""
    record = configurable.get(USER_KEY)
    return AuthUser(record) if isinstance(record, Mapping) else None


def caller_of(configurable: Mapping[str, Any]) -> Caller | None:
    """The caller of whom this was `Caller.configurable()`."""
    user = user_of(configurable)
    permissions = tuple(configurable.get(PERMISSIONS_KEY) or ())
    return Caller(user, permissions, user) if user is not None else None
