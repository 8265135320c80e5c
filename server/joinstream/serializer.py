"""From `langgraph.json` and what encrypts to the serializer of all checkpoints."""

from typing import Any

from langgraph.checkpoint.serde.base import SerializerProtocol
from pydantic import ValidationError

from joinstream.checkpoint.serializers import SerdeConfig, make_serializer
from joinstream.encryption.configured import Ciphers
from joinstream.errors import StartupError
from joinstream.project import Project


def checkpoint_serializer(project: Project, ciphers: Ciphers) -> SerializerProtocol:
    """Raises StartupError when an option cannot be used."""
    return make_serializer(
        _serde_config((project.config.checkpointer or {}).get("serde") or {}),
        aes=ciphers.aes,
        encryption=ciphers.handlers,
    )


def _serde_config(given: Any) -> SerdeConfig:
    try:
        return SerdeConfig.model_validate(given)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        option = problem["loc"][:1]
        where = ".".join(str(part) for part in ("checkpointer.serde", *option))
        if not option or problem["type"] == "extra_forbidden":
            known = ", ".join(SerdeConfig.model_fields)
            raise StartupError(f"{where}: there is no such option; use {known}.") from error
        wanted = "true or false"
        if option[0] != "pickle_fallback":
            wanted = 'true, null, or a list of names such as ["my_package.models", "Order"]'
        raise StartupError(f"{where}: must be {wanted}.") from error
