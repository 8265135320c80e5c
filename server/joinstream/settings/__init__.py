"""Everything that can be set from outside, by environment variable.

`model` is one pydantic model, put together of a module for each section: every variable with its
type, default and meaning; names are those of the official server where it has one, else they start
with `JOINSTREAM_`.
`loading` reads it at start-up and turns a bad or misspelt variable into one line; `page` writes
`docs/settings.md` from it. Nothing else in the server reads the environment.
"""

from joinstream.settings.http import CorsConfig, MountPrefix
from joinstream.settings.loading import load_settings
from joinstream.settings.model import Settings
from joinstream.settings.thread_ttl import ThreadTtlConfig

__all__ = ["CorsConfig", "MountPrefix", "Settings", "ThreadTtlConfig", "load_settings"]
