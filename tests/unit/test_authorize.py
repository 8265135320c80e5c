"""`@auth.on` handlers as users write them: which one is asked, and what its answer does."""

from collections.abc import Callable
from typing import Any

import pytest
from langgraph_sdk import Auth

from joinstream.auth.access import HandlerAccess, as_caller
from joinstream.auth.users import caller_of
from joinstream.domain.access import Filter
from joinstream.errors import AuthFailed, Forbidden
from joinstream.ports.access import Action, Resource

ANN = caller_of({"identity": "ann", "permissions": ["write"], "team": "red"})
Answer = Callable[[Auth.types.AuthContext, dict[str, Any]], Any]


async def ask(
    auth: Auth,
    resource: Resource = "threads",
    action: Action = "read",
    value: dict[str, Any] | None = None,
    *,
    default_allow: bool = False,
) -> Filter:
    with as_caller(ANN):
        access = HandlerAccess(auth, default_allow=default_allow)
        return await access.authorize(resource, action, {} if value is None else value)


def answering(answer: Any) -> Auth:
    """An Auth whose only handler returns this, or raises it."""
    auth = Auth()

    @auth.on
    async def handler(ctx: Auth.types.AuthContext, value: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return auth


def named(name: str) -> Any:
    async def handler(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> None:
        value["asked"] = name

    return handler


LAYERS: list[tuple[str, Callable[[Auth], Any]]] = [
    ("everything", lambda auth: auth.on),
    ("any read", lambda auth: auth.on(actions="read")),
    ("all of threads", lambda auth: auth.on.threads),
    ("threads.read", lambda auth: auth.on.threads.read),
]


@pytest.mark.parametrize("most_specific", range(len(LAYERS)), ids=[name for name, _ in LAYERS])
async def test_the_most_specific_handler_alone_is_asked(most_specific: int) -> None:
    auth = Auth()
    for name, register in reversed(LAYERS[: most_specific + 1]):
        register(auth)(named(name))
    value: dict[str, Any] = {}
    await ask(auth, value=value)
    assert value["asked"] == LAYERS[most_specific][0]


async def test_the_handler_sees_who_wants_what() -> None:
    auth = Auth()
    seen: list[Any] = []

    @auth.on.assistants
    async def handler(ctx: Auth.types.AuthContext, value: Any) -> None:
        user: Any = ctx.user
        seen.extend([ctx.resource, ctx.action, list(ctx.permissions), user.identity])
        seen.extend([user["team"], user.team, "team" in user, value])

    await ask(auth, "assistants", "create", {"name": "x"})
    assert seen == ["assistants", "create", ["write"], "ann", "red", "red", True, {"name": "x"}]


async def test_the_handler_reaches_the_methods_of_its_own_user_class() -> None:
    class User:
        identity = "ann"

        def may(self, action: str) -> bool:
            return action == "read"

    auth = Auth()

    @auth.on
    async def handler(ctx: Auth.types.AuthContext, value: Any) -> bool:
        user: Any = ctx.user
        return bool(user.may(ctx.action))

    access = HandlerAccess(auth, default_allow=False)
    with as_caller(caller_of(User())):
        assert await access.authorize("threads", "read", {}) is None
        with pytest.raises(Forbidden):
            await access.authorize("threads", "delete", {})


@pytest.mark.parametrize("answer", [None, True, {}])
async def test_yes_filters_nothing(answer: Any) -> None:
    assert await ask(answering(answer)) is None


async def test_a_filter_becomes_documents() -> None:
    assert await ask(answering({"owner": "ann"})) == ({"owner": "ann"},)


@pytest.mark.parametrize(
    ("answer", "detail"),
    [(False, "threads.read"), (AssertionError("not yours"), "not yours")],
    ids=["false", "assertion"],
)
async def test_no_is_forbidden(answer: Any, detail: str) -> None:
    with pytest.raises(Forbidden, match=detail):
        await ask(answering(answer))


async def test_a_refusal_passes_as_it_is() -> None:
    with pytest.raises(Auth.exceptions.HTTPException) as refused:
        await ask(answering(Auth.exceptions.HTTPException(status_code=402, detail="pay")))
    assert refused.value.status_code == 402


@pytest.mark.parametrize(
    "answer",
    [
        "yes",
        1,
        ["ann"],
        {"owner": {"$like": "a"}},
        {"owner": {"first": "ann"}},
        {"$or": []},
        {"$not": [{"owner": "ann"}]},
        RuntimeError("broken"),
        Auth.exceptions.HTTPException(status_code=302),
    ],
    ids=repr,
)
async def test_what_is_no_answer_lets_nobody_in(answer: Any) -> None:
    with pytest.raises(AuthFailed):
        await ask(answering(answer))


async def test_an_action_without_a_handler_is_denied_unless_the_setting_allows_it() -> None:
    auth = Auth()
    auth.on.threads(named("threads"))
    with pytest.raises(Forbidden, match=r"assistants\.read"):
        await ask(auth, "assistants", "read")
    assert await ask(auth, "assistants", "read", default_allow=True) is None


def test_the_actions_that_have_no_handler_are_known() -> None:
    auth = Auth()
    auth.on(resources=["assistants", "crons", "store"])(named("others"))
    auth.on.threads.create(named("create"))
    auth.on(actions="read")(named("read"))
    assert HandlerAccess(auth, default_allow=False).unhandled() == [
        "threads.update",
        "threads.delete",
        "threads.search",
        "threads.create_run",
    ]


async def test_outside_of_a_request_nothing_is_allowed() -> None:
    access = HandlerAccess(answering(True), default_allow=True)
    with pytest.raises(AuthFailed):
        await access.authorize("threads", "read", {})
