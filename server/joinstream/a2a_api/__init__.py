"""The Agent2Agent protocol over runs: assistants are agents, and a task is a run, or several.

::

    routes.py ──► card.py                                 what an agent is and takes
        └─► dispatch.py ──► methods.py ──► asking.py ───► services: create a run
                │                │ │ └───► tasks.py ────► services: find runs
                │                │ └─────► showing.py ──► services: what came of them
                │                └─► telling.py           frames as updates of a task
                ▼
            versions.py, wire.py, errors.py               what is said when, and in what shape

Nothing is executed here and nothing is stored. A context is a thread. A task is named after its
thread and its first run; each answer to a question of the graph's is another run of the same task,
which says so in its metadata. Whatever runs on a thread is a task, also what another route began.

**Streams.** A run's log tells all of it from the start, so whoever subscribes again is told all of
it again, and nothing has to be remembered of who was told what: the first piece of an artifact
replaces what a client has of it, others are appended, and the end has it whole. So the whole is
right whatever happened in between, a worker's death or a log that has lost something.

**Versions.** What the newest version says is made in one place, and said to clients of the older
one in their words (`versions.py`). Which version is meant, the method's name tells.
"""
