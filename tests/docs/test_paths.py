"""Every path, module, link and anchor that a text names is there."""

from __future__ import annotations

import pkgutil
import re

import pytest

from tests.docs.leftovers import PATHS_TO_COME
from tests.docs.reading import ROOT, documents, files, prose

FOLDERS = ("docs", "include", "dags", "tests", "benchmarks", "deploy", "scripts", "plugins")
BASES = ("", "include", "include/brain", "docs", "tests", "benchmarks/results")
NAMED = re.compile(
    rf"(?<![\w./:*{{-])((?:{'|'.join(FOLDERS)})/[\w{{}}./*-]*[\w/]|[\w-]+(?:/[\w-]+)+\.(?:py|md|svg|sql)|[\w-]+\.md)(?![\w*])"
)
MODULE = re.compile(r"`(?:from )?((?:brain|local|orchestration|benchmarks)(?:\.[a-zA-Z_]\w*)+)`")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def is_there(path: str, named: str) -> bool:
    """Whether `named` exists: from the root, from the file that names it, or in one of the rooms."""
    if "{" in named or "*" in named or "NAME" in named:
        return True
    places = [ROOT / path.rpartition("/")[0], *(ROOT / base for base in BASES)]
    return any((place / named).exists() for place in places)


def missing(path: str) -> set[str]:
    text = re.sub(r"\w+://\S+", "", prose(path))
    return {named for named in NAMED.findall(text) if not is_there(path, named)}


@pytest.mark.parametrize("path", files())
def test_every_path_that_a_text_names_exists(path: str) -> None:
    assert missing(path) - PATHS_TO_COME == set(), f"{path} names what is not there"


def test_what_is_said_to_come_has_not_come_yet() -> None:
    assert set().union(*map(missing, files())) >= PATHS_TO_COME, "take it out of tests/docs/leftovers.py"


@pytest.mark.parametrize("path", documents())
def test_every_module_that_a_doc_names_can_be_imported(path: str) -> None:
    for name in MODULE.findall(prose(path)):
        assert can_be_imported(name), f"{path} names {name}"


def can_be_imported(name: str) -> bool:
    """Whether `name` is a module, or an attribute of one."""
    try:
        return bool(pkgutil.resolve_name(name))
    except (ImportError, AttributeError):
        return False


def headings(path: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", prose(path), flags=re.M | re.S)
    plain = (re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", line) for line in re.findall(r"^#+ (.+)$", text, re.M))
    return {re.sub(r"[^\w\- ]", "", line.lower()).strip().replace(" ", "-") for line in plain}


@pytest.mark.parametrize("path", documents())
def test_every_link_of_a_doc_leads_somewhere(path: str) -> None:
    for link in LINK.findall(re.sub(r"^```.*?^```", "", prose(path), flags=re.M | re.S)):
        if re.match(r"\w+:", link):
            continue
        named, _, anchor = link.partition("#")
        target = ROOT / path.rpartition("/")[0] / named if named else ROOT / path
        assert target.exists(), f"{path} links to {link}"
        if anchor:
            assert anchor in headings(str(target.resolve().relative_to(ROOT))), f"{path} links to {link}"


@pytest.mark.parametrize("path", documents())
def test_every_picture_drawn_in_a_doc_has_arrows(path: str) -> None:
    for drawing in re.findall(r"^```mermaid\n(.*?)^```", prose(path), re.M | re.S):
        kind, *lines = drawing.strip().splitlines()
        assert kind.split()[0] in ("flowchart", "sequenceDiagram", "stateDiagram-v2", "erDiagram"), kind
        assert any("->" in line or "--" in line for line in lines)


def test_no_code_block_is_left_open() -> None:
    assert [path for path in documents() if len(re.findall(r"^\s*```", prose(path), re.M)) % 2] == []
