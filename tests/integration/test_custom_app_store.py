"""`get_store()` in a project's own routes is the store of graphs and clients."""

from pathlib import Path
from typing import Any

from tests.support.api import running_api

APP = """
from langgraph.config import get_store
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


async def known(request):
    return JSONResponse([item.key for item in await get_store().asearch(("facts",))])


def learn(request):
    get_store().put(("facts",), request.path_params["fact"], {})
    return JSONResponse("learnt")


app = Starlette(routes=[Route("/known", known), Route("/learn/{fact}", learn)])
"""


async def test_routes_graphs_and_clients_share_one_store(database_uri: str, tmp_path: Path) -> None:
    (tmp_path / "store_routes.py").write_text(APP)
    remembering = Path(__file__).parents[1] / "support" / "project" / "remembering.py"
    config = tmp_path / "langgraph.json"
    config.write_text(
        f'{{"graphs": {{"remembering": "{remembering}:graph"}},'
        ' "http": {"app": "./store_routes.py:app"}}'
    )
    async with running_api(database_uri, config=config, worker=True) as api:
        await api.client.store.put_item(["facts"], "water is wet", {})
        assert (await api.http.get("/known")).json() == ["water is wet"]
        assert (await api.http.get("/learn/fire is hot")).json() == "learnt"
        result: Any = await api.client.runs.wait(None, "remembering", input={"fact": "ice is cold"})
        assert result["known"] == ["fire is hot", "ice is cold", "water is wet"]
