"""The file to which nodes of test graphs write when they start."""

from pathlib import Path

from tests.support.waiting import eventually


async def appears(journal: Path, text: str) -> None:
    """Wait until the text is in the journal."""

    async def is_there() -> bool:
        return journal.exists() and text in journal.read_text()

    await eventually(is_there)
