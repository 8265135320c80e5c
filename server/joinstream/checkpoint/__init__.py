"""Checkpoints in Postgres: LangGraph's saver, fenced, that stores what is said once.

::

    PostgresSaver ── reads ───────────────────────────────► reading.py, history.py (delta channels)
      │  sync half: synchronous.py, loops.py
      ├─ aput, aput_writes ─► entries.py ─► outbox.py ─► statement.py ─► one SQL statement
      │                          │ drafts values (values.py, reuse.py, fingerprints.py) on the
      │                          └ checkpoint it follows (known.py)
      └─ delete, copy, prune ─► retention.py

**Tables** (migrations/0002). `checkpoints` has a row for each checkpoint: its *body* (versions,
small values, and how each larger value is held), its metadata, and the parts it is made of.
`checkpoint_parts` has everything larger than a few bytes. A *part* is some items of a list or dict,
or one whole value; its address is a log and a position in it, and it never changes.
`checkpoint_writes` has what tasks wrote. There are no indexes but the primary keys, which all begin
with the thread.

**Growth.** Each list and dict channel appends its new items to a *log* of its own, so the value of
a chat is one *run* of parts, such as "log 7, parts 0 to 41", and the next turn's is "0 to 43". A
turn therefore costs what it adds plus a checkpoint row of constant size, and n turns cost O(n)
bytes; the usual layout, which stores each version of the list whole, costs O(n²). Editing or
removing an item splits a run in two; a value in too many runs is written anew. Nothing is ever
rewritten in place, so older checkpoints, forks and copies stay what they were. What a task writes
mostly becomes the next part of the list. A superstep's last writes and the checkpoint it ends with
are sent in one statement (outbox.py), and in it a write that equals a new part only refers to it.

**CPU.** A saver remembers of the last checkpoint a fingerprint for each part, and so serialises new
items only. Nodes may change messages in place, hence fingerprints are of content: exact, and a
third of the work of serialising. A saver is made for each run; it learns the fingerprints when the
run reads its first checkpoint.

**A read is one query**: the newest row by index, its runs as index ranges, its writes. It touches
what the state consists of, however long the history. A page of history is one query too, and
transfers a part that many of its checkpoints share only once.

**Fence.** With `Fence(run_id, epoch)` every write, in the same statement, locks the run's row `for
share` if it is still running in this epoch, and otherwise stores nothing and raises LeaseLost. A
claim updates that row, so either it waits for the write, or the write waits and then sees it.

**Two writers, one parent.** Reuse is safe because the statement also locks the parent's row (`for
key share`): if it was deleted meanwhile, everything is stored in full instead. Parts nobody refers
to are collected by a later statement of the deleting transaction, which sees what was stored. Two
continuations of one checkpoint would take the same places in its logs: the second finds them taken
and goes on in fresh logs.

**Encryption.** Values, writes and bodies are encrypted part by part as they are serialised
(serializers.py, ciphers.py), so what is reused needs no decrypting and threads grow as slowly as
without it; only a task's write no longer equals the part it becomes, and is stored beside it. Ids
and names of written channels stay readable: queries need them. Metadata are a field, as
`joinstream.encryption` has it. A change of keys is the one thing that rewrites rows in place
(renewal.py).

**Half a task.** Of a task that failed or was cancelled only its error is kept. LangGraph hands over
what it had written until then too, and on resuming takes a task with output for one that has
finished: the choice of the next node would be left out, and the graph would end there.

**What is not promised.** Values are exact as far as the serializer is: what LangGraph's in-memory
saver returns, this one returns, but for halves of tasks. With another serializer than LangGraph's
own (or its encryption), lists are stored whole.
"""

from joinstream.checkpoint.checkpoints import PostgresCheckpoints
from joinstream.checkpoint.saver import Fence, PostgresSaver

__all__ = ["Fence", "PostgresCheckpoints", "PostgresSaver"]
