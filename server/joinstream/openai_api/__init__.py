"""The API of OpenAI over runs: its clients ask, and a run answers.

::

    chat.py, responses.py ──► asking.py ──► services: create a run, stream it, cancel it
                                                │ frames                    │ the run's outcome
                                                ▼                           ▼
                                       http/deltas.py              http/answer.py
                                                └─► chat_stream.py, response_events.py ◄┘

Nothing is executed here and nothing is stored. A model is an assistant whose graph has a `messages`
channel. A request without a memory is a stateless run, one with a memory a run on a thread; so each
can be listed, joined and cancelled by every other route, under the run id that its answer is named
after.

**Two sources.** While a run executes, its frames tell what the models of its root graph say, piece
by piece (`http/deltas.py`). When it is over, its output tells what it added to the conversation
(`http/answer.py`), and that counts: it is the answer of those who did not stream, it has the usage
and the reason for the end, and it fills up what a stream could not tell, because a worker died or
the log had lost it. Input messages get ids made of the run's, by which that part of the
conversation is found.

**Wire.** Each kind of event on the wire is written in one place, which a test holds. Errors of
these routes are translated at the door (`errors.py`), whoever refused: a handler, or auth before.
"""
