"""The small mutations of a module: what each changes, and the code object with the change made."""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.mutating.operators import of_expression, of_statement

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import CodeType

MODULE_LEVEL = "(module)"
ERRORS = ("Error", "Rejected", "Unavailable", "Refused")


@dataclass(frozen=True)
class Mutation:
    """One small change of a module.

    Args:
        module: Dotted name.
        function: Qualified name within the module; `MODULE_LEVEL` outside of functions.
        line: The source line that the changed node begins on, without indentation.
        change: ``old -> new``, as Python unparses them, numbered from the second time on.
        place: First and last line number of the node: which tests run it.
        number: Counts the mutations of the module.
    """

    module: str
    function: str
    line: str
    change: str
    place: tuple[int, int] = field(compare=False)
    number: int = field(compare=False)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What names it, whatever stands above it in the file."""
        return self.module, self.function, self.line, self.change

    @property
    def rank(self) -> str:
        """A random place in an order that stays when other code changes."""
        return hashlib.sha256(repr(self.key).encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.module} {self.function}: `{self.line}`: {self.change}"


@dataclass(frozen=True)
class _Site:
    """A node, what may stand in its place, and where it is."""

    node: ast.AST
    replacement: ast.AST
    function: str


def mutations(module: str, path: Path) -> list[Mutation]:
    """All mutations of a module, in the order of its source."""
    source = path.read_text()
    lines, seen = source.splitlines(), Counter[tuple[str, str, str]]()
    found = []
    for number, site in enumerate(_sites(ast.parse(source))):
        first, last = _place(site.node)
        line, change = lines[first - 1].strip(), f"{_told(site.node)} -> {_told(site.replacement)}"
        seen[site.function, line, change] += 1
        again = seen[site.function, line, change]
        change += f" #{again}" if again > 1 else ""
        found.append(Mutation(module, site.function, line, change, (first, last), number))
    return found


def mutated(mutation: Mutation, path: Path) -> CodeType:
    """The module's code with this one change."""
    tree = ast.parse(path.read_text())
    site = next(site for number, site in enumerate(_sites(tree)) if number == mutation.number)
    _Replacing(site).visit(tree)
    return compile(ast.fix_missing_locations(tree), str(path), "exec")


class _Replacing(ast.NodeTransformer):
    def __init__(self, site: _Site) -> None:
        self._site = site

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self._site.node:
            return ast.copy_location(self._site.replacement, node)
        return super().generic_visit(node)


def _sites(node: ast.AST, function: str = MODULE_LEVEL, within: str = "") -> Iterator[_Site]:
    """Every place below `node` that a mutation changes.

    Annotations, decorators, docstrings and what is told to people are left alone.
    """
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        if _makes_an_error(node):
            return
        function = within = f"{within}.{node.name}".lstrip(".")
    elif isinstance(node, ast.ClassDef):
        within = f"{within}.{node.name}".lstrip(".")
    replacements = of_statement(node) if isinstance(node, ast.stmt | ast.ExceptHandler) else of_expression(node)
    for replacement in replacements:
        yield _Site(node, replacement, function)
    for child in _children(node):
        yield from _sites(child, function, within)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Raise | ast.JoinedStr):
        return
    told: set[int] = set()
    for name in ("annotation", "returns", "decorator_list", "bases", "keywords", "type_params"):
        if name == "keywords" and not isinstance(node, ast.ClassDef):
            continue
        value = getattr(node, name, None)
        told.update(id(one) for one in (value if isinstance(value, list) else [value]))
    for child in ast.iter_child_nodes(node):
        if id(child) not in told and not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
            yield child


def _makes_an_error(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return isinstance(node.returns, ast.Name) and node.returns.id.endswith(ERRORS)


def _place(node: ast.AST) -> tuple[int, int]:
    """Lines of a node; of a statement with a body, those of its head."""
    first = last = node
    if isinstance(node, ast.If):
        first = last = node.test
    elif isinstance(node, ast.ExceptHandler):
        first = last = node.body[0]
    elif isinstance(node, ast.comprehension):
        first, last = node.target, node.ifs[-1]
    assert isinstance(first, ast.stmt | ast.expr)
    assert isinstance(last, ast.stmt | ast.expr)
    return first.lineno, last.end_lineno or last.lineno


def _told(node: ast.AST) -> str:
    if isinstance(node, ast.If):
        return f"if {ast.unparse(node.test)}"
    if isinstance(node, ast.ExceptHandler):
        return f"except: {ast.unparse(node.body[0])}".splitlines()[0]
    return " ".join(ast.unparse(node).split())
