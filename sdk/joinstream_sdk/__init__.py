"""The official LangGraph client, pointed at joinstream, and what it lacks.

- `get_client`, `get_sync_client`: the official clients. Everything they can do, they do here.
- `follow`: a run from wherever one comes in, over cut connections and restarts, to its end.
- `local`, `local_sync`: a server inside this process, for scripts and tests.
- `tailing.tail`: a run on the terminal; what `joinstream tail` does.

It needs `langgraph-sdk` alone. `tailing` also needs rich (`joinstream-sdk[tail]`), and `local` the
server (`joinstream[embedded]`), which it imports when it is used.
"""

from joinstream_sdk.client import get_client, get_sync_client
from joinstream_sdk.embedded import local, local_sync
from joinstream_sdk.following import FROM_THE_START, follow

__all__ = ["FROM_THE_START", "follow", "get_client", "get_sync_client", "local", "local_sync"]
