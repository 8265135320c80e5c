"""Every form a graph may be registered in, opened for a run or a read."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore

from joinstream.project import Project, graph_schemas
from tests.support.project_files import AGENT, ProjectFiles, project_files


@pytest.fixture
def files(tmp_path: Path) -> Iterator[ProjectFiles]:
    with project_files(tmp_path) as files:
        yield files


IMPORTS = """
    import contextlib
    from dataclasses import dataclass
    from langchain_core.runnables import RunnableConfig
    from langgraph_sdk.runtime import ServerRuntime
    from pydantic import BaseModel
"""
NOTE = """
    seen = []
"""


def project_with(files: ProjectFiles, factory: str) -> Project:
    """A project whose graph is made by `make`, which may note things in the list `seen`."""
    files.write("factory_agent.py", AGENT + IMPORTS + NOTE + factory)
    return files.load_graph("./factory_agent.py:make")


def seen() -> list[Any]:
    import factory_agent  # type: ignore[import-not-found]  # written by the test

    noted: list[Any] = factory_agent.seen
    return noted


async def run(project: Project, **opening: Any) -> Any:
    opening = {"config": {}, "access_context": "threads.create_run", **opening}
    async with project.open_graph("agent", **opening) as graph:
        return await graph.ainvoke({"text": "hello"})


# --- static graphs ---------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["graph", "builder"])
async def test_a_compiled_graph_and_a_builder_run(files: ProjectFiles, variable: str) -> None:
    files.write("static_agent.py")
    project = files.load_graph(f"./static_agent.py:{variable}")
    assert await run(project) == {"text": "HELLO"}


async def test_an_entrypoint_runs(files: ProjectFiles) -> None:
    files.write(
        "entry_agent.py",
        """
        from langgraph.func import entrypoint

        @entrypoint()
        async def workflow(value: dict) -> str:
            return value["text"].upper()
        """,
    )
    assert await run(files.load_graph("./entry_agent.py:workflow")) == "HELLO"


async def test_a_builder_is_compiled_once_for_all_runs(files: ProjectFiles) -> None:
    files.write("builder_agent.py")
    project = files.load_graph("./builder_agent.py:builder")
    opening: dict[str, Any] = {"config": {}, "access_context": "threads.create_run"}
    async with (
        project.open_graph("agent", **opening) as one,
        project.open_graph("agent", **opening) as two,
    ):
        assert one is not two
        assert one.nodes is two.nodes


async def test_each_opening_gets_its_own_checkpointer_and_store(files: ProjectFiles) -> None:
    files.write("saver_agent.py")
    project = files.load_graph("./saver_agent.py:graph")
    saver, store = InMemorySaver(), InMemoryStore()
    async with project.with_store(store).open_graph(
        "agent", config={}, access_context="threads.read", checkpointer=saver
    ) as graph:
        assert (graph.checkpointer, graph.store) == (saver, store)
    async with project.open_graph("agent", config={}, access_context="threads.read") as graph:
        assert (graph.checkpointer, graph.store) == (None, None)


async def test_the_compiled_in_checkpointer_is_dropped_and_the_compiled_in_store_kept(
    files: ProjectFiles,
) -> None:
    files.write(
        "own_saver_agent.py",
        AGENT
        + """
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.store.memory import InMemoryStore
    own = builder.compile(checkpointer=InMemorySaver(), store=InMemoryStore())
    """,
    )
    project = files.load_graph("./own_saver_agent.py:own")
    async with project.open_graph("agent", config={}, access_context="threads.read") as graph:
        assert graph.checkpointer is None
        assert isinstance(graph.store, InMemoryStore)


async def test_an_opened_graph_keeps_what_it_was_configured_with(files: ProjectFiles) -> None:
    files.write("configured_agent.py", AGENT + "\n    own = graph.with_config(tags=['mine'])\n")
    project = files.load_graph("./configured_agent.py:own")
    async with project.open_graph("agent", config={}, access_context="threads.read") as graph:
        assert (graph.config or {})["tags"] == ["mine"]


async def test_a_graph_nobody_registered_is_a_key_error(files: ProjectFiles) -> None:
    files.write("known_agent.py")
    project = files.load_graph("./known_agent.py:graph")
    with pytest.raises(KeyError):
        async with project.open_graph("other", config={}, access_context="threads.read"):
            pass


# --- factories -------------------------------------------------------------------------------

FACTORIES = {
    "no arguments": "def make(): return graph",
    "a builder": "def make(): return builder",
    "async": "async def make(): return graph",
    "lambda": "make = lambda: graph",
    "keyword-only": "def make(*, config): assert config['tags'] == ['t']; return graph",
    "config by name": "def make(config): assert config['tags'] == ['t']; return graph",
    "config by type": "def make(c: RunnableConfig): assert c['tags'] == ['t']; return graph",
    "optional config": "def make(c: RunnableConfig | None = None): assert c['tags']; return graph",
    "lone argument": "def make(anything): assert anything['tags'] == ['t']; return graph",
    "runtime by name": "def make(runtime): assert runtime.execution_runtime; return graph",
    "runtime by type": "def make(r: ServerRuntime): assert r.execution_runtime; return graph",
    "both": "def make(r: ServerRuntime, c: RunnableConfig): assert r and c; return graph",
    "defaults": "def make(config, size=3): assert size == 3; return graph",
    "unresolvable hint": "def make(config: 'Nowhere'): assert config['tags']; return graph",
    "context manager": """
    @contextlib.contextmanager
    def make(config):
        seen.append("open")
        yield graph
        seen.append("closed")
    """,
    "async context manager": """
    @contextlib.asynccontextmanager
    async def make(runtime: ServerRuntime):
        seen.append("open")
        yield builder
        seen.append("closed")
    """,
    "async function giving a context manager": """
    @contextlib.asynccontextmanager
    async def opened():
        yield graph
    async def make():
        return opened()
    """,
    "callable object": """
    class Maker:
        def __call__(self, c: RunnableConfig):
            return graph
    make = Maker()
    """,
    "partial": """
    from functools import partial
    def build(size, r: ServerRuntime):
        assert size == 3 and r.execution_runtime
        return graph
    make = partial(build, 3)
    """,
}


@pytest.mark.parametrize("factory", FACTORIES.values(), ids=FACTORIES.keys())
async def test_a_factory_may_take_the_form(files: ProjectFiles, factory: str) -> None:
    project = project_with(files, f"\n    {factory}\n" if "\n" not in factory else factory)
    assert await run(project, config={"tags": ["t"]}) == {"text": "HELLO"}


@pytest.mark.skipif(sys.version_info < (3, 14), reason="hints are evaluated at once before 3.14")
async def test_a_factory_may_have_hints_that_only_type_checkers_see(files: ProjectFiles) -> None:
    project = project_with(files, "\n    def make(config: Nowhere): return graph\n")
    assert await run(project) == {"text": "HELLO"}


async def test_a_factory_is_called_for_every_use_but_not_at_start(files: ProjectFiles) -> None:
    project = project_with(files, "\n    def make(): seen.append(1); return graph\n")
    assert seen() == []
    await run(project)
    await run(project)
    assert seen() == [1, 1]


async def test_a_made_graph_gets_the_checkpointer_and_store(files: ProjectFiles) -> None:
    project = project_with(files, "\n    def make(): return graph\n")
    saver, store = InMemorySaver(), InMemoryStore()
    async with project.with_store(store).open_graph(
        "agent", config={}, access_context="threads.update", checkpointer=saver
    ) as graph:
        assert (graph.checkpointer, graph.store) == (saver, store)


async def test_the_runtime_says_why_for_whom_and_with_what(files: ProjectFiles) -> None:
    project = project_with(files, "\n    def make(runtime): seen.append(runtime); return graph\n")
    store, user = InMemoryStore(), object()
    await run(project.with_store(store), user=user, context={"city": "Bonn"})
    [runtime] = seen()
    assert runtime.access_context == "threads.create_run"
    assert (runtime.store, runtime.user) == (store, user)
    assert runtime.execution_runtime.context == {"city": "Bonn"}


@pytest.mark.parametrize("purpose", ["threads.read", "threads.update", "assistants.read"])
async def test_a_read_has_no_execution_runtime(files: ProjectFiles, purpose: str) -> None:
    project = project_with(files, "\n    def make(runtime): seen.append(runtime); return graph\n")
    await run(project, access_context=purpose)
    [runtime] = seen()
    assert runtime.access_context == purpose
    assert runtime.execution_runtime is None


@pytest.mark.parametrize("base", ["@dataclass\n    class Place", "class Place(BaseModel)"])
async def test_the_context_has_the_type_the_runtime_is_annotated_with(
    files: ProjectFiles, base: str
) -> None:
    project = project_with(
        files,
        f"""
    {base}:
        city: str
    def make(runtime: ServerRuntime[Place]):
        seen.append(runtime.execution_runtime.context)
        return graph
    """,
    )
    await run(project, context={"city": "Bonn"})
    await run(project, context=None)
    assert seen()[0].city == "Bonn"
    assert seen()[1] is None


async def test_a_context_manager_is_left_when_the_run_is_over(files: ProjectFiles) -> None:
    project = project_with(files, FACTORIES["async context manager"])
    async with project.open_graph("agent", config={}, access_context="threads.create_run"):
        assert seen() == ["open"]
    assert seen() == ["open", "closed"]


async def test_a_failed_run_stays_failed_though_the_context_manager_swallows_the_error(
    files: ProjectFiles,
) -> None:
    project = project_with(
        files,
        """
    @contextlib.asynccontextmanager
    async def make():
        with contextlib.suppress(BaseException):
            yield graph
        seen.append("closed")
    """,
    )
    with pytest.raises(ZeroDivisionError):
        async with project.open_graph("agent", config={}, access_context="threads.create_run"):
            _ = 1 / 0
    assert seen() == ["closed"]


async def test_an_error_in_a_factory_reaches_the_run_as_it_is(files: ProjectFiles) -> None:
    project = project_with(files, "\n    def make(): raise LookupError('no tools today')\n")
    with pytest.raises(LookupError, match="no tools today"):
        await run(project)


async def test_a_factory_that_makes_no_graph_fails_the_run(files: ProjectFiles) -> None:
    project = project_with(files, "\n    def make(): return 3\n")
    with pytest.raises(TypeError, match="int is not a graph"):
        await run(project)


# --- what cannot be registered ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "what_it_is"),
    [("LIMIT", "int"), ("State", "the class State"), ("nothing", "NoneType")],
)
def test_an_object_that_is_no_graph_stops_the_start(
    files: ProjectFiles, variable: str, what_it_is: str
) -> None:
    files.write("wrong_agent.py", AGENT + "\n    LIMIT = 3\n    nothing = None\n")
    assert files.failure_of_graph(f"./wrong_agent.py:{variable}") == (
        f'graph "agent": ./wrong_agent.py:{variable} is {what_it_is}, not a graph; '
        "name a StateGraph, a compiled graph, an @entrypoint or a function that returns one"
    )


def test_a_factory_with_a_parameter_nobody_can_fill_stops_the_start(files: ProjectFiles) -> None:
    files.write("greedy_agent.py", AGENT + "\n    def make(config, size: int): return graph\n")
    assert files.failure_of_graph("./greedy_agent.py:make") == (
        "graph \"agent\": ./greedy_agent.py:make cannot be used: parameter 'size' is neither "
        "`config: RunnableConfig` nor `runtime: ServerRuntime`"
    )


def test_a_builder_that_does_not_compile_stops_the_start(files: ProjectFiles) -> None:
    files.write("loose_agent.py", AGENT + "\n    loose = StateGraph(State).add_node(shout)\n")
    message = files.failure_of_graph("./loose_agent.py:loose")
    assert 'graph "agent": ./loose_agent.py:loose cannot be used: ' in message
    assert "entrypoint" in message


# --- descriptions ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("definition", "name"),
    [
        ("own = graph", "agent"),
        ("own = builder.compile(name='Shouter')", "Shouter"),
        ("own = builder", "agent"),
        ("own = lambda: builder.compile(name='Shouter')", "agent"),
    ],
)
def test_an_assistant_is_named_after_a_named_graph_else_after_its_id(
    files: ProjectFiles, definition: str, name: str
) -> None:
    files.write("named_agent.py", f"{AGENT}\n    {definition}\n")
    assert files.load_graph("./named_agent.py:own").assistant_name("agent") == name


async def test_schemas_describe_input_output_state_and_context(files: ProjectFiles) -> None:
    files.write(
        "described_agent.py",
        """
        from dataclasses import dataclass
        from langgraph.graph import START, StateGraph
        from typing_extensions import TypedDict

        class Question(TypedDict):
            question: str

        class Answer(TypedDict):
            answer: int

        class State(Question, Answer):
            draft: str
            lock: object

        @dataclass
        class Place:
            city: str

        graph = (
            StateGraph(State, input_schema=Question, output_schema=Answer, context_schema=Place)
            .add_node("answer", lambda state: {"answer": 42})
            .add_edge(START, "answer")
            .compile()
        )
        """,
    )
    project = files.load_graph("./described_agent.py:graph")
    async with project.open_graph("agent", config={}, access_context="assistants.read") as graph:
        schemas: Any = graph_schemas(graph)
    assert schemas["input_schema"]["properties"].keys() == {"question"}
    assert schemas["output_schema"]["properties"]["answer"]["type"] == "integer"
    assert {"question", "answer", "draft"} <= schemas["state_schema"]["properties"].keys()
    assert schemas["context_schema"]["required"] == ["city"]
    assert schemas["config_schema"] == schemas["context_schema"]


async def test_a_schema_that_cannot_be_made_is_none_and_harms_no_other(
    files: ProjectFiles,
) -> None:
    files.write(
        "odd_agent.py",
        """
        import threading
        from langgraph.graph import START, StateGraph
        from typing_extensions import TypedDict

        class Text(TypedDict):
            text: str

        class State(Text):
            lock: threading.Event

        graph = (
            StateGraph(State, output_schema=Text)
            .add_node("n", lambda state: {"text": "x"})
            .add_edge(START, "n")
            .compile()
        )
        """,
    )
    project = files.load_graph("./odd_agent.py:graph")
    async with project.open_graph("agent", config={}, access_context="assistants.read") as graph:
        schemas: Any = graph_schemas(graph)
    assert schemas["input_schema"] is None
    assert schemas["context_schema"] is None
    assert schemas["output_schema"]["properties"].keys() == {"text"}
    assert schemas["state_schema"]["properties"].keys() == {"text"}
