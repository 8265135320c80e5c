"""LangServe's API over runs: its clients call a graph, and a run answers.

::

    invoking.py, batching.py, streaming.py ──► asking.py ──► services: create, stream, cancel
                                                              │ frames        │ the run's outcome
                                                              ▼               ▼
                                chunks.py, events.py, run_log.py ──► wire.py ◄── http/run_outcome.py

Nothing is executed here and nothing is stored. A call is a stateless run, or one on a thread when
its config names one, and each can be listed, joined and cancelled by every other route, under the
run id that is answered. Who leaves cancels.

**Translators.** `stream` tells the chunks that the graph's own `stream` yields, `stream_events` its
events, `stream_log` the same as patches of a log. Each of the three turns frames into the JSON of
`data` events, and knows what to do when a worker has died and the run begins anew. What kinds of
events there are, and how each is written, stands in `wire.py` alone, which a test holds.

**The end.** What a stream says last comes from the run's row, so a stream that could not tell all
ends with an error, never in silence.
"""
