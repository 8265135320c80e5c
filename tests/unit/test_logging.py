"""Logs: what is written about a run is found by its id."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import sys, uuid, structlog
from joinstream.observe.logging import configure_logging
configure_logging("INFO", as_json=sys.argv[1] == "json", color=False)
structlog.get_logger("x").info("run ended", run_id=uuid.UUID(int=7), status="success")
"""
RUN_ID = "00000000-0000-0000-0000-000000000007"


def logged(form: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, form], capture_output=True, text=True, check=True
    )
    return done.stderr


def test_in_json_an_id_is_the_text_that_the_api_shows() -> None:
    line = json.loads(logged("json"))
    assert (line["event"], line["run_id"], line["level"]) == ("run ended", RUN_ID, "info")


@pytest.mark.parametrize("part", [f"run_id={RUN_ID}", "status=success"])
def test_so_it_is_in_text(part: str) -> None:
    assert part in logged("text")
