"""The HTTP server, and what browsers may do."""

import json
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, field_validator
from pydantic_settings import NoDecode

from joinstream.settings.section import Section, variable

MIB = 1024 * 1024
_PREFIX_SEGMENT = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._~-]+")


def _is_a_path(prefix: str) -> str:
    whole = all(_PREFIX_SEGMENT.fullmatch(segment) for segment in prefix[1:].split("/"))
    if prefix and (not prefix.startswith("/") or not whole or prefix == "/noauth"):
        raise ValueError(
            "must start with / and not end with it, have only letters, digits and -._~ between "
            "slashes, and not be /noauth"
        )
    return prefix


MountPrefix = Annotated[str, AfterValidator(_is_a_path)]
"""A path that can be put before all others, or nothing."""


def _is_an_expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return text


class CorsConfig(BaseModel):
    """What browsers on other origins may do; the shape of `http.cors` in `langgraph.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    allow_origins: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ("*",)
    allow_headers: tuple[str, ...] = ("*",)
    allow_credentials: bool = False
    allow_origin_regex: Annotated[str, AfterValidator(_is_an_expression)] | None = None
    expose_headers: tuple[str, ...] = ()
    max_age: int = 600

    def matches(self, origin: str) -> bool:
        """Whether the expression allows the origin."""
        expression = self.allow_origin_regex
        return expression is not None and re.fullmatch(expression, origin) is not None


class Http(Section):
    """The API's door."""

    port: Annotated[int, Field(ge=0, le=65535)] | None = variable(
        "PORT",
        default=None,
        description="""Port of the API unless `--port` is given; 0 picks a free one. Unset: 2024 for
        `dev`, 8000 for `serve`.""",
    )
    worker_port: Annotated[int, Field(ge=0, le=65535)] | None = variable(
        "JOINSTREAM_WORKER_PORT",
        default=None,
        description="""Port at which a `joinstream worker` answers `/ok` and `/metrics` unless
        `--port` is given; 0 picks a free one. Unset: it does not listen.""",
    )
    mount_prefix: MountPrefix = variable(
        "MOUNT_PREFIX",
        "LANGGRAPH_MOUNT_PREFIX",
        default="",
        description="""Path under which the API lies, such as `/agents`; replaces
        `http.mount_prefix` of `langgraph.json`.""",
    )
    http_max_request_body_bytes: PositiveInt = variable(
        "HTTP_MAX_REQUEST_BODY_BYTES",
        default=300 * MIB,
        description="Largest request body; more is refused with 413.",
    )
    cors_allow_origins: Annotated[tuple[str, ...], NoDecode] = variable(
        "CORS_ALLOW_ORIGINS",
        default=("*",),
        description="""Origins whose pages may call the API, separated by commas; unless `*` is one
        of them, with credentials.""",
    )
    cors_config: Annotated[CorsConfig | None, NoDecode] = variable(
        "CORS_CONFIG",
        default=None,
        description="""JSON object with the fields of `http.cors` in `langgraph.json`; replaces
        that and CORS_ALLOW_ORIGINS.""",
    )
    allow_private_network: bool = variable(
        "ALLOW_PRIVATE_NETWORK",
        default=False,
        description="""Whether browsers may let pages of the public web call the API when it lies in
        a private network. Unset, `dev` lets them.""",
    )

    default_a2a_assistant_id: str | None = variable(
        "DEFAULT_A2A_ASSISTANT_ID",
        default=None,
        description="""The assistant, or graph, whose card is at `/.well-known/agent-card.json` for
        those who name none. Unset, the only graph there is.""",
    )

    @field_validator("cors_allow_origins", mode="before")
    @classmethod
    def _split_at_commas(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(origin.strip() for origin in value.split(",") if origin.strip())

    @field_validator("cors_config", mode="before")
    @classmethod
    def _parse_json(cls, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value

    @property
    def cors(self) -> CorsConfig:
        """What browsers are told, unless somebody else tells them."""
        origins = self.cors_allow_origins
        return self.cors_config or CorsConfig(
            allow_origins=origins, allow_credentials="*" not in origins
        )

    @property
    def cors_is_chosen(self) -> bool:
        """Whether it is more than the default."""
        return not self.model_fields_set.isdisjoint({"cors_config", "cors_allow_origins"})
