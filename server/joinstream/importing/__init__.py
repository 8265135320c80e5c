"""Moving in: threads and checkpoints from a database of `langgraph-checkpoint-postgres`.

::

    source ──reader──► checkpoints, oldest first ──copy──► our saver ──verify──► thread row
    (read only)        one snapshot a thread                one transaction a thread

- A thread is copied whole, in one transaction, and compared with its source before that commits:
  an import may be stopped at any moment, and what it has left is right.
- `imported_threads` says which version of a thread was copied. Started again, an import copies what
  is missing, copies anew what has changed in the source since, and leaves alone what has been used
  here since.
- Only the reader knows the source's tables. It opens read-only transactions.
- Values are read with the project's own classes and serializer; the thread's row gets what the
  graph itself says about its latest checkpoint. So an import needs the project.
"""

from joinstream.importing.importer import AT_A_TIME, Importer, Outcome, Report
from joinstream.importing.source import Source, open_source
from joinstream.importing.target import Target

__all__ = ["AT_A_TIME", "Importer", "Outcome", "Report", "Source", "Target", "open_source"]
