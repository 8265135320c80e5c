"""The example graphs do what their docstrings promise."""

import asyncio
import json
import math
import re
import signal
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphRecursionError, NodeCancelledError
from langgraph.pregel import Pregel
from langgraph.types import Command

from graphs import faulty
from graphs.chat import Parrot
from joinstream.project import load_project

FOLDER = Path(faulty.__file__).parent
CONFIG = FOLDER / "langgraph.json"

Graph = Pregel[Any, Any, Any, Any]


def graph_of(name: str) -> Graph:
    graph: Graph = import_module(f"graphs.{name}").graph
    return graph


def on_a_thread(name: str) -> tuple[Graph, Any]:
    """The graph with a checkpointer, and the config of a new thread."""
    graph = graph_of(name).copy({"checkpointer": InMemorySaver()})
    return graph, {"configurable": {"thread_id": str(uuid4())}}


def human(text: str) -> dict[str, str]:
    return {"role": "human", "content": text}


# --- the project -----------------------------------------------------------------------------


def test_langgraph_json_names_every_graph_by_its_file() -> None:
    files = {path.stem for path in FOLDER.glob("*.py") if "\ngraph = " in path.read_text()}
    assert set(load_project(CONFIG).graph_ids) == files


def test_two_graphs_have_a_description() -> None:
    project = load_project(CONFIG)
    described = [graph_id for graph_id in project.graph_ids if project.description(graph_id)]
    assert described == ["echo", "chat"]


def test_every_graph_says_what_goes_in_and_what_comes_out() -> None:
    for graph_id in load_project(CONFIG).graph_ids:
        purpose = import_module(f"graphs.{graph_id}").__doc__ or ""
        assert re.search(r"\bin\b|Input:", purpose), graph_id
        assert re.search(r"\bout\b|Output:", purpose), graph_id


# --- the tutorials ---------------------------------------------------------------------------


async def test_echo_gives_back_what_it_was_given() -> None:
    assert await graph_of("echo").ainvoke({"text": "hello"}) == {"text": "hello"}


async def test_chat_answers_with_what_the_human_said_last() -> None:
    graph, config = on_a_thread("chat")
    await graph.ainvoke({"messages": [human("good morning")]}, config)
    state = await graph.ainvoke({"messages": [human("good night")]}, config)
    assert [m.text for m in state["messages"]] == [
        "good morning",
        "You said: good morning",
        "good night",
        "You said: good night",
    ]


async def test_chat_streams_one_token_per_word() -> None:
    events: Any = graph_of("chat").astream(
        {"messages": [human("good  morning")], "delay": 0.001}, stream_mode="messages"
    )
    chunks = [chunk async for chunk, _ in events]
    assert [c.text for c in chunks if c.text] == ["You ", "said: ", "good  ", "morning"]
    assert len({chunk.id for chunk in chunks}) == 1


def test_chat_streams_the_same_tokens_synchronously() -> None:
    assert [c.text for c in Parrot().stream("hi there") if c.text] == [
        "You ",
        "said: ",
        "hi ",
        "there",
    ]


@pytest.mark.parametrize(("decision", "published"), [("yes", True), ("no", False)])
async def test_approval_waits_for_a_decision_and_obeys_it(decision: str, published: bool) -> None:
    graph, config = on_a_thread("approval")
    stopped = await graph.ainvoke({"topic": "rain"}, config)
    [question] = stopped["__interrupt__"]
    assert question.value == {"question": "Publish this?", "draft": "A few words about rain."}
    assert await graph.ainvoke(Command(resume=decision), config) == {
        "topic": "rain",
        "draft": "A few words about rain.",
        "published": published,
    }


async def test_parallel_translates_all_words_in_one_superstep_and_keeps_their_order() -> None:
    words = ["one", "two", "three", "four"]
    upper = [word.upper() for word in words]
    steps = [s async for s in graph_of("parallel").astream({"words": words}, stream_mode="values")]
    assert steps[1:] == [
        {"words": words, "upper": upper},
        {"words": words, "upper": upper, "sentence": "ONE TWO THREE FOUR"},
    ]


