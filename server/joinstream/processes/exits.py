"""How a process of ours ends."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from typing import NoReturn

from joinstream.errors import StartupError

INTERRUPTED = 130
"""What shells report for a command that Ctrl-C ended."""


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn a StartupError into one line on stderr and exit code 1."""
    try:
        yield
    except StartupError as error:
        print(f"joinstream: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


def leave(code: int) -> NoReturn:
    """End the process now, everything of ours being closed.

    A blocking node of a graph goes on in its thread, which Python would wait for.
    """
    if "joinstream.observe.tracing" in sys.modules:
        sys.modules["joinstream.observe.tracing"].flush_traces()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
