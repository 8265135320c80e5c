"""`http.app`: a project's own application, with the API in it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from joinstream.errors import StartupError
from tests.support.api import running_api
from tests.support.project_files import ProjectFiles, project_files

Serve = Callable[..., Any]

STARLETTE = """
    from contextlib import asynccontextmanager

    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.responses import JSONResponse, PlainTextResponse
    from starlette.routing import Mount, Route, WebSocketRoute

    LIVED = []

    async def hello(request):
        return JSONResponse({"hello": request.path_params["name"], "app": request.app is app})

    async def mine(request):
        return JSONResponse("mine")

    async def broken(request):
        raise ZeroDivisionError("s3cret")

    async def refused(request):
        raise HTTPException(402, "Pay first.")

    async def echo(socket):
        await socket.accept()
        await socket.send_text(await socket.receive_text())
        await socket.close()

    @asynccontextmanager
    async def lifespan(app):
        LIVED.append("start")
        yield {"greeting": "from the lifespan"}
        LIVED.append("end")

    async def state(request):
        return JSONResponse(request.state.greeting)

    app = Starlette(
        routes=[
            Route("/hello/{name}", hello),
            Route("/threads/search", mine, methods=["POST"]),
            Route("/threads/{thread_id}", mine),
            Route("/ok", mine),
            Route("/openapi.json", mine),
            Route("/docs", mine),
            Route("/info", mine),
            Route("/", mine),
            Route("/broken", broken),
            Route("/refused", refused),
            Route("/state", state),
            Route("/slash/", mine),
            Mount("/sub", routes=[Route("/hello/{name}", hello)]),
            WebSocketRoute("/echo", echo),
        ],
        lifespan=lifespan,
    )
"""

FASTAPI = """
    from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
    from pydantic import BaseModel

    class Order(BaseModel):
        count: int

    def number() -> int:
        return 7

    router = APIRouter(prefix="/shop")

    @router.get("/{item}")
    async def item(item: str, number: int = Depends(number)):
        return {"item": item, "number": number}

    app = FastAPI()
    app.include_router(router)

    @app.post("/orders")
    async def order(order: Order, request: Request):
        return {"count": order.count, "app": request.app is app}

    @app.get("/refused")
    async def refused():
        raise HTTPException(402, "Pay first.")
"""


@pytest.fixture
def files(tmp_path: Path) -> Iterator[ProjectFiles]:
    with project_files(tmp_path) as project:
        project.write("agent.py")
        yield project


@pytest.fixture
def serve(database_uri: str, files: ProjectFiles) -> Serve:
    """Starts a project with this custom app."""

    def start(source: str, *, settings: dict[str, Any] | None = None, **http: Any) -> Any:
        files.write("app.py", source)
        files.configure(graphs={"agent": "./agent.py:graph"}, http={"app": "./app.py:app", **http})
        return running_api(database_uri, config=files.config_path, **settings or {})

    return start


def module_of(files: ProjectFiles) -> Any:
    """The custom app's module."""
    path = str(files.folder / "app.py")
    return next(m for m in sys.modules.values() if getattr(m, "__file__", "") == path)


async def test_routes_of_its_own_are_served_beside_the_api(serve: Serve) -> None:
    async with serve(STARLETTE) as api:
        assert (await api.http.get("/hello/ann")).json() == {"hello": "ann", "app": True}
        assert (await api.http.get("/sub/hello/bob")).json() == {"hello": "bob", "app": True}
        assert (await api.client.assistants.search())[0]["graph_id"] == "agent"
        thread = await api.client.threads.create()
        run = await api.client.runs.create(thread["thread_id"], "agent", input={"text": "a"})
        assert run["status"] == "pending"


