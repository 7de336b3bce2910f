"""The questions of docs/sql-cookbook.md, and their answers: ``python -m local.cookbook docs/sql-cookbook.md``.

The page is the source: a heading asks, the SQL below it answers, and this writes beneath what the warehouse says.
"""

from __future__ import annotations

import hashlib
import io
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from brain.display import PlainConsole, show_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from brain.warehouse.read import Answer

QUESTION = re.compile(
    r"^### (?P<title>.+?)\n(?P<note>.*?)^```sql\n(?P<sql>.+?)\n```\n(?:\n```\n(?P<answer>.+?)\n```\n)?", re.M | re.S
)
SEAL = re.compile(r"\n<!-- Answers by `make cookbook` to the questions [0-9a-f]+ -->\n")
WIDTH = 120


@dataclass(frozen=True)
class Question:
    """A question of the cookbook.

    Args:
        title: As a person asks it.
        answer: As the page shows it; empty where it shows none.
    """

    title: str
    note: str
    sql: str
    answer: str = ""


def questions(page: str) -> list[Question]:
    """The questions of the page, in order."""
    found = QUESTION.finditer(page)
    return [Question(one["title"], one["note"].strip(), one["sql"], one["answer"] or "") for one in found]


def seal(asked: Sequence[Question]) -> str:
    """A line that tells which questions the answers of a page belong to."""
    digest = hashlib.sha256("\n".join(one.sql for one in asked).encode()).hexdigest()
    return f"\n<!-- Answers by `make cookbook` to the questions {digest[:16]} -->\n"


def answered(page: str, ask: Callable[[str], Answer]) -> str:
    """The page with the answers that `ask` gives.

    Raises:
        QueryRefused: A question cannot be asked.
    """

    def write(found: re.Match[str]) -> str:
        told = found["sql"]
        head = f"### {found['title']}\n{found['note']}```sql\n{told}\n```\n"
        return f"{head}\n```\n{shown(ask(told))}\n```\n"

    return SEAL.sub("", QUESTION.sub(write, page)).rstrip("\n") + "\n" + seal(questions(page))


def shown(answer: Answer) -> str:
    """An answer as `brain sql` prints it."""
    text = io.StringIO()
    show_answer(PlainConsole(file=text, width=WIDTH), answer)
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    return "\n".join(line for line in lines if line)


if __name__ == "__main__":
    from brain.core.settings import Settings
    from brain.warehouse.read import ask, reader_url

    url = reader_url(Settings.load())
    place = Path(sys.argv[1])
    place.write_text(answered(place.read_text(encoding="utf-8"), lambda query: ask(url, query)), encoding="utf-8")
