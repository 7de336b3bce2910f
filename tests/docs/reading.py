"""What the docs tests read: every text of the repository, and the commands quoted in it."""

from __future__ import annotations

import ast
import io
import re
import shlex
import subprocess
import tokenize
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
NOT_READ = ("tests/docs/", "benchmarks/results/", "requirements.txt", "LICENSE")
READ = (
    ".md",
    ".py",
    ".yaml",
    ".toml",
    ".sql",
    ".sh",
    "Makefile",
    "Dockerfile",
    ".env.example",
    ".ci/run",
    "scripts/setup",
)


@dataclass(frozen=True)
class Quoted:
    """A command, and where it is quoted."""

    path: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.path}: {' '.join(self.words)}"


@cache
def files() -> tuple[str, ...]:
    """Every file of the repository that people read, by its path from the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    there = (path for path in listed if path.endswith(READ) and not path.startswith(NOT_READ))
    return tuple(sorted(path for path in there if (ROOT / path).is_file()))


def documents() -> tuple[str, ...]:
    return tuple(path for path in files() if path.endswith(".md"))


@cache
def prose(path: str) -> str:
    """The text of a file; of Python only strings and comments, with ``{name}`` where an f-string puts a value."""
    text = (ROOT / path).read_text()
    return "\n".join(_python_prose(text)) if path.endswith(".py") else text


def _python_prose(text: str) -> Iterator[str]:
    tree = ast.parse(text)
    formatted = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    pieces = {id(part) for node in formatted for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in pieces:
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(_part(part) for part in node.values)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def _part(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    return "{" + (ast.unparse(node.value).split(".")[-1] if isinstance(node, ast.FormattedValue) else "") + "}"


def quoted(program: str) -> list[Quoted]:
    """Every command of `program` that stands in backticks, after a prompt, or by itself in what is printed."""
    before = r"(?:(?:\.venv/bin/|docker compose run --rm )?)"
    patterns = (
        rf"`{before}{program}((?: [^`]+)?)`",  # in a sentence
        rf"^\$ {before}{program}\b(.*(?:\n(?!\$ ).*)*)",  # in a console block, as far as its quotes reach
        rf"^ *(?:# |RUN |@)?{before}{program} ([a-z].*)$",  # a line of its own
        rf" {{3}}{program} ([a-z].*?)(?= {{2}}|$)",  # a line that is printed
    )
    found = {
        Quoted(path, tuple(_words(match)))
        for path in files()
        for number, pattern in enumerate(patterns)
        if not (number == 2 and path.endswith((".md", ".py")))
        for match in re.findall(pattern, prose(path), re.M)
    }
    return sorted((quote for quote in found if quote.words), key=str)


def _words(text: str) -> list[str]:
    """The words of the command at the beginning of `text`: its first line, or more where a quote spans lines."""
    lines = text.split("\n")
    for count in range(1, len(lines) + 1):
        try:
            words = shlex.split("\n".join(lines[:count]).split("  #")[0])
        except ValueError:
            continue
        ends = [place for place, word in enumerate(words) if word in ("&&", "||", "|", ";", ">", "#")]
        return words[: ends[0]] if ends else words
    raise AssertionError(f"{text!r} is no command: its quotes are not closed")
