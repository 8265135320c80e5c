"""From `langgraph.json` and the settings to what encrypts in this process."""

from dataclasses import dataclass

from langgraph_sdk.encryption import Encryption

from joinstream.encryption.aes import AesCipher
from joinstream.encryption.fields import FieldCipher
from joinstream.encryption.handlers import has_handlers
from joinstream.encryption.json_ciphers import AesJsonCipher, HandlerJsonCipher, JsonCipher
from joinstream.errors import StartupError
from joinstream.project import Project, load_object
from joinstream.settings import Settings


@dataclass(frozen=True, slots=True)
class Ciphers:
    """`fields` None: nothing is encrypted, and nothing can be decrypted."""

    aes: AesCipher | None
    handlers: Encryption | None
    fields: FieldCipher | None


def configured_ciphers(settings: Settings, project: Project) -> Ciphers:
    """Raises StartupError when the handlers or the key cannot be used."""
    aes = AesCipher(*_split(settings.aes_keys)) if settings.aes_keys else None
    handlers = _handlers(project)
    return Ciphers(aes, handlers, _fields(settings, aes, handlers))


def _split(keys: list[bytes]) -> tuple[bytes, list[bytes]]:
    return keys[0], keys[1:]


def _fields(
    settings: Settings, aes: AesCipher | None, handlers: Encryption | None
) -> FieldCipher | None:
    """The handlers encrypt, else AES; both decrypt. The key alone is for checkpoints."""
    if aes is None and handlers is None:
        return None
    keys = frozenset(settings.langgraph_aes_json_keys)
    by_handlers = (
        HandlerJsonCipher(handlers) if handlers and has_handlers(handlers, "json") else None
    )
    by_aes = AesJsonCipher(aes, keys) if aes else None
    reading: list[JsonCipher] = [cipher for cipher in (by_handlers, by_aes) if cipher is not None]
    writing: JsonCipher | None = by_handlers or (by_aes if keys else None)
    return FieldCipher(writing, {cipher.name: cipher for cipher in reading})


def _handlers(project: Project) -> Encryption | None:
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
    if not (has_handlers(found, "blob") or has_handlers(found, "json")):
        raise StartupError(
            f"encryption: {path} has no handlers: add @encryption.encrypt.json and "
            "@encryption.decrypt.json, or those for blobs, or both."
        )
    return found
