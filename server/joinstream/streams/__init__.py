"""The stream path: how events get from a run to everybody who follows it, once and in order.

::

    graph ─emit─► RunPublisher ─batch─► EventLog.append ─┬─► log s:{thread}      bounded, expires
                  (publisher.py)        (append.lua)     └─► PUBLISH c:{thread}
                                                                  │ one connection per process
    client ◄─HTTP─ follow ◄── ReaderQueue ◄── EventHub ◄──────────┘
                  (join.py,   (bounded)        │ decoded once, shared by all readers
                   reader.py)                  │
                     └────────── EventLog.read when anything is missing

The log is the truth, pub/sub is the fast path, and every event knows its place: its id is
`<epoch>-<k>`, and it names the id of the event before it (`prev`). All else follows from that.

**Writing.** The epoch is the thread's claim counter in Postgres, so ids rise over all attempts and
runs of a thread, and Redis itself refuses what is not new: an append repeated after a lost reply
(its events are there: fine), and a writer whose run was claimed again (the log holds a later epoch:
it is told that it is stale, and falls silent). One script appends a batch and publishes what was
accepted, so an event is in the log whenever it is on the wire. The first event of an epoch gets its
`prev` from the log's top; later ones name the event *emitted* before them, so that what a publisher
had to drop while Redis was away shows as a hole. Nothing about Redis ever fails a run, or holds it
up for more than seconds: a publisher keeps events for five, then drops and counts them.

**Ending.** Events are flushed, the terminal status is committed, and only then END appended. Who
saw the row running was subscribed before, and gets END; who saw it terminal finds every event in
the log.

**Subscribing.** A subscription counts from Redis's confirmation. Each later confirmation means that
the connection was lost in between: the channel's readers are marked dirty and read the log. The
connection also has to prove itself every five seconds by carrying a message in a circle.

**Reading** (`follow`). Subscribe first; then find the position (the client's last id, the start of
the run, or the log's top); then read the log up to its top, and the row. From there on, an event is
dropped when its id is not above the last one, delivered when its `prev` is not above the last one,
and otherwise the log is read. What the log does not have either becomes a `Gap`. A reader whose
queue overflows loses the queue, not the events. On the clock, and not only when it is quiet (under
constant reconnects it never is): a heartbeat every 5 s, the row and the log every 15 s. A run that
is over without an END in the log, and without one within a second, yields `Ended`, after a `Gap` if
events may be missing. "From now on" (`Now`) means after the log's top as it was read between the
confirmation and the response headers, so nothing falls between them.

**Sizes.** A body above 256 KB is published as a pointer, a frame without its body, and read from
the log, because Redis disconnects subscribers that have too much waiting for them. A log page is
1 MB, a reader's queue 1024 batches or 4 MB, a log 10,000 events or 64 MB.

**Known limits.** When Redis loses data, those who follow live notice nothing and those who come
later are told of the gap. A reader that starts from the beginning cannot tell a log trimmed exactly
at an attempt's first event from one that began there; the `attempt` in that metadata event can.

`memory.py` is all of it without Redis, for `dev`: the same conformance tests run on both.
`tests/unit/test_join_interleavings.py` enumerates the races this order of steps closes;
`tests/faults/test_redis_connection_kill.py` follows runs while their connections are being cut.
"""
