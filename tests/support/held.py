"""A word, and then no more until a test lets it go on (tests/support/project/speaker.py)."""

from pathlib import Path
from typing import Any

TEXT = "once upon a time"


class Held:
    """What the graph is told to say: its first word, and the rest when it may go on."""

    def __init__(self, folder: Path, name: str, text: str = TEXT) -> None:
        self._text, self._gate = folder / f"{name}.text", folder / f"{name}.gate"
        self._text.write_text(text)

    @property
    def what(self) -> dict[str, Any]:
        """The order for the graph."""
        return {"from": str(self._text), "until": str(self._gate)}

    def go_on(self, text: str = TEXT) -> None:
        """Who begins only now says this text from its start."""
        self._text.write_text(text)
        self._gate.touch()
