"""`langgraph.json`: what it may say, and the one line a mistake is answered with."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from joinstream.project import read_config
from tests.support.project_files import ProjectFiles, project_files


@pytest.fixture
def files(tmp_path: Path) -> Iterator[ProjectFiles]:
    with project_files(tmp_path) as files:
        yield files


def test_a_graph_may_be_a_path_or_a_path_with_a_description(files: ProjectFiles) -> None:
    files.write("agent.py")
    project = files.load(
        graphs={
            "plain": "./agent.py:graph",
            "described": {"path": "./agent.py:graph", "description": "Shouts."},
        }
    )
    assert project.graph_ids == ("plain", "described")
    assert project.description("plain") is None
    assert project.description("described") == "Shouts."


def test_sections_for_other_features_are_kept_as_they_are(files: ProjectFiles) -> None:
    sections = {
        "store": {"index": {"dims": 3}},
        "checkpointer": {"ttl": {"default_ttl": 5}},
        "auth": {"path": "./auth.py:auth"},
        "http": {"app": "./app.py:app"},
        "webhooks": {"env_prefix": "X_"},
        "encryption": {"path": "./encryption.py:encryption"},
    }
    files.configure(graphs={"agent": "a.py:graph"}, **sections)
    config = read_config(files.config_path)
    assert {name: getattr(config, name) for name in sections} == sections


def test_an_unknown_key_is_tolerated_with_a_warning_and_a_suggestion(
    files: ProjectFiles,
) -> None:
    files.configure(graphs={"agent": "a.py:graph"}, dependecies=["."], python_version="3.12")
    with capture_logs() as logs:
        read_config(files.config_path)
    [warning] = logs
    assert warning["log_level"] == "warning"
    assert (warning["key"], warning["did_you_mean"]) == ("dependecies", "dependencies")


def test_a_missing_file_is_named_with_an_example_to_start_from(files: ProjectFiles) -> None:
    message = files.failure()
    assert f"{files.config_path} does not exist" in message
    assert '{"graphs": {"agent": "./agent.py:graph"}}' in message


def test_bad_json_is_reported_with_line_and_column(files: ProjectFiles) -> None:
    files.config_path.write_text('{\n  "graphs": {,}\n}')
    assert files.failure().endswith("at line 2, column 14")


def test_a_folder_in_place_of_the_file_cannot_be_read(files: ProjectFiles) -> None:
    files.config_path.mkdir()
    assert "cannot be read" in files.failure()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{}", "graphs: Field required"),
        ('{"graphs": {}}', "graphs: Dictionary should have at least 1 item"),
        ('{"graphs": ["a.py:graph"]}', "graphs: Input should be a valid dictionary"),
        ('{"graphs": {"agent": {"description": "x"}}}', "graphs.agent.path: Field required"),
        ('{"graphs": {"agent": "a.py:g"}, "auth": "x"}', "auth: Input should be a valid dict"),
        ("[]", "the file: Input should be a valid dictionary"),
    ],
)
def test_a_wrong_value_is_reported_by_its_place(
    files: ProjectFiles, content: str, problem: str
) -> None:
    files.config_path.write_text(content)
    assert f"{files.config_path}: {problem}" in files.failure()


def test_env_may_be_a_mapping_whose_numbers_become_text(files: ProjectFiles) -> None:
    files.write("agent.py", "import os\nassert os.environ['LIMIT'] == '5'\n" + _GRAPH)
    files.load(graphs={"agent": "./agent.py:graph"}, env={"LIMIT": 5})
    assert os.environ["LIMIT"] == "5"


def test_env_may_name_a_file_beside_the_configuration(files: ProjectFiles) -> None:
    files.write("agent.py")
    files.write(".env", "GREETING='good morning'\n# a comment\nEMPTY\n")
    files.load(graphs={"agent": "./agent.py:graph"}, env=".env")
    assert os.environ["GREETING"] == "good morning"
    assert "EMPTY" not in os.environ


def test_a_variable_that_is_set_already_wins_over_env(
    files: ProjectFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGION", "from outside")
    files.write("agent.py")
    files.load(graphs={"agent": "./agent.py:graph"}, env={"REGION": "from the file"})
    assert os.environ["REGION"] == "from outside"


def test_a_missing_env_file_stops_the_start(files: ProjectFiles) -> None:
    files.configure(graphs={"agent": "./agent.py:graph"}, env=".env")
    assert f"env: {files.folder / '.env'} does not exist" in files.failure()


def test_local_dependencies_become_importable_and_packages_are_left_alone(
    files: ProjectFiles,
) -> None:
    files.write("lib/helpers_of_this_project.py", "WORD = 'hello'")
    files.write("agents/agent.py", "from helpers_of_this_project import WORD\n" + _GRAPH)
    files.load(graphs={"agent": "./agents/agent.py:graph"}, dependencies=["./lib", "langchain"])
    assert str(files.folder / "lib") in sys.path
    assert not any(entry.endswith("langchain") for entry in sys.path)


def test_a_local_dependency_that_does_not_exist_stops_the_start(files: ProjectFiles) -> None:
    files.configure(graphs={"agent": "./agent.py:graph"}, dependencies=["./lib"])
    assert "dependencies: './lib' is not a folder" in files.failure()


_GRAPH = """
from langgraph.graph import START, MessagesState, StateGraph
graph = StateGraph(MessagesState).add_node("n", lambda s: s).add_edge(START, "n").compile()
"""
