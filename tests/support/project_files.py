"""Writes small LangGraph projects to disk and loads them, leaving the test process as it was."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from joinstream.errors import StartupError
from joinstream.project import Project, load_project

AGENT = """
    from langgraph.graph import START, StateGraph
    from typing_extensions import TypedDict

    class State(TypedDict):
        text: str

    def shout(state: State) -> State:
        return {"text": state["text"].upper()}

    builder = StateGraph(State).add_node(shout).add_edge(START, "shout")
    graph = builder.compile()
"""
"""A file with a builder and a compiled graph."""


class ProjectFiles:
    """A project's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config_path = folder / "langgraph.json"

    def write(self, name: str, source: str = AGENT) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(source), encoding="utf-8")
        return path

    def configure(self, **keys: Any) -> None:
        self.config_path.write_text(json.dumps(keys), encoding="utf-8")

    def load(self, **keys: Any) -> Project:
        self.configure(**keys)
        return load_project(self.config_path)

    def load_graph(self, target: str) -> Project:
        """Load a project whose only graph, `agent`, is this target."""
        return self.load(graphs={"agent": target})

    def failure(self) -> str:
        """The message the project cannot start with, which must be a single line."""
        with pytest.raises(StartupError) as caught:
            load_project(self.config_path)
        message = str(caught.value)
        assert "\n" not in message
        return message

    def failure_of_graph(self, target: str) -> str:
        self.configure(graphs={"agent": target})
        return self.failure()


@contextmanager
def project_files(folder: Path) -> Iterator[ProjectFiles]:
    """An empty project; what loading it does to the interpreter is undone at the end."""
    modules, path, environment = dict(sys.modules), list(sys.path), dict(os.environ)
    try:
        yield ProjectFiles(folder)
    finally:
        for name in sys.modules.keys() - modules.keys():
            if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]
        sys.path[:] = path
        os.environ.clear()
        os.environ.update(environment)
