"""What may stand in the place of a node of Python's syntax: one small slip of a pen each."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
}
CALLED = {"min": "max", "any": "all", "minimum": "maximum", "fmin": "fmax", "argmin": "argmax", "zeros": "ones"}
CALLED |= {new: old for old, new in CALLED.items()}


def of_statement(node: ast.stmt | ast.ExceptHandler) -> Iterator[ast.AST]:
    """A call or an addition left out, a check that never fires, an error passed on, a loop that goes on."""
    if (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)) or isinstance(node, ast.AugAssign):
        yield ast.Pass()
    elif isinstance(node, ast.If) and ast.unparse(node.test) != "TYPE_CHECKING":
        yield ast.If(ast.Constant(False), node.body, node.orelse)
    elif isinstance(node, ast.ExceptHandler) and not isinstance(node.body[0], ast.Raise):
        yield ast.ExceptHandler(node.type, node.name, [ast.Raise()])
    elif isinstance(node, ast.Continue | ast.Break):
        yield ast.Break() if isinstance(node, ast.Continue) else ast.Continue()


def of_expression(node: ast.AST) -> Iterator[ast.AST]:
    """Another comparison, operation, operand, limit or constant."""
    match node:
        case ast.Compare(left, [op, *ops], values):
            yield ast.Compare(left, [COMPARED[type(op)](), *ops], values)
        case ast.BinOp(left, op, right) if type(op) in COMPUTED and not _is_text(left) and not _is_text(right):
            yield ast.BinOp(left, COMPUTED[type(op)](), right)
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            for left_out in values:
                kept = [value for value in values if value is not left_out]
                yield kept[0] if len(kept) == 1 else ast.BoolOp(op, kept)
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield operand
        case ast.IfExp(_, body, orelse):
            yield body
            yield orelse
        case ast.Constant(value) if isinstance(value, bool | int | float):
            yield ast.Constant(_other(value))
        case ast.Call():
            yield from _of_call(node)
        case ast.comprehension(target, values, [*ifs], is_async) if ifs:
            yield ast.comprehension(target, values, [], is_async)


def _of_call(node: ast.Call) -> Iterator[ast.AST]:
    match node.func:
        case ast.Name(name) if name in CALLED and name in ("min", "max", "any", "all"):
            yield ast.Call(ast.Name(CALLED[name], ast.Load()), node.args, node.keywords)
        case ast.Attribute(value, name, context) if name in CALLED:
            yield ast.Call(ast.Attribute(value, CALLED[name], context), node.args, node.keywords)
        case ast.Attribute(value, "clip", context) if len(node.args) == 3:
            values, low, high = node.args
            yield ast.Call(ast.Attribute(value, "maximum", context), [values, low], [])
            yield ast.Call(ast.Attribute(value, "minimum", context), [values, high], [])


def _other(value: float) -> float:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else 2 * value or 1.0


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
