"""Where the API lies, and what it tells browsers and the log."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from langgraph_sdk import get_client
from structlog.testing import capture_logs

from joinstream.errors import StartupError
from joinstream_sdk import follow
from tests.support.api import Api, running_api
from tests.support.cutting_proxy import CuttingProxy, cutting_proxy
from tests.support.postgres import PostgresForTests
from tests.support.project_files import ProjectFiles, project_files
from tests.support.streaming import assert_gapless, datas_of

GRAPHS = Path(__file__).parents[2] / "graphs"
PREFIX = "/team/agents"
COUNT: Any = {"steps": 30, "seconds": 0.02}
PAGE = {"origin": "https://page.example"}
PREFLIGHT = {**PAGE, "access-control-request-method": "POST"}

CORS_APP = """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.cors import CORSMiddleware

    app = Starlette(
        middleware=[Middleware(CORSMiddleware, allow_origins=["https://own.example"])]
    )
"""


@pytest.fixture
def files(tmp_path: Path) -> Iterator[ProjectFiles]:
    with project_files(tmp_path) as project:
        project.write("agent.py")
        yield project


def configure(files: ProjectFiles, **http: Any) -> Path:
    files.configure(graphs={"agent": "./agent.py:graph"}, http=http)
    return files.config_path


@pytest.fixture(scope="module")
async def under_prefix(postgres: PostgresForTests, tmp_path_factory: Any) -> AsyncIterator[Api]:
    """An application with a worker and a custom app, under a prefix, behind a real server."""
    uri = await postgres.fresh_database()
    with project_files(tmp_path_factory.mktemp("app")) as files:
        files.write(
            "app.py",
            """
            from fastapi import FastAPI, Request

            app = FastAPI()

            @app.get("/hello")
            async def hello(request: Request):
                return {"url": str(request.url_for("hello").path)}
            """,
        )
        files.configure(
            graphs={name: f"{GRAPHS}/{name}.py:graph" for name in ("counter", "echo")},
            http={"app": "./app.py:app", "mount_prefix": PREFIX},
        )
        async with running_api(
            uri,
            config=files.config_path,
            worker=True,
            over_tcp=True,
            bg_job_shutdown_grace_period_secs=0.0,
        ) as running:
            yield running
    await postgres.drop_database(uri)


@pytest.fixture
async def proxy(under_prefix: Api) -> AsyncIterator[CuttingProxy]:
    async with cutting_proxy(str(under_prefix.http.base_url)) as proxy:
        yield proxy


async def test_everything_lies_under_the_prefix_and_probes_at_the_root_too(
    under_prefix: Api,
) -> None:
    http = under_prefix.http
    for path in ("/ok", "/", f"{PREFIX}/ok", f"{PREFIX}/", f"{PREFIX}/info", f"{PREFIX}/docs"):
        assert (await http.get(path)).status_code == 200, path
    for path in ("/info", "/docs", "/openapi.json", "/hello", "/threads", f"{PREFIX}{PREFIX}/ok"):
        assert (await http.get(path)).status_code == 404, path
    assert (await http.get(f"{PREFIX}/hello")).json() == {"url": f"{PREFIX}/hello"}
    document = (await http.get(f"{PREFIX}/openapi.json")).json()
    assert document["servers"] == [{"url": PREFIX}]


async def test_locations_have_the_prefix(under_prefix: Api) -> None:
    http = under_prefix.http
    body = {"assistant_id": "echo", "input": {"text": "a"}}
    thread = (await http.post(f"{PREFIX}/threads", json={})).json()["thread_id"]
    for base in (f"{PREFIX}/threads/{thread}", PREFIX):
        for path, rejoin in (("stream", "stream"), ("wait", "join")):
            answer = await http.post(f"{base}/runs/{path}", json=body)
            run = answer.headers["content-location"]
            assert run.startswith(f"{base}/runs/")
            assert answer.headers["location"].partition("?")[0] == f"{run}/{rejoin}"
            assert (await http.get(answer.headers["location"])).status_code == 200
        created = await http.post(f"{base}/runs", json=body)
        assert created.headers["content-location"] == f"{base}/runs/{created.json()['run_id']}"


@pytest.mark.filterwarnings("ignore::UserWarning")
async def test_the_official_client_comes_back_after_a_cut(proxy: CuttingProxy) -> None:
    async with get_client(url=f"{proxy.url}{PREFIX}") as client:
        thread_id = (await client.threads.create())["thread_id"]
        created: list[Any] = []
        parts = []
        async for part in client.runs.stream(
            thread_id, "counter", input=COUNT, on_run_created=created.append
        ):
            parts.append(part)
            if len(parts) in (3, 9):
                proxy.cut()
    assert_gapless(parts)
    assert datas_of(parts, "values")[-1]["count"] == COUNT["steps"]
    assert created[0]["run_id"] == parts[0].data["run_id"]


@pytest.mark.filterwarnings("ignore::UserWarning")
async def test_a_result_waited_for_survives_a_cut(proxy: CuttingProxy, under_prefix: Api) -> None:
    async with get_client(url=f"{proxy.url}{PREFIX}") as client:
        thread_id = (await client.threads.create())["thread_id"]
        run = await client.runs.create(thread_id, "counter", input=COUNT)
        async for _ in client.runs.join_stream(thread_id, run["run_id"]):
            proxy.cut()
            break
        result: Any = await client.runs.join(thread_id, run["run_id"])
    assert result["count"] == COUNT["steps"]


async def test_our_client_follows_under_a_prefix(proxy: CuttingProxy) -> None:
    async with get_client(url=f"{proxy.url}{PREFIX}") as client:
        thread_id = (await client.threads.create())["thread_id"]
        run = await client.runs.create(thread_id, "counter", input=COUNT)
        parts = []
        async for part in follow(client, thread_id, run["run_id"], last_event_id="-1"):
            parts.append(part)
            if len(parts) == 3:
                proxy.cut()
    assert_gapless(parts)


async def test_a_server_that_says_nothing_of_itself_has_no_root(
    database_uri: str, files: ProjectFiles
) -> None:
    config = configure(files, mount_prefix="/agents", disable_meta=True)
    async with running_api(database_uri, config=config) as api:
        for path in ("/ok", "/agents/ok"):
            assert (await api.http.get(f"{path}?check_db=1")).json() == {"ok": True, "services": {}}
        for path in ("/", "/agents/", "/agents/info", "/agents/docs", "/agents/openapi.json"):
            assert (await api.http.get(path)).status_code == 404, path


async def test_what_is_switched_off_is_not_there(database_uri: str, files: ProjectFiles) -> None:
    config = configure(files, disable_assistants=True)
    async with running_api(database_uri, config=config) as api:
        assert (await api.http.post("/assistants/search", json={})).status_code == 404
        assert (await api.http.get("/info")).json()["flags"]["assistants"] is False
        document = (await api.http.get("/openapi.json")).json()
        assert not [path for path in document["paths"] if path.startswith("/assistants")]
        run: Any = await api.client.runs.create(None, "agent", input={"text": "a"})
        assert run["status"] == "pending"


async def test_an_app_with_a_root_path_of_its_own_and_a_prefix_contradict_each_other(
    database_uri: str, files: ProjectFiles
) -> None:
    files.write("app.py", "from fastapi import FastAPI\napp = FastAPI(root_path='/x')")
    config = configure(files, app="./app.py:app", mount_prefix="/agents")
    with pytest.raises(StartupError, match="root_path"):
        async with running_api(database_uri, config=config):
            pass
    config = configure(files, app="./app.py:app")
    async with running_api(database_uri, config=config) as api:
        run = await api.http.post("/runs", json={"assistant_id": "agent", "input": {"text": "a"}})
        assert run.headers["content-location"] == f"/x/runs/{run.json()['run_id']}"
        assert (await api.http.get(run.headers["content-location"])).status_code == 200


async def test_by_default_every_page_may_call_without_credentials(database_uri: str) -> None:
    async with running_api(database_uri, api_keys="secret") as api:
        preflight = await api.http.options("/threads", headers=PREFLIGHT)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in preflight.headers
        refused = await api.http.post("/threads", json={}, headers=PAGE)
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == "*"
        assert "x-stream-position" in refused.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "https://known.example"}, 200),
        ({"origin": "https://known.example", "sec-fetch-site": "cross-site"}, 200),
        ({"origin": "http://test"}, 200),
        ({"origin": "https://behind.proxy", "sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        (PAGE, 403),
        ({**PAGE, "sec-fetch-site": "cross-site"}, 403),
        ({"origin": "http://test:3000", "sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://test", "sec-fetch-site": "cross-site"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
    ],
    ids=str,
)
async def test_only_known_pages_change_anything(
    database_uri: str, headers: dict[str, str], status: int
) -> None:
    known = ("https://known.example",)
    async with running_api(database_uri, cors_allow_origins=known) as api:
        form = {"content-type": "text/plain", **headers}
        created = await api.http.post("/threads", content=b"{}", headers=form)
        assert created.status_code == status
        assert (await api.http.get("/runs/crons/x", headers=headers)).status_code == 422
        count = await api.http.post("/threads/count", json={})
        assert count.json() == (1 if status == 200 else 0)
        if status == 403:
            assert "see the settings of CORS" in created.json()["detail"]


async def test_the_project_says_which_pages_may_call(
    database_uri: str, files: ProjectFiles
) -> None:
    cors = {
        "allow_origins": [PAGE["origin"]],
        "allow_methods": ["POST"],
        "allow_credentials": True,
        "expose_headers": ["x-mine"],
        "max_age": 5,
    }
    async with running_api(database_uri, config=configure(files, cors=cors)) as api:
        preflight = await api.http.options("/threads", headers=PREFLIGHT)
        assert preflight.headers["access-control-allow-origin"] == PAGE["origin"]
        assert preflight.headers["access-control-allow-credentials"] == "true"
        assert preflight.headers["access-control-allow-methods"] == "POST"
        assert preflight.headers["access-control-max-age"] == "5"
        answer = await api.http.post("/threads", json={}, headers=PAGE)
        exposed = answer.headers["access-control-expose-headers"]
        assert {"x-mine", "location"} <= set(exposed.split(", "))
        stranger = {**PREFLIGHT, "origin": "https://other.example"}
        assert (await api.http.options("/threads", headers=stranger)).status_code == 400


async def test_an_app_that_tells_browsers_itself_is_not_talked_over(
    database_uri: str, files: ProjectFiles
) -> None:
    files.write("app.py", CORS_APP)
    async with running_api(database_uri, config=configure(files, app="./app.py:app")) as api:
        own = await api.http.get("/info", headers={"origin": "https://own.example"})
        assert own.headers.get_list("access-control-allow-origin") == ["https://own.example"]
        other = await api.http.get("/info", headers=PAGE)
        assert "access-control-allow-origin" not in other.headers
    config = configure(files, app="./app.py:app", cors={"allow_origins": [PAGE["origin"]]})
    async with running_api(database_uri, config=config) as api:
        chosen = await api.http.get("/info", headers=PAGE)
        assert chosen.headers.get_list("access-control-allow-origin") == [PAGE["origin"]]


@pytest.mark.parametrize("allowed", [True, False])
async def test_pages_of_the_public_web_reach_a_private_network_only_if_allowed(
    database_uri: str, allowed: bool
) -> None:
    headers = {**PREFLIGHT, "access-control-request-private-network": "true"}
    async with running_api(database_uri, allow_private_network=allowed) as api:
        answer = await api.http.options("/threads", headers=headers)
        assert answer.headers.get("access-control-allow-private-network") == (
            "true" if allowed else None
        )


async def test_selected_headers_are_in_every_line_about_a_request(
    database_uri: str, files: ProjectFiles
) -> None:
    config = configure(
        files, logging_headers={"includes": ["x-*", "authorization"], "excludes": ["x-secret-*"]}
    )
    headers = {
        "X-Purchase-Id": "7",
        "X-Secret-Word": "hush",
        "authorization": "Bearer hush",
        "x-api-key": "hush",
    }
    async with running_api(database_uri, config=config) as api:
        api.app.state.services = None
        with capture_logs([structlog.contextvars.merge_contextvars]) as logs:
            await api.http.post("/threads", json={}, headers=headers)
            await api.http.post("/threads", json={})
    about = [line["headers"] for line in logs if line["event"] == "request_failed"]
    assert about == [{"x-purchase-id": "7"}, {}]
    assert "hush" not in str(logs)


async def test_with_webhooks_switched_off_a_run_forgets_its_own(
    database_uri: str, files: ProjectFiles
) -> None:
    async with running_api(database_uri, config=configure(files, disable_webhooks=True)) as api:
        run: Any = await api.client.runs.create(
            None, "agent", input={"text": "a"}, webhook="http://localhost/private"
        )
        assert run["kwargs"]["webhook"] is None
        assert (await api.http.post("/webhooks/deliveries/search", json={})).status_code == 404
