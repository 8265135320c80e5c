"""How the modules of a project are imported, and what is said when they cannot be."""

import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from joinstream.project import load_object
from tests.support.project_files import AGENT, ProjectFiles, project_files


@pytest.fixture
def files(tmp_path: Path) -> Iterator[ProjectFiles]:
    with project_files(tmp_path) as files:
        yield files


def load(files: ProjectFiles, target: str) -> Any:
    return load_object(target, files.folder, 'graph "agent"')


# --- finding modules -------------------------------------------------------------------------


def test_a_path_is_relative_to_the_folder_of_the_configuration(
    files: ProjectFiles, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    files.write("src/one_agent.py")
    assert files.load_graph("./src/one_agent.py:graph").graph_ids == ("agent",)


def test_an_absolute_path_is_taken_as_it_is(files: ProjectFiles) -> None:
    path = files.write("absolute_agent.py")
    assert files.load_graph(f"{path}:graph").graph_ids == ("agent",)


def test_a_dotted_module_is_found_in_a_dependency(files: ProjectFiles) -> None:
    files.write("lib/dotted_package/__init__.py", "")
    files.write("lib/dotted_package/agent.py")
    project = files.load(graphs={"agent": "dotted_package.agent:graph"}, dependencies=["./lib"])
    assert project.graph_ids == ("agent",)


def test_two_graphs_in_one_file_execute_it_once(files: ProjectFiles) -> None:
    files.write("counting.py", f"{AGENT}\n    open('{files.folder}/imports', 'a').write('x')\n")
    files.load(graphs={"one": "./counting.py:graph", "two": "./counting.py:builder"})
    assert (files.folder / "imports").read_text() == "x"


def test_a_file_sees_its_siblings_and_they_see_the_same_module(files: ProjectFiles) -> None:
    files.write(
        "sibling_words.py", "def words():\n    import sibling_main\n    return sibling_main"
    )
    files.write("sibling_main.py", "from sibling_words import words")
    words = load(files, "./sibling_main.py:words")
    assert words() is sys.modules["sibling_main"]


def test_a_file_in_a_package_may_import_relatively(files: ProjectFiles) -> None:
    files.write("relative_package/__init__.py", "")
    files.write("relative_package/words.py", "WORD = 'hello'")
    files.write("relative_package/agent.py", "from .words import WORD")
    assert load(files, "./relative_package/agent.py:WORD") == "hello"


def test_the_init_file_of_a_package_is_the_package(files: ProjectFiles) -> None:
    files.write("whole_package/__init__.py", "NAME = __name__")
    assert load(files, "./whole_package/__init__.py:NAME") == "whole_package"


def test_files_of_one_name_in_two_folders_are_two_modules(files: ProjectFiles) -> None:
    files.write("left/same_name.py", "SIDE = 'left'; NAME = __name__")
    files.write("right/same_name.py", "SIDE = 'right'; NAME = __name__")
    assert load(files, "./left/same_name.py:SIDE") == "left"
    assert load(files, "./right/same_name.py:SIDE") == "right"
    assert load(files, "./right/same_name.py:NAME") == "_graph_right_same_name"


def test_a_file_named_like_an_installed_module_hides_nothing(files: ProjectFiles) -> None:
    import email

    files.write("email.py", "WORD = 'mine'")
    assert load(files, "./email.py:WORD") == "mine"
    assert sys.modules["email"] is email


def test_a_file_name_need_not_be_an_identifier(files: ProjectFiles) -> None:
    files.write("my-agent.v2.py", "WORD = 'hello'")
    assert load(files, "./my-agent.v2.py:WORD") == "hello"


@pytest.mark.parametrize("name", ["plain_types.py", "email.py"])
def test_classes_of_a_loaded_file_pickle_and_resolve_their_hints(
    files: ProjectFiles, name: str
) -> None:
    files.write(
        name,
        """
        from __future__ import annotations
        from dataclasses import dataclass

        @dataclass
        class Item:
            parent: Item | None = None
        """,
    )
    item_type = load(files, f"./{name}:Item")
    assert pickle.loads(pickle.dumps(item_type())) == item_type()
    assert get_type_hints(item_type)["parent"] == item_type | None


# --- what goes wrong -------------------------------------------------------------------------


def test_a_target_without_a_variable_is_refused(files: ProjectFiles) -> None:
    message = files.failure_of_graph("./agent.py")
    assert message.startswith("graph \"agent\": './agent.py' names no variable; write ./file.py:")


def test_a_missing_file_is_named_with_the_nearest_existing_one(files: ProjectFiles) -> None:
    files.write("agent.py")
    message = files.failure_of_graph("./agnt.py:graph")
    expected = (
        f"graph \"agent\": {files.folder / 'agnt.py'} does not exist; did you mean 'agent.py'?"
    )
    assert message == expected


def test_a_javascript_graph_is_refused_as_such(files: ProjectFiles) -> None:
    message = files.failure_of_graph("./agent.ts:graph")
    assert message == 'graph "agent": agent.ts is JavaScript; joinstream runs Python graphs'


def test_a_missing_variable_gets_a_suggestion(files: ProjectFiles) -> None:
    files.write("typo_agent.py")
    message = files.failure_of_graph("./typo_agent.py:grpah")
    expected = "./typo_agent.py has no variable 'grpah'; did you mean 'graph'?"
    assert message == f'graph "agent": {expected}'


def test_a_missing_variable_like_no_other_gets_the_list_of_names(files: ProjectFiles) -> None:
    files.write("listed_agent.py", "one = 1\ntwo = 2")
    message = files.failure_of_graph("./listed_agent.py:zzz")
    assert message.endswith("has no variable 'zzz'; it has one, two")


def test_an_exception_at_import_names_graph_file_exception_and_the_users_line(
    files: ProjectFiles,
) -> None:
    files.write("failing_helper.py", "def connect():\n    raise RuntimeError('no\\nroute')")
    files.write("failing_agent.py", "from failing_helper import connect\n\nconnect()")
    message = files.failure_of_graph("./failing_agent.py:graph")
    assert message == (
        'graph "agent": ./failing_agent.py cannot be imported: '
        "RuntimeError: no route (failing_helper.py:2)"
    )


def test_an_exception_in_code_outside_the_projects_folder_names_its_file(
    files: ProjectFiles, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "outside_agent.py").write_text("graph = 1 / 0")
    files.configure(graphs={"agent": "outside_agent:graph"}, dependencies=[str(elsewhere)])
    assert files.failure().endswith(f"({elsewhere / 'outside_agent.py'}:1)")


def test_a_package_that_cannot_be_imported_fails_with_its_own_reason(files: ProjectFiles) -> None:
    files.write("needy_package/__init__.py", "import nowhere_to_be_found")
    files.write("needy_package/agent.py")
    message = files.failure_of_graph("./needy_package/agent.py:graph")
    assert "No module named 'nowhere_to_be_found' (needy_package/__init__.py:1)" in message


def test_a_package_named_like_an_installed_module_hides_nothing(files: ProjectFiles) -> None:
    import string

    files.write("string/__init__.py", "")
    files.write("string/agent.py", "NAME = __name__")
    assert load(files, "./string/agent.py:NAME") == "_graph_string_agent"
    assert sys.modules["string"] is string


def test_an_exception_in_a_library_is_reported_at_the_line_that_called_it(
    files: ProjectFiles,
) -> None:
    files.write("bad_json_agent.py", "import json\nWORDS = json.loads('{')")
    message = files.failure_of_graph("./bad_json_agent.py:graph")
    assert "cannot be imported: JSONDecodeError: " in message
    assert message.endswith("(bad_json_agent.py:2)")


def test_a_syntax_error_names_its_own_line(files: ProjectFiles) -> None:
    files.write("broken_agent.py", "x = 1\ny = = 2\n")
    message = files.failure_of_graph("./broken_agent.py:graph")
    assert "SyntaxError: invalid syntax" in message
    assert message.endswith("(broken_agent.py:2)")


@pytest.mark.parametrize("target", ["./needy_agent.py:graph", "needy_agent:graph"])
def test_a_missing_package_comes_with_the_remedy(files: ProjectFiles, target: str) -> None:
    files.write("needy_agent.py", "import nowhere_to_be_found")
    files.configure(graphs={"agent": target}, dependencies=["."])
    message = files.failure()
    assert "ModuleNotFoundError: No module named 'nowhere_to_be_found'" in message
    assert message.endswith('(needy_agent.py:1); install it, or name its folder in "dependencies"')


def test_a_missing_dotted_module_comes_with_the_remedy(files: ProjectFiles) -> None:
    message = files.failure_of_graph("no_such_package.agent:graph")
    assert "No module named 'no_such_package'" in message
    assert message.endswith('install it, or name its folder in "dependencies"')


def test_a_relative_import_in_no_package_comes_with_the_remedy(files: ProjectFiles) -> None:
    files.write("loose.py", "from .tools import search")
    files.write("tools.py", "search = None")
    message = files.failure_of_graph("./loose.py:graph")
    assert "(loose.py:1); put an __init__.py beside it" in message


def test_a_module_that_exits_at_import_is_an_import_failure(files: ProjectFiles) -> None:
    files.write("exiting_agent.py", "raise SystemExit('set OPENAI_API_KEY')")
    message = files.failure_of_graph("./exiting_agent.py:graph")
    assert "SystemExit: set OPENAI_API_KEY (exiting_agent.py:1)" in message


def test_a_file_that_failed_is_executed_again_by_the_next_attempt(files: ProjectFiles) -> None:
    files.write("email.py", "raise RuntimeError")
    files.failure_of_graph("./email.py:graph")
    files.write("email.py", "WORD = 'repaired now'")
    assert load(files, "./email.py:WORD") == "repaired now"
