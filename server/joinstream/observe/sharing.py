"""Where processes that belong together count together. Comes before anything is counted."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Read by prometheus_client when it is loaded, and inherited by children."""


@contextmanager
def counting_together() -> Iterator[None]:
    """This process and its children count into one folder, which goes in the end."""
    if _VARIABLE in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="joinstream-metrics-") as folder:
        os.environ[_VARIABLE] = folder
        yield


def is_shared() -> bool:
    return _VARIABLE in os.environ


def forget_process(pid: int) -> None:
    """What a process that has ended executed and read at that time is no more."""
    if is_shared():
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(pid)  # type: ignore[no-untyped-call]  # prometheus left it unannotated