async def test_fastapi_keeps_all_that_it_does(serve: Serve) -> None:
    async with serve(FASTAPI) as api:
        assert (await api.http.get("/shop/hat")).json() == {"item": "hat", "number": 7}
        assert (await api.http.post("/orders", json={"count": 2})).json()["app"] is True
        refused = await api.http.post("/orders", json={"count": "many"})
        assert (refused.status_code, refused.json()["detail"][0]["loc"]) == (422, ["body", "count"])
        assert (await api.http.get("/refused")).status_code == 402
        assert (await api.http.get("/redoc")).status_code == 200
        assert await api.client.threads.count() == 0


async def test_a_custom_route_goes_before_the_apis_for_its_method_alone(serve: Serve) -> None:
    async with serve(STARLETTE) as api:
        thread_id = (await api.client.threads.create())["thread_id"]
        assert (await api.http.post("/threads/search", json={})).json() == "mine"
        assert (await api.http.get(f"/threads/{thread_id}")).json() == "mine"
        assert (await api.http.get("/info")).json() == "mine"
        assert (await api.http.get("/")).json() == "mine"
        patched = await api.http.patch(f"/threads/{thread_id}", json={"metadata": {"a": 1}})
        assert patched.json()["metadata"] == {"a": 1}


async def test_what_probes_and_people_look_for_is_always_the_servers(serve: Serve) -> None:
    async with serve(STARLETTE) as api:
        assert (await api.http.get("/ok")).json()["ok"] is True
        assert (await api.http.get("/openapi.json")).json()["info"]["title"] == "joinstream"
        assert "text/html" in (await api.http.get("/docs")).headers["content-type"]


async def test_fastapis_own_documents_give_way(serve: Serve) -> None:
    async with serve(FASTAPI) as api:
        document = (await api.http.get("/openapi.json")).json()
        assert document["info"]["title"] == "joinstream"
        assert (await api.http.get("/")).json()["ok"] is True


async def test_switched_off_documents_make_room_for_the_apps_own(serve: Serve) -> None:
    async with serve(STARLETTE, disable_meta=True) as api:
        assert (await api.http.get("/docs")).json() == "mine"
        assert (await api.http.get("/ok?check_db=1")).json() == {"ok": True, "services": {}}


async def test_unknown_paths_methods_and_slashes_are_answered_as_ever(serve: Serve) -> None:
    async with serve(STARLETTE) as api:
        nothing = await api.http.get("/nothing")
        assert (nothing.status_code, nothing.json()) == (
            404,
            {"detail": "There is nothing at /nothing."},
        )
        wrong = await api.http.put("/assistants/search", json={})
        assert (wrong.status_code, "POST" in wrong.headers["allow"]) == (405, True)
        assert (await api.http.post("/hello/ann")).status_code == 405
        assert (await api.http.get("/slash")).headers["location"].endswith("/slash/")


async def test_files_at_the_root_do_not_hide_the_api(serve: Serve, files: ProjectFiles) -> None:
    (files.folder / "site").mkdir()
    (files.folder / "site" / "index.html").write_text("<h1>Shop</h1>")
    source = f"""
        from fastapi import FastAPI

        app = FastAPI()
        app.frontend("/", directory={str(files.folder / "site")!r})
    """
    async with serve(source) as api:
        assert (await api.http.get("/")).text == "<h1>Shop</h1>"
        assert await api.client.threads.count() == 0
        assert (await api.http.get("/ok")).json()["ok"] is True


async def test_a_mount_that_hides_the_api_is_told_at_the_start(serve: Serve) -> None:
    source = STARLETTE.replace('Mount("/sub"', 'Mount("/"')
    with capture_logs() as logs:
        async with serve(source):
            pass
    assert any("hides the whole API" in line["event"] for line in logs)


async def test_its_lifespan_begins_before_the_first_request_and_ends_after_the_last(
    serve: Serve, files: ProjectFiles
) -> None:
    async with serve(STARLETTE, settings={"over_tcp": True}) as api:
        lived = module_of(files).LIVED
        assert lived == ["start"]
        assert (await api.http.get("/state")).json() == "from the lifespan"
        assert (await api.http.get("/info")).status_code == 200
    assert lived == ["start", "end"]


