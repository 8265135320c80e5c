"""Schemathesis tries, by thousands of requests, to break the promises of `/openapi.json`.

What it sends follows the document, breaks it in each way there is, or walks from answer to request.
No answer may be a 500, have a status, a type, a header or a shape that the document does not tell,
or accept what the document forbids. A failure is printed with the request that repeats it.
"""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.support.api import TENANTS
from tests.support.server import QUICK_GRAPHS, Deployment, embedded_server

CONFIG = Path(__file__).parents[1] / "support" / "schemathesis.toml"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("graphs", "headers"),
    [(QUICK_GRAPHS, {}), (TENANTS, {"Authorization": "Bearer ann-key"})],
    ids=["without auth", "with auth"],
)
async def test_the_document_is_kept(graphs: Path, headers: dict[str, str], tmp_path: Path) -> None:
    async with embedded_server(graphs) as server:
        document = (await server.http.get("/openapi.json")).json()
        code, report = await schemathesis(server, headers, tmp_path)
    print(report)
    assert code == 0
    operations = sum(len(methods) for methods in document["paths"].values())
    assert f"Tested: {operations - 1}\n" in report, "all but the document itself"


async def schemathesis(
    server: Deployment, headers: dict[str, str], folder: Path
) -> tuple[int, str]:
    """Exit code and what it printed, the seed among it."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")),
        f"--config-file={CONFIG}",
        "--no-color",
        "run",
        str(server.http.base_url.join("/openapi.json")),
        *(f"--header={name}: {value}" for name, value in headers.items()),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode(errors="replace")
