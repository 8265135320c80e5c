"""Asks the user's `@auth.on` handlers; what services know as the port `Access`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, get_args

from langgraph_sdk.auth import Auth
from langgraph_sdk.auth.exceptions import HTTPException as AuthRefusal
from langgraph_sdk.auth.types import AuthContext, Handler

from joinstream.auth.authenticator import checked
from joinstream.domain.access import Filter, compile_filter
from joinstream.domain.identity import Caller
from joinstream.errors import AuthFailed, Forbidden, RequestError
from joinstream.ports.access import Action, Resource

_CALLER: ContextVar[Caller | None] = ContextVar("joinstream_caller", default=None)


class OpenAccess:
    """Everybody may do everything: for a server without auth, or with keys alone."""

    @property
    def caller(self) -> Caller | None:
        return _CALLER.get()

    async def authorize(self, resource: Resource, action: Action, value: dict[str, Any]) -> Filter:
        return None


class HandlerAccess:
    """The handlers of a user's Auth object decide.

    `default_allow` is the answer for actions that no handler is for.
    """

    def __init__(self, auth: Auth, *, default_allow: bool) -> None:
        self._auth = auth
        self._default_allow = default_allow

    @property
    def caller(self) -> Caller | None:
        return _CALLER.get()

    async def authorize(self, resource: Resource, action: Action, value: dict[str, Any]) -> Filter:
        """Raises Forbidden; the handler's refusal as it is; AuthFailed when the handler failed."""
        caller = self.caller
        if caller is None:
            raise AuthFailed(f"{resource}.{action} was asked for outside of a request.")
        handler = self._handler(resource, action)
        if handler is not None:
            context = AuthContext(caller.permissions, caller.user, resource, action)
            return _filter(await _answer(handler, context, value), resource, action)
        if self._default_allow:
            return None
        raise Forbidden(f"No auth handler is for {resource}.{action}, so it is denied.")

    def unhandled(self) -> list[str]:
        """The actions that no handler is for."""
        return [
            f"{resource}.{action}"
            for resource in get_args(Resource)
            for action in _actions_of(resource)
            if self._handler(resource, action) is None
        ]

    def _handler(self, resource: str, action: str) -> Handler | None:
        """The most specific one; of several, the last that was registered."""
        handlers = self._auth._handlers
        for key in ((resource, action), (resource, "*"), ("*", action), ("*", "*")):
            if found := handlers.get(key):
                return found[-1]
        return self._auth._global_handlers[-1] if self._auth._global_handlers else None


@contextmanager
def as_caller(caller: Caller) -> Iterator[None]:
    """Everything inside is done for this caller."""
    token = _CALLER.set(caller)
    try:
        yield
    finally:
        _CALLER.reset(token)


async def _answer(handler: Handler, context: AuthContext, value: dict[str, Any]) -> Any:
    name = f"{context.resource}.{context.action}"
    try:
        return await handler(ctx=context, value=value)
    except AuthRefusal as refusal:
        raise checked(refusal, name) from None
    except AssertionError as error:
        raise Forbidden(str(error) or "Forbidden") from None
    except RequestError:
        raise
    except Exception as error:
        raise AuthFailed(f"The auth handler of {name} raised {type(error).__name__}.") from error


def _filter(answer: Any, resource: str, action: str) -> Filter:
    if answer is None or answer is True:
        return None
    if answer is False:
        raise Forbidden(f"You may not do {resource}.{action}.")
    if not isinstance(answer, Mapping):
        raise AuthFailed(
            f"The auth handler of {resource}.{action} returned {type(answer).__name__}; "
            "it may return None, a truth value or a filter."
        )
    try:
        return compile_filter(answer)
    except ValueError as error:
        raise AuthFailed(
            f"The auth handler of {resource}.{action} returned a filter that cannot be: {error}."
        ) from error


def _actions_of(resource: str) -> tuple[str, ...]:
    if resource == "store":
        return ("put", "get", "search", "delete", "list_namespaces")
    actions = ("create", "read", "update", "delete", "search")
    return (*actions, "create_run") if resource == "threads" else actions
