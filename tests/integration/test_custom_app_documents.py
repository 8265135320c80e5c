"""`/openapi.json` of a server with auth, and with a custom app."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.api import running_api
from tests.support.project_files import ProjectFiles, project_files

Documented = Callable[..., Any]

FASTAPI = """
    from typing import Annotated, Literal

    from fastapi import FastAPI
    from pydantic import BaseModel, Field

    class Thread(BaseModel):
        colour: str

    class Red(BaseModel):
        kind: Literal["red"]

    class Assistant(BaseModel):
        kind: Literal["assistant"]

    class Order(BaseModel):
        thread: Thread
        choice: Annotated[Red | Assistant, Field(discriminator="kind")]

    app = FastAPI(openapi_tags=[{"name": "shop", "description": "Things to buy."}])

    @app.post("/orders", tags=["shop"])
    async def order(order: Order) -> Thread:
        return order.thread

    @app.post("/threads/count")
    async def mine() -> int:
        return 7

    @app.get("/secret", include_in_schema=False)
    async def secret() -> None: ...

    @app.get("/ok")
    async def never() -> str: ...
"""

AUTH = """
    from langgraph_sdk import Auth

    auth = Auth()

    @auth.authenticate
    async def authenticate() -> str:
        return "ann"

    @auth.on
    async def allow(ctx, value): ...
"""

OPENAPI: dict[str, Any] = {
    "securitySchemes": {"login": {"type": "oauth2", "flows": {}}},
    "security": [{"login": []}],
    "paths": {"/threads": {"post": {"security": [{"login": ["write"]}]}}},
}


@pytest.fixture
def files(tmp_path: Path) -> Iterator[ProjectFiles]:
    with project_files(tmp_path) as project:
        project.write("agent.py")
        project.write("auth.py", AUTH)
        yield project


@pytest.fixture
def documented(database_uri: str, files: ProjectFiles) -> Documented:
    """The document of a project with these sections."""

    async def fetch(source: str | None = None, **sections: Any) -> Any:
        if source is not None:
            files.write("app.py", source)
            sections["http"] = {"app": "./app.py:app", **sections.get("http", {})}
        settings = sections.pop("settings", {})
        files.configure(graphs={"agent": "./agent.py:graph"}, **sections)
        async with running_api(database_uri, config=files.config_path, **settings) as api:
            answer = await api.http.get("/openapi.json")
            assert answer.status_code == 200
            return answer.json()

    return fetch


def references(value: Any) -> list[str]:
    """Every $ref in a document."""
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for inner in value.values() for found in references(inner)]
    if isinstance(value, list):
        return [found for inner in value for found in references(inner)]
    return []


async def test_fastapi_routes_stand_beside_the_apis_which_they_shadow(
    documented: Documented,
) -> None:
    document = await documented(FASTAPI)
    assert {"/orders", "/threads", "/assistants/search"} <= set(document["paths"])
    assert "/secret" not in document["paths"]
    assert document["paths"]["/threads/count"]["post"]["summary"] == "Mine"
    assert "check_db" in str(document["paths"]["/ok"]["get"]["parameters"])
    assert document["tags"] == [{"name": "shop", "description": "Things to buy."}]
    assert document["info"]["title"] == "joinstream"


async def test_schemas_of_the_same_name_stay_two(documented: Documented) -> None:
    document = await documented(FASTAPI)
    schemas = document["components"]["schemas"]
    assert set(schemas["custom.Thread"]["properties"]) == {"colour"}
    assert "thread_id" in schemas["Thread"]["properties"]
    ordered = schemas["Order"]["properties"]["thread"]
    assert ordered == {"$ref": "#/components/schemas/custom.Thread"}
    mapping = schemas["Order"]["properties"]["choice"]["discriminator"]["mapping"]
    assert mapping["assistant"] == "#/components/schemas/custom.Assistant"
    for reference in (*references(document), *mapping.values()):
        _, _, kind, name = reference.split("/")
        assert name in document["components"][kind], reference


@pytest.mark.parametrize(
    "source",
    [
        "from starlette.applications import Starlette\napp = Starlette()",
        "from fastapi import FastAPI\napp = FastAPI(openapi_url=None)\napp.get('/hello')(print)",
    ],
    ids=["Starlette", "hidden"],
)
async def test_an_app_without_a_document_adds_nothing(documented: Documented, source: str) -> None:
    document = await documented(source)
    assert "/hello" not in document["paths"]
    assert "/threads" in document["paths"]


async def test_an_app_that_cannot_be_described_takes_nothing_away(documented: Documented) -> None:
    source = (
        FASTAPI
        + """
    def broken():
        raise RuntimeError("no document today")

    app.openapi = broken
    """
    )
    with capture_logs() as logs:
        document = await documented(source)
    assert "/threads" in document["paths"]
    assert any("cannot be described" in line["event"] for line in logs)


async def test_the_project_says_how_to_log_in(documented: Documented) -> None:
    document = await documented(auth={"path": "./auth.py:auth", "openapi": OPENAPI})
    assert document["components"]["securitySchemes"] == OPENAPI["securitySchemes"]
    paths = document["paths"]
    assert paths["/threads/search"]["post"]["security"] == [{"login": []}]
    assert paths["/threads"]["post"]["security"] == [{"login": ["write"]}]
    assert "requestBody" in paths["/threads"]["post"]
    for path in ("/ok", "/info", "/docs"):
        assert "security" not in paths[path]["get"]


async def test_keys_are_described_without_being_told(documented: Documented) -> None:
    document = await documented(settings={"api_keys": "secret"})
    schemes = document["components"]["securitySchemes"]
    assert {scheme["type"] for scheme in schemes.values()} == {"apiKey", "http"}
    assert len(document["paths"]["/threads"]["post"]["security"]) == 2
    assert "secret" not in str(document["components"]["securitySchemes"])


@pytest.mark.parametrize("guarded", [True, False])
async def test_custom_routes_are_said_to_be_guarded_when_they_are(
    documented: Documented, guarded: bool
) -> None:
    document = await documented(
        FASTAPI,
        auth={"path": "./auth.py:auth", "openapi": OPENAPI},
        http={"enable_custom_route_auth": guarded},
    )
    security = document["paths"]["/orders"]["post"].get("security")
    assert security == ([{"login": []}] if guarded else None)


async def test_without_auth_nothing_is_said_of_it_but_in_the_log(documented: Documented) -> None:
    with capture_logs() as logs:
        document = await documented(auth={"openapi": OPENAPI})
    assert "securitySchemes" not in document["components"]
    assert any("auth.path is missing" in line["event"] for line in logs)
