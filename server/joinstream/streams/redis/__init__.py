"""The stream path over Redis: one log per thread, one pub/sub connection per process.

`connection.py` opens Redis, whatever its topology. `log.py` is the `EventLog` over three scripts.
`pubsub.py` keeps the process's single subscribing connection alive; `hub.py` (events) and
`signals.py` (nudges) share it.
"""

from joinstream.streams.redis.connection import RedisConnections
from joinstream.streams.redis.hub import RedisEventHub
from joinstream.streams.redis.log import RedisEventLog
from joinstream.streams.redis.pubsub import RedisPubSub
from joinstream.streams.redis.signals import RedisSignals

__all__ = ["RedisConnections", "RedisEventHub", "RedisEventLog", "RedisPubSub", "RedisSignals"]
