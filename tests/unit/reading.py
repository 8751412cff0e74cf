"""What the package's source reads and writes, found in its syntax trees (for ``test_declared``)."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

import greaterbay

PACKAGE = Path(greaterbay.__file__).parent


@cache
def trees() -> dict[str, ast.Module]:
    """Syntax tree of every module, by its path inside the package."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def functions(tree: ast.Module) -> list[ast.FunctionDef]:
    """All functions and methods of a module."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def group_of(node: ast.AST, names: dict[str, set[str]], groups: set[str]) -> set[str]:
    """Parameter groups that an expression can stand for: ``x.parameters.group`` or a name bound to one."""
    if isinstance(node, ast.Attribute) and node.attr in groups:
        inner = node.value
        if isinstance(inner, ast.Attribute) and inner.attr == "parameters":
            return {node.attr}
        if isinstance(inner, ast.Name) and ("*" in names.get(inner.id, set()) or inner.id == "parameters"):
            return {node.attr}
    if isinstance(node, ast.Attribute) and node.attr == "parameters":
        return {"*"}
    if isinstance(node, ast.Name):
        return names.get(node.id, set())
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "_replace":
        return group_of(node.func.value, names, groups)
    return set()


def parameters_read(groups: set[str]) -> set[str]:
    """Every ``group.name`` that some function reads, directly or through the arguments it is called with."""
    bound: dict[str, dict[str, set[str]]] = defaultdict(
        lambda: defaultdict(set)
    )  # function -> name -> groups
    # studies that call the model have functions of the same names
    known = {f.name: f for name, tree in trees().items() if not name.startswith(("calibration/", "validation/")) for f in functions(tree)}
    found: set[str] = set()
    for _ in range(4):  # arguments handed on through a few calls
        for tree in trees().values():
            for function in functions(tree):
                names = bound[function.name]
                for node in ast.walk(function):
                    if isinstance(node, ast.Assign):
                        for target in node.targets:
                            pairs = (
                                zip(target.elts, node.value.elts, strict=False)
                                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
                                else [(target, node.value)]
                            )
                            for left, right in pairs:
                                if isinstance(left, ast.Name):
                                    names[left.id] |= group_of(right, names, groups)
                    elif isinstance(node, ast.Call):
                        called = (
                            node.func.id
                            if isinstance(node.func, ast.Name)
                            else getattr(node.func, "attr", "")
                        )
                        if called in known:
                            arguments = [a.arg for a in known[called].args.args]
                            for argument, value in zip(arguments, node.args, strict=False):
                                bound[called][argument] |= group_of(value, names, groups)
                    elif isinstance(node, ast.Attribute):
                        for group in group_of(node.value, names, groups) - {"*"}:
                            found.add(f"{group}.{node.attr}")
    return found


def streams_drawn() -> set[str]:
    """Names of streams that stand as a text outside the declaration."""
    return {
        node.value
        for name, tree in trees().items()
        if name != "streams.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def fields_unread(kind: str) -> set[str]:
    """Fields of the named tuples called ``kind`` that nobody in their module reads as an attribute."""
    unread = set()
    for name, tree in trees().items():
        read = {
            n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Load)
        }
        for node in tree.body:
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Call)
                and isinstance(node.targets[0], ast.Name)
                and node.targets[0].id == kind
                and getattr(node.value.func, "id", "") == "namedtuple"
            ):
                unread |= {
                    f"{name}: {kind}.{field}"
                    for field in ast.literal_eval(node.value.args[1])
                    if field not in read
                }
    return unread


def attributes_read() -> set[str]:
    """Names that are read as attributes somewhere, other than to be written to.

    Not reads: ``x.name[...] = value``, ``x.name[...] += value``, ``np.add.at(x.name, ...)``, and reading
    ``x.name`` to compute its own new value.
    """
    reads: set[str] = set()
    for tree in trees().values():
        parents = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)):
                continue
            if not is_write(node, parents):
                reads.add(node.attr)
    return reads


def targets_of(statement: ast.AST) -> list[ast.AST]:
    """Single targets of an assignment."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return [one for target in targets for one in (target.elts if isinstance(target, ast.Tuple) else [target])]


def is_write(node: ast.Attribute, parents: dict) -> bool:
    """Does an attribute stand where it is only written, or read only for its own new value?"""
    parent = parents.get(node)
    if isinstance(parent, ast.Subscript) and parent.value is node and isinstance(parent.ctx, ast.Store):
        return True
    if (
        isinstance(parent, ast.Call)
        and parent.args
        and parent.args[0] is node
        and ast.unparse(parent.func) == "np.add.at"
    ):
        return True
    statement = node
    while statement in parents and not isinstance(statement, ast.stmt):
        statement = parents[statement]
    if isinstance(statement, (ast.Assign, ast.AugAssign)):
        for target in targets_of(statement):
            base = target.value if isinstance(target, ast.Subscript) else target
            if isinstance(base, ast.Attribute) and base.attr == node.attr:
                return True
    return False
