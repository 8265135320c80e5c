"""From `langgraph.json` and the settings to the serializer of all checkpoints."""

from typing import Any

from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph_sdk.encryption import Encryption
from pydantic import ValidationError

from joinstream.checkpoint.serializers import SerdeConfig, make_serializer
from joinstream.errors import StartupError
from joinstream.project import Project, load_object
from joinstream.settings import Settings


def checkpoint_serializer(settings: Settings, project: Project) -> SerializerProtocol:
    """Raises StartupError when an option or the key cannot be used."""
    key = settings.langgraph_aes_key
    return make_serializer(
        _serde_config((project.config.checkpointer or {}).get("serde") or {}),
        aes_key=key.get_secret_value().encode() if key else None,
        encryption=_encryption(project),
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


def _encryption(project: Project) -> Encryption | None:
    section = project.config.encryption
    if section is None:
        return None
    path = section.get("path")
    if not isinstance(path, str):
        raise StartupError("encryption: `path` is missing; write ./file.py:variable.")
    found = load_object(path, project.folder, "encryption")
    if not isinstance(found, Encryption):
        raise StartupError(
            f"encryption: {path} is {type(found).__name__}, not a langgraph_sdk.Encryption."
        )
    return found
