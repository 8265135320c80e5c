"""`joinstream encryption`: what operators do about keys."""

import asyncio
from pathlib import Path

from joinstream.cli.operators import operator_pool, operator_settings
from joinstream.encryption.aes import AesCipher
from joinstream.encryption.configured import configured_ciphers
from joinstream.errors import StartupError
from joinstream.project import load_project
from joinstream.settings import Settings
from joinstream.store.encrypted.rotation import Rotation


def run_rotate(config: Path) -> int:
    """Encrypt with LANGGRAPH_AES_KEY what another key has encrypted, and print how it goes.

    Returns the exit code: 1 when there is something that no key fits. Raises StartupError.
    """
    settings = operator_settings(config)
    return asyncio.run(_rotate(settings, _aes(config, settings)))


def _aes(config: Path, settings: Settings) -> AesCipher:
    if config.exists() and configured_ciphers(settings, load_project(config)).handlers:
        raise StartupError(
            "encryption: the project's handlers encrypt, and their keys are their own affair: "
            "let them try the former key too."
        )
    if not settings.aes_keys:
        raise StartupError(
            "Set LANGGRAPH_AES_KEY to the new key, and LANGGRAPH_AES_FALLBACK_KEYS to the former."
        )
    newest, *former = settings.aes_keys
    return AesCipher(newest, former)


async def _rotate(settings: Settings, aes: AesCipher) -> int:
    renewed = lost = 0
    async with operator_pool(settings, "encryption") as pool:
        rotation = Rotation(pool, aes)
        for table, columns in (await rotation.tables()).items():
            async for step in rotation.renew(table, columns):
                renewed, lost = renewed + step.renewed, lost + step.lost
                if step.renewed or step.lost:
                    place = f"block {step.blocks:,} of {step.of_blocks:,}"
                    print(f"{table}, {place}: {step.renewed:,} rows encrypted anew", flush=True)
        if not renewed and not lost:
            await rotation.renew_proof()
    print(_summary(renewed, lost))
    return 1 if lost else 0


def _summary(renewed: int, lost: int) -> str:
    if lost:
        return (
            f"{lost:,} rows are encrypted with none of the keys: name theirs in "
            "LANGGRAPH_AES_FALLBACK_KEYS, too."
        )
    if renewed:
        return f"{renewed:,} rows were encrypted anew. Run it again, until nothing is left."
    return "Nothing needs a former key: LANGGRAPH_AES_FALLBACK_KEYS can go."
