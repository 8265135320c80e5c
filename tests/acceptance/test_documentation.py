"""The documentation does what it says: programs run, commands exist, links lead somewhere.

- `python` and `js` blocks are whole programs. They run in order against a real server, Python in a
  folder of its page's own; an `output` block behind one is what it prints, `…` for anything.
- Blocks with a title are files of that folder.
- `sh` blocks: `curl` is run against the server; other commands are checked as far as they can be
  without starting anything.
"""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from joinstream.cli.commands import app
from joinstream.project import read_config
from joinstream.settings.loading import CLIENTS_NAMES, known_names
from tests.support.documents import (
    PAGES,
    ROOT,
    Block,
    anchors,
    blocks,
    commands,
    links,
    named_paths,
    named_tests,
)
from tests.support.javascript import FOLDER as CLIENTS
from tests.support.javascript import needs
from tests.support.server import Deployment

DEV_URL = "http://localhost:2024"
DISTRIBUTIONS = {
    "joinstream": ROOT / "pyproject.toml",
    "joinstream-sdk": ROOT / "sdk/pyproject.toml",
}

every_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: str(page.relative_to(ROOT).with_suffix(""))
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A page's folder, which every user may pass, so that an embedded Postgres can lie in it."""
    with tempfile.TemporaryDirectory(prefix="joinstream-docs-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.timeout(180)
@every_page
def test_programs_and_requests_do_what_the_page_says(
    embedded: Deployment, page: Path, folder: Path
) -> None:
    url = str(embedded.http.base_url).rstrip("/")
    printed = None
    for block in blocks(page):
        if block.title is not None:
            save(block, folder)
        elif block.language == "python":
            printed = run_program([sys.executable, "-c"], block, folder, url)
        elif block.language == "js":
            node = [needs("node", CLIENTS), "--input-type=module", "--eval"]
            printed = run_program(node, block, CLIENTS, url)
        elif block.language == "sh":
            printed = "".join(run_command(command, folder, url) for command in commands(block))
        elif block.language == "output":
            assert printed is not None, f"{block.name}: nothing stands before this output"
            assert_printed(block, printed)


def save(block: Block, folder: Path) -> None:
    assert block.title is not None
    path = folder / block.title
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text, encoding="utf-8")
    if block.title == "langgraph.json":
        assert read_config(path).unknown_keys == []


def run_program(interpreter: list[str], block: Block, folder: Path, url: str) -> str:
    ended = subprocess.run(
        [*interpreter, block.text.replace(DEV_URL, url)],
        cwd=folder,
        env={**os.environ, "JOINSTREAM_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, f"{block.name}:\n{ended.stderr}"
    return ended.stdout


def run_command(command: str, folder: Path, url: str) -> str:
    """What `curl` and `pytest` print; nothing for other commands, which are not run."""
    name, *arguments = shlex.split(command.replace(DEV_URL, url))
    if name == "curl":
        words = [name, *arguments, "--silent", "--show-error", "--max-time", "30"]
    elif name == "pytest":
        words = [sys.executable, "-m", name, *arguments, "-p", "no:cacheprovider"]
    else:
        return ""
    ended = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


def assert_printed(block: Block, printed: str) -> None:
    pattern = re.escape(block.text.strip()).replace("…", ".*")
    lines = "\n".join(line.rstrip() for line in printed.strip().splitlines())
    assert re.fullmatch(pattern, lines), f"{block.name} printed:\n{printed}"


@every_page
def test_commands_exist_with_the_options_they_are_given(page: Path) -> None:
    for block in blocks(page):
        if block.language == "sh":
            for command in commands(block):
                check_command(command)


def check_command(command: str) -> None:
    words = shlex.split(command)
    while "=" in words[0]:
        check_variable(words.pop(0))
    name, *arguments = words
    if name in CHECKS:
        CHECKS[name](arguments)
    else:
        assert name in ("cd", "curl", "pytest"), command


def check_variable(assignment: str) -> None:
    assert assignment.partition("=")[0] in known_names() | CLIENTS_NAMES, assignment


def check_joinstream(arguments: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        name, *arguments = arguments
        command = command.commands[name]
    command.make_context(name, arguments)


def check_make(arguments: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert {word for word in arguments if "=" not in word} <= targets


def check_docker(arguments: list[str]) -> None:
    services = set(yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"])
    assert arguments[0] == "compose"
    for scaled in re.findall(r"(\w+)=\d+", " ".join(arguments)):
        assert scaled in services
    if arguments[1] in ("logs", "run", "exec"):
        named = next(word for word in arguments[2:] if not word.startswith("-"))
        assert named in services


def check_pip(arguments: list[str]) -> None:
    """Only our own distributions, by name or by folder, with extras that they have."""
    for word in arguments[1:]:
        if word.startswith("-"):
            continue
        name, _, extras = word.rstrip("]").partition("[")
        project = DISTRIBUTIONS.get(name, ROOT / name / "pyproject.toml").read_text(
            encoding="utf-8"
        )
        for extra in filter(None, extras.split(",")):
            assert re.search(rf"^{extra} = \[", project, re.MULTILINE), word


CHECKS: dict[str, Callable[[list[str]], None]] = {
    "docker": check_docker,
    "export": lambda arguments: check_variable(*arguments),
    "joinstream": check_joinstream,
    "make": check_make,
    "pip": check_pip,
}


@every_page
def test_data_can_be_read(page: Path) -> None:
    readers: dict[str, Any] = {"json": json.loads, "yaml": yaml.safe_load, "python": ast.parse}
    for block in blocks(page):
        if block.language in readers:
            readers[block.language](block.text)


@every_page
def test_every_block_is_of_a_kind_that_is_checked(page: Path) -> None:
    kinds = {"python", "js", "sh", "json", "yaml", "output", "text"}
    assert [block.name for block in blocks(page) if block.language not in kinds] == []


@every_page
def test_links_lead_to_what_exists(page: Path) -> None:
    for link in links(page):
        if link.startswith(("http://", "https://")):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        if fragment:
            assert fragment in anchors(target), f"{page.name}: {link}"


@every_page
def test_the_tests_that_hold_a_promise_exist(page: Path) -> None:
    for file, function in named_tests(page):
        source = (ROOT / file).read_text(encoding="utf-8")
        assert re.search(rf"^(async )?def {function}\(", source, re.MULTILINE) or not function, (
            f"{page.name}: {file}::{function}"
        )


@every_page
def test_files_and_folders_that_are_named_exist(page: Path) -> None:
    assert [path for path in named_paths(page) if not (ROOT / path).exists()] == []


def test_every_page_of_the_documentation_is_linked_from_the_readme() -> None:
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in links(ROOT / "README.md")}
    written = {page for page in PAGES if page.parent.name == "docs"}
    assert written <= linked
