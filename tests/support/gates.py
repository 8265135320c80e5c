"""How fast a gated essay is written (tests/support/project/gated.py)."""

import re
from pathlib import Path
from uuid import uuid4

from langchain_core.messages import HumanMessage

from graphs.essay import Essayist
from tests.support.project.gated import READING

_EVERYTHING = 1_000_000


class Essay:
    """One essay, on a topic of its own. At first nothing of it may happen."""

    def __init__(self, gates: Path) -> None:
        self.topic = f"the sea {uuid4().hex[:6]}"
        self._gate = gates / self.topic
        self.text = Essayist().reply([HumanMessage(self.topic)]).text
        self.words = re.findall(r"\S+\s*", self.text)

    def begin_reading(self) -> None:
        self._allow(1)

    def allow_words(self, count: int) -> str:
        """Let so many words be written, and no more. Returns what then stands there."""
        self._allow(READING + count)
        return "".join(self.words[:count])

    def let_it_be_finished(self) -> None:
        self._allow(_EVERYTHING)

    def _allow(self, steps: int) -> None:
        new = self._gate.with_suffix(".new")
        new.write_text(str(steps))
        new.replace(self._gate)
