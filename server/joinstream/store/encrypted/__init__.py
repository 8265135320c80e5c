"""The stores, for when fields are encrypted: each seals what it writes and opens what it reads.

They are subclasses, so that there is nothing of them in a process that encrypts nothing. What
cannot be opened is an error where somebody asked for it. Where nobody does, in the queue, the
outbox and the scheduler, it must not hold up the others: there it becomes the end of that run, that
delivery or that firing, once a failing handler has had its chances.
"""
