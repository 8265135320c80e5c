"""Auth around a custom app: what it guards, in which order, and that nothing leads past it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from tests.support.api import running_api
from tests.support.project_files import ProjectFiles, project_files

Serve = Callable[..., Any]

ANN = {"authorization": "Bearer ann"}

AUTH = """
    from langgraph_sdk import Auth

    auth = Auth()
    ASKED = []

    @auth.authenticate
    async def authenticate(authorization: str | None, path: str, path_params: dict) -> str:
        ASKED.append((path, path_params))
        if authorization == "Bearer broken":
            raise RuntimeError("identity provider is away")
        if authorization != "Bearer ann":
            raise Auth.exceptions.HTTPException(status_code=401, detail="Who are you?")
        return "ann"

    @auth.on
    async def mine(ctx, value):
        value.setdefault("metadata", {})["owner"] = ctx.user.identity
        return {"owner": ctx.user.identity}
"""

APP = """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.responses import JSONResponse
    from starlette.routing import Route, WebSocketRoute

    SEEN = []

    async def who(request):
        user = request.scope.get("user")
        return JSONResponse(user and user.identity)

    async def echo(socket):
        await socket.accept()
        await socket.send_text(await socket.receive_text())
        await socket.close()

    class Watch:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            user = scope.get("user")
            SEEN.append((scope["path"], user and user.identity))
            if scope["path"] == "/rewritten":
                scope = {**scope, "path": "/threads/count"}
            if scope["path"] == "/pretended":
                scope = {**scope, "path": "/threads/count", "user": "root", "auth": "all"}
            await self.app(scope, receive, send)

    app = Starlette(
        routes=[
            Route("/who/{name}", who),
            Route("/threads/search", who, methods=["POST"]),
            WebSocketRoute("/echo", echo),
        ],
        middleware=[Middleware(Watch)],
    )
