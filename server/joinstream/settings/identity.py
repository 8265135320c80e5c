"""Who may call."""

from pydantic import SecretStr

from joinstream.settings.section import Section, variable


class Identity(Section):
    """Who may use the API. Without keys, and without `auth.path` in `langgraph.json`, everybody."""

    api_keys: SecretStr | None = variable(
        "JOINSTREAM_API_KEYS",
        default=None,
        description="""Keys that the API asks for, as `name:key` or just the key, separated by
        commas. All of them see the same data; for more than that, write auth handlers.""",
    )
    auth_default_allow: bool = variable(
        "JOINSTREAM_AUTH_DEFAULT_ALLOW",
        default=False,
        description="""Whether an action that no auth handler is for is allowed, as on the official
        server, instead of denied.""",
    )
