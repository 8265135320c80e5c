"""The Model Context Protocol over runs: graphs are tools, and a call of one is a run.

::

    routes.py ──► dispatch.py ──► tools.py ──► services: what the caller may run, its schemas
                   │  │              └─► tool_schemas.py
                   │  └──► calling.py ──► services: create a run, wait for it or stream it
                   │          └─► telling.py      frames as notifications of progress
                   ▼
            versions.py, wire.py                  what is said when, and in what shape

Nothing is executed here, nothing is stored, and no session is kept: each request says all there is
to know. A tool is an assistant that the caller may run. A call is a stateless run, or one on the
thread that its `_meta` names, and can be listed, joined and cancelled by every other route.

**Errors.** What is no message of the protocol, or asks for what there is not, is an error of
JSON-RPC. Whatever goes wrong with a call is its result, marked as an error, so that the model which
made the call can read why.
"""