async def test_research_reports_what_its_subgraphs_found() -> None:
    state = await graph_of("research").ainvoke({"question": "why is the sky blue"})
    assert state["report"] == "Two books agree about why is the sky blue (2 sources)"


async def test_research_streams_tokens_from_two_levels_below() -> None:
    events = graph_of("research").astream(
        {"question": "why"}, stream_mode="messages", subgraphs=True
    )
    namespaces = {tuple(part.split(":")[0] for part in ns) async for ns, _ in events}
    assert namespaces == {("investigate", "summarise")}


async def test_progress_tells_every_step_also_from_inside() -> None:
    graph = graph_of("progress")
    events: Any = graph.astream({"total": 2}, stream_mode="custom", subgraphs=True)
    told = [(event["node"], event["fraction"]) async for _, event in events]
    assert told == [("collect", 0.5), ("collect", 1.0), ("sort", None), ("sort", 1.0)]
    assert (await graph.ainvoke({"total": 2}))["found"] == [1, 2]


async def test_essay_reads_before_it_writes() -> None:
    events: Any = graph_of("essay").astream(
        {"messages": [human("rain")]}, stream_mode=["custom", "messages"]
    )
    told = [data if mode == "custom" else data[0].text async for mode, data in events]
    reading = [event["fraction"] for event in told[:7]]
    assert reading == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, None]
    assert "".join(told[7:]).startswith("About rain there is much to say")


async def test_essay_asks_before_it_writes_when_it_is_to() -> None:
    graph, config = on_a_thread("essay")
    stopped = await graph.ainvoke({"messages": [human("rain")], "ask": True}, config)
    [asked] = stopped["__interrupt__"]
    assert asked.value == {"question": "All books are read. Shall I write about rain?"}
    assert len((await graph.ainvoke(Command(resume="no"), config))["messages"]) == 1


async def test_counter_takes_its_steps_and_goes_on_counting_on_the_same_thread() -> None:
    graph, config = on_a_thread("counter")
    assert await graph.ainvoke({"steps": 3}, config) == {"steps": 0, "count": 3}
    assert await graph.ainvoke({"steps": 2}, config) == {"steps": 0, "count": 5}
    assert await graph.ainvoke({"steps": 0}, config) == {"steps": 0, "count": 5}


@pytest.mark.parametrize(
    ("question", "tool", "result"),
    [("What is 2 + 3?", "add", "5"), ("And -4 * 6?", "multiply", "-24")],
)
async def test_agent_calls_a_tool_and_answers_with_its_result(
    question: str, tool: str, result: str
) -> None:
    state = await graph_of("agent").ainvoke({"messages": [human(question)]})
    _, call, output, answer = state["messages"]
    assert isinstance(call, AIMessage)
    assert [c["name"] for c in call.tool_calls] == [tool]
    assert (output.name, output.text) == (tool, result)
    assert answer.text == f"The answer is {result}"


async def test_agent_without_a_sum_to_do_asks_for_one() -> None:
    state = await graph_of("agent").ainvoke({"messages": [human("hello")]})
    assert state["messages"][-1].text == "Ask me something like 2 + 3"


# --- faulty: the harmless verbs --------------------------------------------------------------


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


async def faulty_run(verb: str, **input: Any) -> Any:
    return await graph_of("faulty").ainvoke({"verb": verb, **input})


def test_the_docstring_of_faulty_lists_exactly_the_verbs_there_are() -> None:
    listed = re.findall(r"^\| (\w+) +\|", faulty.__doc__ or "", re.MULTILINE)
    assert listed[0] == "verb"
    assert set(listed[1:]) == set(faulty.VERBS)


@pytest.mark.parametrize(
    ("verb", "input"),
    [
        ("ok", {}),
        ("sleep", {"seconds": 0.001}),
        ("block", {"seconds": 0.001}),
        ("spin", {"seconds": 0.001}),
        ("bigint", {"n": 1000}),
    ],
)
async def test_a_verb_that_only_takes_time_finishes_every_node(
    verb: str, input: dict[str, Any]
) -> None:
    state = await faulty_run(verb, **input)
    assert state["trail"] == ["before", "fault", "after"]
    assert state["cargo"] is None


