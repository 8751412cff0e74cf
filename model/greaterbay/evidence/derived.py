"""Values worked out from figures: each carries its formula and can be computed again."""

from __future__ import annotations

import ast
import math
import operator
import re
import tomllib

from greaterbay.evidence import references
from greaterbay.locations import shipped_folder

OPERATORS = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv, ast.Pow: operator.pow,
    ast.USub: operator.neg,
}
FUNCTIONS = {"log": math.log, "exp": math.exp, "sqrt": math.sqrt, "sum": sum}
_FIGURE = re.compile(r"figure:([A-Za-z0-9_]+)")


def table() -> dict[str, dict]:
    """All derived values by id."""
    with open(shipped_folder("calibration") / "derived.toml", encoding="utf-8") as file:
        return tomllib.loads(file.read())


def compute(formula: str):
    """Value of a formula over figures. Raises ValueError for unknown figures and anything that is not arithmetic."""
    names: dict[str, object] = {}

    def known(match: re.Match) -> str:
        record = references.resolve(f"figure:{match[1]}")
        if record is None:
            raise ValueError(f"unknown figure:{match[1]} in {formula!r}")
        names[f"figure_{match[1]}"] = record.value
        return f"figure_{match[1]}"

    return _value(ast.parse(_FIGURE.sub(known, formula), mode="eval").body, names, formula)


def _value(node: ast.expr, names: dict[str, object], formula: str):
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return node.value
    if isinstance(node, ast.Name) and node.id in names:
        return names[node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](_value(node.left, names, formula), _value(node.right, names, formula))
    if isinstance(node, ast.UnaryOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](_value(node.operand, names, formula))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS and len(node.args) == 1:
        return FUNCTIONS[node.func.id](_value(node.args[0], names, formula))
    raise ValueError(f"{ast.unparse(node)} in {formula!r} is not arithmetic over figures")
