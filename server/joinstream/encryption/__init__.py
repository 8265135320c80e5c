"""Encryption of what is stored: by the project's own handlers, or by AES with one key.

::

    request ──middleware──► context ─┐                  ┌─► the project's handlers (handlers.py)
    claimed run, due cron ───────────┴─► FieldCipher ───┤
    stores of store/encrypted ─────► seal and open      └─► AES, by names of keys (json_ciphers.py)
                                            │
                                            └─ marks.py: which values of a document are encrypted

Two kinds of things are encrypted. *Blobs* are the values of checkpoints; see `checkpoint.ciphers`.
*Fields* are JSON columns and parts of them, such as a thread's metadata or a run's input, and this
package is about those. The stores of `store.encrypted` seal what they write and open what they
read, so nobody above them meets an encrypted value, and without encryption there are none of them.

**A value is encrypted by itself.** A document that comes back from a handler is compared with what
the handler was given; where they differ, the value is stored in a *mark* that names the cipher and
the context. So the database may merge documents key by key, as it does when metadata is patched, or
a run inherits from its assistant and its thread: every value still says how to open it. What a
handler leaves as it is stays plain, searchable, and is never handed to a handler again; so are rows
of before.

**The context** is what a handler chooses a key by. It belongs to a request (its
`X-Encryption-Context`, or what the project's context handler makes of the user), is stored with
everything sealed for the request, and goes with a run to whichever worker executes it.

**What the server reads stays plain**: ids, and keys that auth handlers filter by (fields.py).
"""