"""


@pytest.fixture
def files(tmp_path: Path) -> Iterator[ProjectFiles]:
    with project_files(tmp_path) as project:
        project.write("agent.py")
        project.write("auth.py", AUTH)
        project.write("app.py", APP)
        yield project


@pytest.fixture
def serve(database_uri: str, files: ProjectFiles) -> Serve:
    """Starts the project with these keys of `http`."""

    def start(**http: Any) -> Any:
        files.configure(
            graphs={"agent": "./agent.py:graph"},
            auth={"path": "./auth.py:auth"},
            http={"app": "./app.py:app", **http},
        )
        return running_api(database_uri, config=files.config_path)

    return start


def taken(files: ProjectFiles, name: str, variable: str) -> list[Any]:
    """What a module of the project has noted since the last call."""
    path = str(files.folder / name)
    module = next(m for m in sys.modules.values() if getattr(m, "__file__", "") == path)
    noted = list(getattr(module, variable))
    getattr(module, variable).clear()
    return noted


ORDERS = pytest.mark.parametrize("order", ["middleware_first", "auth_first"])


@ORDERS
async def test_custom_routes_are_open_and_the_api_is_not(serve: Serve, order: str) -> None:
    async with serve(middleware_order=order) as api:
        assert (await api.http.get("/who/x")).json() is None
        assert (await api.http.post("/threads/search", json={})).json() is None
        for path in ("/threads/count", "/assistants/search", "/nothing"):
            refused = await api.http.post(path, json={})
            assert (refused.status_code, refused.json()) == (401, {"detail": "Who are you?"}), path
        assert (await api.http.post("/threads/count", json={}, headers=ANN)).json() == 0
        assert (await api.http.get("/nothing", headers=ANN)).status_code == 404
        for path in ("/ok", "/info", "/docs", "/openapi.json", "/"):
            assert (await api.http.get(path)).status_code == 200, path


@ORDERS
async def test_custom_routes_can_be_guarded_too(
    serve: Serve, files: ProjectFiles, order: str
) -> None:
    async with serve(middleware_order=order, enable_custom_route_auth=True) as api:
        refused = await api.http.get("/who/x", headers={"origin": "https://a.example"})
        assert (refused.status_code, refused.json()) == (401, {"detail": "Who are you?"})
        assert refused.headers["access-control-allow-origin"] == "*"
        taken(files, "auth.py", "ASKED")
        assert (await api.http.get("/who/x", headers=ANN)).json() == "ann"
        assert (await api.http.post("/threads/search", json={}, headers=ANN)).json() == "ann"
        assert (await api.http.post("/threads/count", json={}, headers=ANN)).json() == 0
        assert (await api.http.get("/nothing", headers=ANN)).status_code == 404
        assert (await api.http.get("/nothing")).status_code == 401
        assert (await api.http.get("/ok")).status_code == 200
        assert taken(files, "auth.py", "ASKED") == [
            ("/who/x", {"name": "x"}),
            ("/threads/search", {}),
            ("/threads/count", {}),
            ("/nothing", {}),
            ("/nothing", {}),
        ]


@ORDERS
async def test_a_handler_that_fails_is_json_on_custom_routes_as_well(
    serve: Serve, order: str
) -> None:
    broken = {"authorization": "Bearer broken"}
    async with serve(middleware_order=order, enable_custom_route_auth=True) as api:
        for method, path in (("GET", "/who/x"), ("POST", "/threads/count")):
            answer = await api.http.request(method, path, headers=broken)
            assert answer.status_code == 500
            assert "Internal error" in answer.json()["detail"]


async def test_middleware_comes_first_unless_auth_does(serve: Serve, files: ProjectFiles) -> None:
    async with serve() as api:
        await api.http.post("/threads/count", json={}, headers=ANN)
        await api.http.post("/threads/count", json={})
        assert taken(files, "app.py", "SEEN") == [("/threads/count", None)] * 2
    async with serve(middleware_order="auth_first") as api:
        await api.http.post("/threads/count", json={}, headers=ANN)
        await api.http.post("/threads/count", json={})
        await api.http.get("/who/x", headers=ANN)
        assert taken(files, "app.py", "SEEN") == [("/threads/count", "ann"), ("/who/x", None)]


@ORDERS
async def test_each_request_is_asked_about_once(
    serve: Serve, files: ProjectFiles, order: str
) -> None:
    async with serve(middleware_order=order, enable_custom_route_auth=True) as api:
        for method, path in (("GET", "/who/x"), ("POST", "/threads/count"), ("GET", "/nothing")):
            await api.http.request(method, path, headers=ANN, json={})
            assert len(taken(files, "auth.py", "ASKED")) == 1, path


@ORDERS
@pytest.mark.parametrize("path", ["/rewritten", "/pretended"])
async def test_no_middleware_leads_past_it(serve: Serve, order: str, path: str) -> None:
    async with serve(middleware_order=order) as api:
        refused = await api.http.post(path, json={})
        assert (refused.status_code, refused.json()) == (401, {"detail": "Who are you?"})
        assert (await api.http.post(path, json={}, headers=ANN)).json() == 0


@ORDERS
async def test_things_belong_to_whoever_comes_through_middleware(serve: Serve, order: str) -> None:
    async with serve(middleware_order=order) as api:
        thread = await api.http.post("/threads", json={}, headers=ANN)
        assert thread.json()["metadata"] == {"owner": "ann"}
        run = await api.http.post(
            f"/threads/{thread.json()['thread_id']}/runs",
            json={"assistant_id": "agent", "input": {"text": "a"}},
            headers=ANN,
        )
        configurable = run.json()["kwargs"]["config"]["configurable"]
        assert configurable["langgraph_auth_user_id"] == "ann"


@ORDERS
async def test_websockets_of_custom_routes_are_guarded_at_their_upgrade(
    serve: Serve, order: str
) -> None:
    async with serve(middleware_order=order, enable_custom_route_auth=True) as api:
        client = TestClient(api.app)
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/echo"):
            pass
        with client.websocket_connect("/echo", headers=ANN) as socket:
            socket.send_text("hi")
            assert socket.receive_text() == "hi"


@ORDERS
async def test_a_preflight_that_the_app_answers_needs_no_credentials(
    serve: Serve, files: ProjectFiles, order: str
) -> None:
    files.write(
        "app.py",
        """
        from starlette.applications import Starlette
        from starlette.middleware import Middleware
        from starlette.middleware.cors import CORSMiddleware

        cors = Middleware(
            CORSMiddleware, allow_origins=["https://own.example"], allow_methods=["POST"]
        )
        app = Starlette(middleware=[cors])
        """,
    )
    preflight = {"origin": "https://own.example", "access-control-request-method": "POST"}
    async with serve(middleware_order=order, enable_custom_route_auth=True) as api:
        for path in ("/threads", "/mine"):
            answer = await api.http.options(path, headers=preflight)
            assert answer.status_code == 200
            assert answer.headers["access-control-allow-origin"] == "https://own.example"
        assert (await api.http.options("/threads")).status_code == 401


async def test_all_of_it_lies_under_the_mount_prefix(serve: Serve) -> None:
    async with serve(mount_prefix="/agents", middleware_order="auth_first") as api:
        assert (await api.http.get("/agents/who/x")).json() is None
        assert (await api.http.post("/agents/threads/count", json={})).status_code == 401
        counted = await api.http.post("/agents/threads/count", json={}, headers=ANN)
        assert counted.json() == 0
        assert (await api.http.get("/who/x")).status_code == 404
