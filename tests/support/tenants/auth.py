"""Tenants as the official documentation shows them: everything belongs to whoever made it."""

from typing import Any

from langgraph_sdk import Auth

USERS = {
    "ann-key": {"identity": "ann", "permissions": ["write"], "team": "red", "email": "ann@home"},
    "bob-key": {"identity": "bob", "permissions": ["write"], "team": "blue"},
    "key of user 77": {"identity": "user 77"},
}

auth = Auth()


@auth.authenticate
async def authenticate(authorization: str | None) -> Any:
    user = USERS.get((authorization or "").removeprefix("Bearer "))
    if user is None:
        raise Auth.exceptions.HTTPException(status_code=401, detail="Who are you?")
    return user


@auth.on.store
async def a_namespace_each(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> None:
    value["namespace"] = (ctx.user.identity, *(value["namespace"] or ()))


@auth.on
async def to_each_their_own(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> Any:
    owner = {"owner": ctx.user.identity}
    value.setdefault("metadata", {}).update(owner)
    return owner