async def test_big_and_hard_to_store_values_are_returned_as_they_are() -> None:
    assert len((await faulty_run("big", bytes=1234))["cargo"]) == 1234
    nan, infinity = (await faulty_run("nan"))["cargo"]
    assert math.isnan(nan)
    assert math.isinf(infinity)
    assert "\x00" in (await faulty_run("nul"))["cargo"]
    with pytest.raises(UnicodeEncodeError):
        (await faulty_run("surrogate"))["cargo"].encode()


async def test_an_unserializable_value_passes_without_a_checkpointer_and_fails_with_one() -> None:
    with pytest.raises(TypeError):
        json.dumps((await faulty_run("unserializable"))["cargo"])
    graph, config = on_a_thread("faulty")
    with pytest.raises(TypeError, match="not msgpack serializable"):
        await graph.ainvoke({"verb": "unserializable"}, config)


async def test_events_are_written_without_a_pause_and_may_be_unserializable() -> None:
    graph = graph_of("faulty")
    flood = graph.astream({"verb": "flood", "n": 500}, stream_mode="custom")
    assert [event async for event in flood] == [{"i": i} for i in range(500)]
    odd = graph.astream({"verb": "unserializable_event"}, stream_mode="custom")
    assert [type(event["lock"]) async for event in odd] == [type(threading.Lock())]


async def test_slow_takes_n_supersteps_and_writes_each_start_to_the_journal(journal: Path) -> None:
    state = await faulty_run("slow", n=3, seconds=0, path=str(journal))
    assert state["trail"] == ["before", "fault", "fault", "fault", "after"]
    started = ["before 0", "fault 0", "fault 1", "fault 2", "after 3"]
    assert journal.read_text().splitlines() == started


async def test_an_interrupt_gives_its_resume_value_as_cargo() -> None:
    graph, config = on_a_thread("faulty")
    assert "__interrupt__" in await graph.ainvoke({"verb": "interrupt"}, config)
    state = await graph.ainvoke(Command(resume="go on"), config)
    assert (state["cargo"], state["trail"]) == ("go on", ["before", "fault", "after"])


# --- faulty: the harmful verbs ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "error"),
    [
        ("raise", ValueError),
        ("timeout", TimeoutError),
        ("recursion", GraphRecursionError),
        ("cancelled", NodeCancelledError),
        ("base", faulty.Disaster),
        ("unknown", KeyError),
    ],
)
async def test_a_failing_verb_raises_its_error(verb: str, error: type[BaseException]) -> None:
    with pytest.raises(error):
        await graph_of("faulty").ainvoke({"verb": verb}, {"recursion_limit": 10})


async def test_a_failed_run_resumes_after_the_node_that_finished(journal: Path) -> None:
    graph, config = on_a_thread("faulty")
    with pytest.raises(ValueError, match="told to fail"):
        await graph.ainvoke({"verb": "raise", "path": str(journal), "times": 1}, config)
    state = await graph.ainvoke(None, config)
    assert state["trail"] == ["before", "fault", "after"]
    assert journal.read_text().splitlines() == ["before 0", "fault 0", "fault 0", "after 1"]


@pytest.mark.parametrize(("verb", "swallows"), [("hang", False), ("swallow", True)])
async def test_a_waiting_verb_ends_by_cancellation_or_swallows_it(
    verb: str, swallows: bool
) -> None:
    node = asyncio.create_task(faulty.fault({"verb": verb, "step": 0}))
    await asyncio.sleep(0)
    node.cancel()
    await asyncio.wait([node])
    assert node.cancelled() is not swallows
    assert not swallows or node.result()["cargo"] == "swallowed"


@pytest.mark.parametrize(
    ("verb", "code"), [("exit", 1), ("keyboard", -signal.SIGINT), ("kill", -signal.SIGKILL)]
)
def test_a_deadly_verb_ends_the_process_that_runs_it(verb: str, code: int, journal: Path) -> None:
    program = f"""
import asyncio
from graphs.faulty import graph
asyncio.run(graph.ainvoke({{"verb": "{verb}", "path": "{journal}"}}))
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=FOLDER.parent, capture_output=True)
    assert ended.returncode == code
    assert journal.read_text().splitlines() == ["before 0", "fault 0"]
