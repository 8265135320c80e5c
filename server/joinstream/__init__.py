"""joinstream: LangGraph graphs as durable background runs, with streams to leave and rejoin.

How the parts lie (arrows are imports; `docs/architecture.md` is the long version)::

    http  ->  services  ->  domain  <-  worker
                  |                       |
                  +------> ports <--------+        protocols only
                             ^
            store, checkpoint, streams             Postgres, Postgres, Redis or memory

`app.py`, `worker/main.py` and `cli.py` are the only places where the parts are wired together.

Graphs may import `progress` from here: `docs/progress.md`.
"""

from joinstream.progress_events import Progress, progress

__all__ = ["Progress", "progress"]
__version__ = "0.1.0"
