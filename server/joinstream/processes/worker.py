"""`joinstream worker`, and the worker children of `joinstream serve`.

`main` is where such a child begins.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from pathlib import Path

from joinstream.backends import Backends, database_uri
from joinstream.processes.exits import leave, one_line_errors
from joinstream.processes.home import home_is
from joinstream.processes.link import LinkToParent
from joinstream.processes.loops import run_loop
from joinstream.processes.memory import settle_memory
from joinstream.processes.preparation import Prepared, prepare, require_migrated
from joinstream.worker.main import run_worker_process


def run_worker(
    config: Path,
    jobs_per_worker: int | None,
    *,
    listener: socket.socket | None = None,
    parent: LinkToParent | None = None,
    api: str | None = None,
) -> None:
    """Work until a signal or, as a child, the end of the parent; probes are answered at `listener`.

    `api` is the address of the parent's API.

    Raises StartupError.
    """
    prepared = prepare(config, n_jobs_per_worker=jobs_per_worker)
    settle_memory()
    run_loop(_work(prepared, listener, parent, api))


async def _work(
    prepared: Prepared,
    listener: socket.socket | None,
    parent: LinkToParent | None,
    api: str | None,
) -> None:
    home_is(api)
    await require_migrated(database_uri(prepared.settings))
    if parent is not None:
        parent.when_parent_ends(lambda: os.kill(os.getpid(), signal.SIGTERM))
    await run_worker_process(*prepared, beside=_probes_at(listener))


def _probes_at(
    listener: socket.socket | None,
) -> Callable[[Backends], AbstractAsyncContextManager[None]]:
    if listener is None:
        return lambda _: nullcontext()
    # loaded only here: most workers answer nobody
    from joinstream.processes.probes import answering_probes

    return partial(answering_probes, listener)


def main() -> None:
    """Entry of the child: link descriptor and options as start_child passes them."""
    parent = LinkToParent(int(sys.argv[1]))
    content = json.loads(sys.argv[2])
    with one_line_errors():
        run_worker(
            Path(content["config"]),
            content["jobs_per_worker"],
            parent=parent,
            api=content["api"],
        )
    leave(0)
