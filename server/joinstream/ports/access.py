"""What services ask before they touch anything."""

from typing import Any, Literal, Protocol

from joinstream.domain.access import Filter
from joinstream.domain.identity import Caller

Resource = Literal["assistants", "threads", "crons", "store"]
Action = Literal[
    "create",
    "read",
    "update",
    "delete",
    "search",
    "create_run",
    "put",
    "get",
    "list_namespaces",
]


class Access(Protocol):
    """Decides for the caller of the current request."""

    @property
    def caller(self) -> Caller | None:
        """None when the server runs without auth."""
        ...

    async def authorize(self, resource: Resource, action: Action, value: dict[str, Any]) -> Filter:
        """Ask whether the caller may do this; the answer filters what it may do it to.

        The user's handler may change `value`, so take from it whatever is written afterwards.
        Raises Forbidden, or whatever status the handler refuses with.
        """
        ...