async def test_fastapis_older_startup_hooks_run_too(serve: Serve, files: ProjectFiles) -> None:
    source = """
        from fastapi import FastAPI

        LIVED = []
        app = FastAPI(on_startup=[lambda: LIVED.append("start")])
    """
    async with serve(source):
        assert module_of(files).LIVED == ["start"]


async def test_one_app_may_be_served_again_and_be_tested_alone(
    serve: Serve, files: ProjectFiles
) -> None:
    for _ in range(2):
        async with serve(STARLETTE) as api:
            assert (await api.http.get("/hello/ann")).json()["app"] is True
            assert await api.client.threads.count() == 0
    alone = TestClient(module_of(files).app, raise_server_exceptions=False)
    assert alone.get("/hello/ann").status_code == 200
    assert alone.post("/threads/count", json={}).status_code == 405
    assert alone.get("/nothing").text == "Not Found"
    assert alone.get("/broken").text == "Internal Server Error"


async def test_websockets_of_its_own_work(serve: Serve) -> None:
    async with serve(STARLETTE) as api:
        with TestClient(api.app).websocket_connect("/echo") as socket:
            socket.send_text("hi")
            assert socket.receive_text() == "hi"


async def test_what_a_custom_route_raises_is_json_and_in_the_log(serve: Serve) -> None:
    async with serve(STARLETTE, settings={"over_tcp": True}) as api:
        with capture_logs() as logs:
            broken = await api.http.get("/broken", headers={"x-request-id": "r1"})
        assert broken.status_code == 500
        assert "r1" in broken.json()["detail"]
        assert "s3cret" not in broken.text
        assert [line["request_id"] for line in logs if line["event"] == "request_failed"] == ["r1"]
        again = await api.http.get("/refused")  # on the same connection
        assert (again.status_code, again.text) == (402, "Pay first.")


HANDLERS = """
    from starlette.exceptions import HTTPException
    from starlette.responses import JSONResponse

    async def teapot(request, error):
        return JSONResponse(
            {"mine": error.status_code, "why": error.detail, "app": request.app is app}, 418
        )
"""


async def test_its_handler_of_http_exceptions_is_given_the_apis_errors(serve: Serve) -> None:
    source = STARLETTE + HANDLERS + "    app.add_exception_handler(HTTPException, teapot)\n"
    async with serve(source) as api:
        for path, status in (("/nothing", 404), ("/refused", 402)):
            answer = await api.http.get(path)
            assert (answer.status_code, answer.json()["mine"]) == (418, status)
            assert answer.json()["app"] is True
        invalid = await api.http.post("/threads", json={"thread_id": "x"})
        assert invalid.json()["mine"] == 422
        assert "thread_id" in invalid.json()["why"]


async def test_its_handler_of_a_status_is_given_no_other(serve: Serve) -> None:
    source = STARLETTE + HANDLERS + "    app.add_exception_handler(404, teapot)\n"
    async with serve(source) as api:
        missing = await api.http.get("/assistants/0190a5d0-ac96-774b-bcce-b302099a8057")
        assert (missing.status_code, missing.json()["mine"]) == (418, 404)
        assert (await api.http.get("/nothing")).status_code == 418
        invalid = await api.http.post("/threads", json={"thread_id": "x"})
        assert (invalid.status_code, "thread_id" in invalid.json()["detail"]) == (422, True)


async def test_its_handler_of_everything_answers_for_the_api_too(serve: Serve) -> None:
    source = (
        STARLETTE
        + HANDLERS
        + """
    async def sorry(request, error):
        return JSONResponse({"sorry": type(error).__name__}, 500)

    app.add_exception_handler(Exception, sorry)
"""
    )
    async with serve(source, settings={"over_tcp": True}) as api:
        with capture_logs() as logs:
            assert (await api.http.get("/broken")).json() == {"sorry": "ZeroDivisionError"}
            api.app.state.services = None
            answer = await api.http.post("/threads/count", json={})
        assert answer.json() == {"sorry": "AttributeError"}
        assert len([line for line in logs if line["event"] == "request_failed"]) == 2


