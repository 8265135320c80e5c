"""What the server says about itself."""

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from joinstream.http.routing import ApiRoute, leaf_routes
from tests.support.api import TENANTS, Api, running_api


@pytest.mark.parametrize("path", ["/ok", "/"])
async def test_a_running_server_is_ok(api: Api, path: str) -> None:
    response = await api.http.get(path)
    assert (response.status_code, response.json()) == (200, {"ok": True, "services": {}})


async def test_a_checked_server_names_what_it_stands_on(api: Api) -> None:
    response = await api.http.get("/ok?check_db=1")
    assert response.json() == {
        "ok": True,
        "services": {"database": "healthy", "streams": "healthy"},
    }


async def test_without_postgres_the_check_fails_and_names_it(api: Api) -> None:
    await api.backends.pool.close()
    response = await api.http.get("/ok?check_db=1")
    assert response.status_code == 503
    assert response.json()["services"] == {"database": "unhealthy", "streams": "healthy"}
    assert response.headers["retry-after"]
    assert (await api.http.get("/ok")).status_code == 200


async def test_without_postgres_a_request_is_told_to_come_back(api: Api) -> None:
    await api.backends.pool.close()
    for response in (
        await api.http.post("/threads", json={}),
        await api.http.post("/threads/search", json={}),
        await api.http.post("/threads/01890a5d-ac96-774b-bcce-b302099a8057/copy"),
    ):
        assert response.status_code == 503
        assert "Postgres" in response.json()["detail"]
        assert response.headers["retry-after"]


async def test_info_tells_version_and_features(api: Api) -> None:
    info = (await api.http.get("/info")).json()
    assert info["version"]
    assert info["langgraph_py_version"]
    assert info["flags"]["assistants"] is True
    assert info["host"]["kind"] == "self-hosted"


async def document(api: Api) -> dict[str, Any]:
    response = await api.http.get("/openapi.json")
    found: dict[str, Any] = response.json()
    return found


def app_of(api: Api) -> Starlette:
    transport = api.http._transport
    assert isinstance(transport, httpx.ASGITransport)
    assert isinstance(transport.app, Starlette)
    return transport.app


async def test_the_api_document_describes_every_route(api: Api) -> None:
    paths = (await document(api))["paths"]
    for route in leaf_routes(app_of(api).routes):
        assert isinstance(route, ApiRoute), f"{route.path} was not made with operation()"
        assert route.operation.method.lower() in paths[route.path]


async def test_the_api_document_is_consistent(api: Api) -> None:
    spec = await document(api)
    assert spec["openapi"] == "3.1.0"
    ids = [
        operation["operationId"] for path in spec["paths"].values() for operation in path.values()
    ]
    assert len(ids) == len(set(ids))
    for reference in references(spec):
        _, components, section, name = reference.split("/")
        assert name in spec[components][section]


def references(value: Any) -> list[str]:
    """Every $ref in a document."""
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for inner in value.values() for found in references(inner)]
    if isinstance(value, list):
        return [found for inner in value for found in references(inner)]
    return []


async def test_the_api_document_tells_the_fields_of_a_body(api: Api) -> None:
    spec = await document(api)
    body = spec["paths"]["/threads"]["post"]["requestBody"]["content"]["application/json"]
    name = body["schema"]["$ref"].split("/")[-1]
    fields = spec["components"]["schemas"][name]["properties"]
    assert {"type": "string", "enum": ["raise", "do_nothing"]} in fields["if_exists"]["anyOf"]
    assert {"type": "null"} in fields["if_exists"]["anyOf"]


async def test_the_api_document_tells_parameters_with_their_types(api: Api) -> None:
    paths = (await document(api))["paths"]
    listing = paths["/threads/{thread_id}/runs"]["get"]["parameters"]
    schemas = {parameter["name"]: parameter["schema"] for parameter in listing}
    assert schemas["thread_id"] == {"type": "string", "format": "uuid"}
    assert (schemas["limit"]["minimum"], schemas["limit"]["maximum"]) == (1, 1000)
    assert schemas["status"]["enum"][0] == "pending"
    joining = paths["/runs/{run_id}/stream"]["get"]["parameters"]
    assert {"header", "query", "path"} == {parameter["in"] for parameter in joining}


async def test_the_api_document_tells_refusals_and_headers(api: Api) -> None:
    spec = await document(api)
    creating = spec["paths"]["/threads/{thread_id}/runs/stream"]["post"]["responses"]
    for status in ("400", "401", "403", "404", "409", "413", "422", "500", "503"):
        name = creating[status]["$ref"].rpartition("/")[2]
        schema = spec["components"]["responses"][name]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Error"}
    assert {"Location", "Content-Location", "X-Stream-Position"} == set(creating["200"]["headers"])
    assert "headers" in spec["components"]["responses"]["Unavailable"]


async def test_the_api_document_names_the_graphs_there_are(api: Api) -> None:
    spec = await document(api)
    fields = spec["components"]["schemas"]["RunCreate"]["properties"]
    graphs = {"type": "string", "enum": list(api.project.graph_ids)}
    assert graphs in fields["assistant_id"]["anyOf"]
    assert (
        graphs
        in spec["components"]["schemas"]["AssistantCreate"]["properties"]["graph_id"]["anyOf"]
    )
    assert "enum" not in spec["components"]["schemas"]["Assistant"]["properties"]["graph_id"]


@pytest.mark.parametrize(
    ("settings", "schemes"),
    [
        ({}, set()),
        ({"api_keys": "ann:secret"}, {"key", "bearer"}),
        ({"config": TENANTS}, {"key"}),
    ],
    ids=["nobody", "keys", "handlers"],
)
async def test_the_api_document_tells_how_to_say_who_one_is(
    database_uri: str, settings: dict[str, Any], schemes: set[str]
) -> None:
    async with running_api(database_uri, **settings) as api:
        spec = await document(api)
    assert spec["components"].get("securitySchemes", {}).keys() == schemes
    for path in ("/threads", "/runs/wait"):
        secured = spec["paths"][path]["post"].get("security", [])
        assert {name for each in secured for name in each} == schemes
    assert "security" not in spec["paths"]["/ok"]["get"]


async def test_the_documentation_page_needs_no_other_host(api: Api) -> None:
    page = await api.http.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "://" not in page.text


async def test_under_a_prefix_everything_moves_but_the_probes_stay_too(database_uri: str) -> None:
    async with running_api(database_uri, mount_prefix="/api") as api:
        created = await api.http.post("/api/threads", json={})
        assert created.status_code == 200
        assert (await api.http.post("/threads", json={})).status_code == 404
        for path in ("/ok", "/", "/api/ok", "/api/info"):
            assert (await api.http.get(path)).status_code == 200
        assert (await api.http.get("/api/info")).json()["flags"]["assistants"] is True
        spec = (await api.http.get("/api/openapi.json")).json()
        assert spec["servers"] == [{"url": "/api"}]
        assert "/threads" in spec["paths"]
        wrong = await api.http.put(f"/api/threads/{created.json()['thread_id']}")
        assert wrong.headers["allow"] == "DELETE, GET, HEAD, PATCH"


async def test_browsers_may_read_the_headers_clients_need(api: Api) -> None:
    response = await api.http.post("/threads/search", json={}, headers={"Origin": "http://page"})
    exposed = response.headers["access-control-expose-headers"].lower()
    for header in ("location", "content-location", "x-pagination-next", "x-pagination-total"):
        assert header in exposed
