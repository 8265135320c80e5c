"""The event-streaming protocol: one stream of events and one door for commands for a whole thread.

::

    run.start ──► a run like any other ──► worker: graph.astream_events(version="v3")
                                                  │ ProtocolEncoder: finished envelopes
                                                  ▼
    SSE, WebSocket ◄── Timeline ◄── follow ◄── the thread's one log ◄── classic runs' frames
                       (timeline.py)

There is no second log. What a run that `run.start` created produces lies in its thread's log as
frames of kind PROTOCOL, whose mode is the channel and whose body is the finished event. Frames of
other runs are translated when they are read (`classic.py`), and so are PROTOCOL frames for those
who join such a run by its classic path.

**Numbers.** `seq` has to be an integer that JavaScript can hold, rising along the thread, and has
to mean the same on every connection and in every API process, or `since` would be worth nothing. It
is computed from the event's id alone: `(epoch * 2**24 + k) mod 2**53` (`sequence.py`). The epoch
counts the thread's claims from the moment of its creation in milliseconds, so it needs more bits
than there are; what is cut off repeats after 2**29 claims of one thread. `since` is therefore
compared as a distance on a circle, which is right across that seam too. A claim with more than
2**24 events runs into the numbers of the next one; that is a hundred days of a hundred events a
second.

**Names.** `event_id` is the event's id in the log, so it is the same whenever and wherever it is
read. Events about a run as a whole are named after it, `synth:<run_id>:…`: clients read from the
name which run began or ended. The claim's epoch ends the name, since a run that is executed again
begins again, and may fail again, and clients drop what they know.

**Again.** What an attempt was writing when its worker died is taken back by the next one, before
anything else (`unfinished.py`); a worker that hands its run back takes it back itself.

**Replay.** A new connection gets the log from its start, and then what comes. Of runs before the
last one it gets everything but how they ended and what they asked: clients take the first such
event for the end of the run they have just started, and a question that was answered for an open
one. With `since` nothing is left out. Who only watches `lifecycle` and `input` is told how the last
run ended at once, later or never (`services/watched_past.py`): Python's client opens such a stream
before it starts a run. What the log no longer holds after `since` is announced, by an error
frame `resume_gap` on a stream, by the answer `resume_gap` to `subscription.reconnect`.

**The end.** A worker announces how a run ended after it has committed it. If it dies in between,
nobody would; so the reader asks for the status of a run it has seen begin, and says it itself,
under the name that the worker would have used. If the next run was claimed in between, the log
takes no announcement any more; so the reader says it when it comes to that run.
"""