async def test_without_postgres_its_handler_of_everything_is_not_asked(serve: Serve) -> None:
    source = STARLETTE + HANDLERS + "    app.add_exception_handler(Exception, teapot)\n"
    async with serve(source) as api:
        await api.backends.pool.close()
        answer = await api.http.post("/threads/count", json={})
        assert (answer.status_code, "Postgres" in answer.json()["detail"]) == (503, True)


MIDDLEWARE = """
    from starlette.middleware.base import BaseHTTPMiddleware

    SEEN = []

    class Stamp(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            if request.headers.get("x-stop"):
                raise ValueError("stopped")
            response = await call_next(request)
            route = request.scope.get("route")
            SEEN.append(route and route.path)
            response.headers["x-mw"] = "was here"
            return response

    app.add_middleware(Stamp)
"""


async def test_its_middleware_sees_every_request(serve: Serve, files: ProjectFiles) -> None:
    async with serve(STARLETTE + MIDDLEWARE) as api:
        thread_id = (await api.client.threads.create())["thread_id"]
        for path in (
            "/hello/ann",
            f"/threads/{thread_id}/state",
            "/ok",
            "/docs",
            "/openapi.json",
            "/nothing",
        ):
            assert (await api.http.get(path)).headers["x-mw"] == "was here", path
        seen = module_of(files).SEEN
        assert "/threads/{thread_id}/state" in seen
        assert "/hello/{name}" in seen


async def test_what_its_middleware_raises_is_json_too(serve: Serve) -> None:
    async with serve(STARLETTE + MIDDLEWARE) as api:
        stopped = await api.http.post("/threads", json={}, headers={"x-stop": "1"})
        assert (stopped.status_code, "Internal error" in stopped.json()["detail"]) == (500, True)


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        ("app = 1", "./app.py:app", "is of type int, not a Starlette or FastAPI application"),
        ("def app(): ...", "./app.py:app", "is the function app, not"),
        ("class app: ...", "./app.py:app", "is the class app, not"),
        ("api = 1", "./app.py:app", "has no variable 'app'"),
        ("import nowhere_at_all", "./app.py:app", "No module named 'nowhere_at_all' (app.py:1)"),
        ("app = 1", "./ap.py:app", "did you mean 'app.py'?"),
        ("app = 1", "app.py", "names no variable"),
        ("app = 1", "./app.ts:app", "is JavaScript"),
        (
            """
            from starlette.applications import Starlette
            from starlette.middleware.gzip import GZipMiddleware
            app = GZipMiddleware(Starlette())
            """,
            "./app.py:app",
            "wrap that by its own add_middleware",
        ),
        (
            """
            from contextlib import asynccontextmanager
            from starlette.applications import Starlette

            @asynccontextmanager
            async def lifespan(app):
                raise RuntimeError("no such database")
                yield

            app = Starlette(lifespan=lifespan)
            """,
            "./app.py:app",
            "the lifespan of ./app.py:app failed at its start: RuntimeError: no such database "
            "(app.py:7)",
        ),
    ],
)
async def test_an_app_that_cannot_be_is_one_line_at_the_start(
    database_uri: str, files: ProjectFiles, source: str, target: str, reason: str
) -> None:
    files.write("app.py", source)
    files.configure(graphs={"agent": "./agent.py:graph"}, http={"app": target})
    with pytest.raises(StartupError) as failed:
        async with running_api(database_uri, config=files.config_path, over_tcp=True):
            pass
    message = str(failed.value)
    assert message.startswith("http.app: ")
    assert reason in message
    assert "\n" not in message
