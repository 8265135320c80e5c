"""`http` of `langgraph.json`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from joinstream.http.header_selection import HeaderSelection
from joinstream.project import ProjectConfig, read_section
from joinstream.settings import CorsConfig, MountPrefix


class HttpConfig(BaseModel):
    """What a project says of its API. Read it with `http_config`.

    Of the switches, those for things that this server does not have are accepted and change
    nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    app: str | None = None
    mount_prefix: MountPrefix = ""
    cors: CorsConfig | None = None
    configurable_headers: HeaderSelection = HeaderSelection()
    logging_headers: HeaderSelection = HeaderSelection()
    enable_custom_route_auth: bool = False
    middleware_order: Literal["middleware_first", "auth_first"] = "middleware_first"
    disable_assistants: bool = False
    disable_threads: bool = False
    disable_runs: bool = False
    disable_store: bool = False
    disable_meta: bool = False
    disable_mcp: bool = False
    disable_a2a: bool = False
    disable_ui: bool = False
    disable_webhooks: bool = False
    disable_event_streaming: bool = False
    disable_openai: bool = False
    disable_langserve: bool = False


def http_config(project: ProjectConfig) -> HttpConfig:
    """Raises StartupError in one line that names the key at fault."""
    return read_section(HttpConfig, project.http, "http")
