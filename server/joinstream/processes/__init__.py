"""The processes of a running joinstream: who starts whom, and how each of them ends.

::

    joinstream dev                           joinstream serve
    ┌──────────────────────────┐             ┌──────────────────────────┐
    │ parent: owns the socket, │             │ API in the main thread   │
    │ watches the files        │             └─┬───────────┬────────────┘
    └─┬────────────────────────┘               │ link      │ link
      │ link; one child at a time            ┌─▼──────┐  ┌─▼──────┐
    ┌─▼────────────────────────┐             │ worker │  │ worker │   any number
    │ child (`--no-reload`):   │             └────────┘  └────────┘
    │ API in the main thread,  │
    │ worker in its own thread,│             joinstream worker: a worker alone
    │ embedded Postgres        │
    └──────────────────────────┘

- `listening` takes the port before anything slow happens. In `dev` the parent keeps the socket over
  restarts of the child, so that a request made meanwhile waits instead of failing.
- `link` is a socket pair between parent and child: the child says on it that it is ready, and each
  side learns from its end that the other is gone, even by SIGKILL. No child outlives its parent.
- `stop_signals`: the first SIGINT or SIGTERM asks to stop, a second one to stop now.
- `child` starts, awaits and ends one child; `supervise` keeps one alive, with pauses that grow.
- `api_server` is uvicorn without its own signal handling; `loop_thread` is a thread with a loop.
- `together` is API and worker in one process. `local` has it inside a script, for the SDK.
- `dev`, `dev_server`, `serve`, `worker` are the commands.
"""
