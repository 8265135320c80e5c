"""Programs in JavaScript, and what they print.

`needs` is how a test says that it cannot do without a program or a package. Where that is missing,
the test is skipped, except in CI: there it fails.
"""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "javascript"
"""The official clients, and the scenes they are made to play."""

_LINE_BYTES = 16 * 1024 * 1024


def needs(program: str, *folders: Path) -> str:
    """The program's path, once the packages of `folders` are known to be installed too."""
    missing = [str(folder) for folder in folders if not (folder / "node_modules").exists()]
    found = shutil.which(program)
    if found is None or missing:
        why = f"needs {program}" if found is None else f"needs `npm ci` in {', '.join(missing)}"
        lacking = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        lacking(f"{why}; `make browser` installs what it can")
    return found


@asynccontextmanager
async def playing(package: str, url: str, scene: str, **given: Any) -> AsyncIterator["Lines"]:
    """A scene of tests/javascript/scenes.mjs in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        needs("node", FOLDER),
        str(FOLDER / "play.mjs"),
        *(package, url, scene, json.dumps(given)),
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_BYTES,
    )
    try:
        yield Lines(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def play(package: str, url: str, scene: str, **given: Any) -> list[Any]:
    """All that the scene yields."""
    async with playing(package, url, scene, **given) as lines:
        return [line async for line in lines]


class Lines:
    """What a program prints, line by line as it does; it must end well."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def __aiter__(self) -> AsyncIterator[Any]:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            yield json.loads(line)
        assert await self._process.wait() == 0, "the program failed; it says why above"
