"""Reads the documentation: its pages, their fenced blocks, headings and links."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "sdk" / "README.md"]

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r'title="([^"]+)"')
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_PATH = re.compile(r"`((?:server|sdk|graphs|examples|migrations|tests|docs|benchmarks)/[\w/.-]+)`")
_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


_TABLE = re.compile(r"(?:^\|.*\|\n)+", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")

Row = dict[str, str]
"""The cells of a table's row by the names of its columns."""


@dataclass(frozen=True)
class Block:
    """A fenced block. `title` is the file it is to be saved as, if it is one."""

    page: Path
    line: int
    language: str
    title: str | None
    text: str

    @property
    def name(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> list[Block]:
    source = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(source):
        language, _, rest = match["info"].partition(" ")
        title = _TITLE.search(rest)
        line = source.count("\n", 0, match.start()) + 1
        found.append(Block(page, line, language, title and title[1], match["text"]))
    return found


def commands(block: Block) -> list[str]:
    """The commands of a shell block, continued lines joined, comments dropped."""
    joined = block.text.replace("\\\n", " ")
    lines = [re.sub(r"(^|\s)#.*$", "", line).strip() for line in joined.splitlines()]
    return [line for line in lines if line]


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def rows(page: Path, *columns: str) -> list[Row]:
    """The rows of all tables that begin with these columns."""
    found = []
    for table in _TABLE.findall(prose(page)):
        head, _, *body = [
            [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()
        ]
        if head[: len(columns)] == list(columns):
            found += [dict(zip(head, cells, strict=True)) for cells in body]
    return found


def names_in(cell: str) -> list[str]:
    """What stands between backticks."""
    return _CODE.findall(cell)


def links(page: Path) -> list[str]:
    return _LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """The fragments that headings of the page can be linked by."""
    headings = _HEADING.findall(prose(page))
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


def named_tests(page: Path) -> list[tuple[str, str]]:
    """Every test the page names, as (file, function or "")."""
    return _TEST.findall(prose(page))


def named_paths(page: Path) -> list[str]:
    """Every file and folder of the repository that the page names from its top."""
    return _PATH.findall(prose(page))
