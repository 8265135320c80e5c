"""State updates execute a graph's own code while they hold a connection, and that may want more."""

import asyncio
from pathlib import Path

import pytest

from tests.support.api import running_api
from tests.support.project_files import project_files

ASKING = """
    import os

    from langgraph.graph import START, StateGraph
    from langgraph_sdk import get_client
    from typing_extensions import TypedDict

    class State(TypedDict, total=False):
        text: str

    async def make_graph():
        async with get_client(url=os.environ["THIS_SERVER"]) as client:
            await client.threads.count()
        return StateGraph(State).add_node("say", lambda state: state).add_edge(START, "say")
"""

POOL = 4


async def test_updates_at_once_leave_connections_to_what_their_graphs_ask_the_server(
    database_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with project_files(tmp_path) as files:
        files.write("asking.py", ASKING)
        files.configure(graphs={"asking": "./asking.py:make_graph"})
        async with running_api(
            database_uri,
            config=files.config_path,
            over_tcp=True,
            langgraph_postgres_pool_max_size=POOL,
        ) as api:
            monkeypatch.setenv("THIS_SERVER", str(api.http.base_url))
            threads = api.client.threads
            ids = [(await threads.create(graph_id="asking"))["thread_id"] for _ in range(3 * POOL)]
            await asyncio.gather(
                *(threads.update_state(id, {"text": "hi"}, as_node="say") for id in ids)
            )
            assert await threads.count(values={"text": "hi"}) == len(ids)
