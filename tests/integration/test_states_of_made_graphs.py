"""The state of threads whose graphs are made anew for each use, or cannot tell their state."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from langgraph_sdk.errors import BadRequestError

from tests.support.api import Api, running_api
from tests.support.project_files import project_files

MADE = """
    from operator import add
    from typing import Annotated

    from langchain_core.runnables import RunnableConfig
    from langgraph.graph import START, StateGraph
    from typing_extensions import TypedDict

    class State(TypedDict, total=False):
        said: Annotated[list[str], add]
        fails: bool

    def make_graph(config: RunnableConfig):
        language = config["configurable"]["language"]
        assert config["configurable"]["assistant_id"]

        def greet(state: State) -> State:
            return {"said": [f"hello in {language}"]}

        def publish(state: State) -> State:
            if state.get("fails"):
                raise ValueError("no paper")
            return {"said": ["published"]}

        builder = StateGraph(State).add_node(f"greet_{language}", greet)
        builder.add_node(f"publish_{language}", publish)
        builder.add_edge(START, f"greet_{language}")
        return builder.add_edge(f"greet_{language}", f"publish_{language}")

    class Single(TypedDict):
        word: str

    def say(state: Single) -> Single:
        return {"word": "mine"}

    disagreeing = StateGraph(Single).add_node("a", say).add_node("b", say)
    disagreeing.add_edge(START, "a").add_edge(START, "b")
"""

GERMAN: Any = {"configurable": {"language": "de"}}


@pytest.fixture
async def made(database_uri: str, tmp_path: Path) -> AsyncIterator[Api]:
    with project_files(tmp_path) as files:
        files.write("made.py", MADE)
        files.configure(
            graphs={"made": "./made.py:make_graph", "disagreeing": "./made.py:disagreeing"}
        )
        async with running_api(database_uri, config=files.config_path, worker=True) as api:
            yield api


async def thread_after(api: Api, graph_id: str, **run: Any) -> str:
    thread_id = (await api.client.threads.create())["thread_id"]
    await api.client.runs.wait(thread_id, graph_id, raise_error=False, **run)
    return thread_id


async def test_a_made_graph_is_read_and_updated_as_its_newest_run_had_it(made: Api) -> None:
    threads = made.client.threads
    thread_id = await thread_after(
        made, "made", input={}, config=GERMAN, interrupt_before=["publish_de"]
    )
    state = await threads.get_state(thread_id)
    assert state["next"] == ["publish_de"]
    history = await threads.get_history(thread_id)
    assert [each["next"] for each in history] == [["publish_de"], ["greet_de"], ["__start__"]]
    await threads.update_state(thread_id, {"said": ["by hand"]}, as_node="greet_de")
    assert (await threads.get_state(thread_id))["next"] == ["publish_de"]
    english: Any = {"configurable": {"language": "en"}}
    await made.client.runs.wait(thread_id, "made", input={}, config=english)
    with pytest.raises(BadRequestError, match="greet_de"):
        await threads.update_state(thread_id, {"said": ["again"]}, as_node="greet_de")


async def test_a_made_graph_shows_what_a_failed_run_has_left(made: Api) -> None:
    thread_id = await thread_after(made, "made", input={"fails": True}, config=GERMAN)
    thread: Any = await made.client.threads.get(thread_id)
    assert thread["status"] == "error"
    assert thread["values"] == {"said": ["hello in de"], "fails": True}


async def test_a_run_from_an_earlier_checkpoint_leaves_the_newest_to_be_read(made: Api) -> None:
    thread_id = await thread_after(made, "made", input={}, config=GERMAN)
    first = (await made.client.threads.get_history(thread_id))[-1]["checkpoint"]
    again: Any = {"input": None, "config": GERMAN, "checkpoint": first}
    await made.client.runs.wait(thread_id, "made", **again)
    assert (await made.client.threads.get_state(thread_id))["next"] == []


async def test_a_state_that_the_graph_refuses_to_tell_is_no_error_of_the_server(made: Api) -> None:
    thread_id = await thread_after(made, "disagreeing", input={"word": "x"})
    with pytest.raises(BadRequestError, match="cannot tell its state: InvalidUpdateError"):
        await made.client.threads.get_state(thread_id)
    # what was before the step that does not fit can be read
    history = await made.client.threads.get_history(thread_id)
    assert [each["values"] for each in history] == [{"word": "x"}, {}]
