"""Imports point one way: from the command line down to what is declared, without a circle."""

from __future__ import annotations

import ast

import pytest

from greaterbay.locations import PACKAGE

# from the bottom to the top; a module belongs to the longest name that fits, and imports from its own layer and below
LAYERS = (
    ("tools", ("checked", "clock", "digits", "kernels", "locations")),
    ("declared", ("state", "outputs", "parameters", "streams", "ledger", "record", "mechanisms", "timeline", "region", "evidence",
                  "policy.catalogue", "policy.named_values", "policy.terms")),
    ("scenario", ("scenario",)),
    ("actors", ("actors", "counts", "measures")),
    ("exchange", ("exchange", "policy")),
    ("model", ("books", "build", "warm_up", "branch", "bay", "warm")),
    ("runner", ("runner",)),
    ("made of runs", ("comparison", "calibration", "sensitivity", "validation", "plots")),
    ("command line", ("cli", "odd_tables")),
)


def module_files() -> dict:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def graph() -> dict[str, set[str]]:
    """Modules of the package and what they import from it, at any place but for type checkers."""
    files, found = module_files(), {}
    for name, path in files.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        skipped = {id(node) for one in ast.walk(tree) if isinstance(one, ast.If) and getattr(one.test, "id", "") == "TYPE_CHECKING"
                   for node in ast.walk(one)}
        imported = set()
        for node in ast.walk(tree):
            if id(node) in skipped or not isinstance(node, (ast.Import, ast.ImportFrom)):
                continue
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "greaterbay":
                home = node.module.removeprefix("greaterbay").lstrip(".")
                imported |= {part if (part := f"{home}.{alias.name}".lstrip(".")) in files else home for alias in node.names}
            elif isinstance(node, ast.Import):
                imported |= {alias.name.removeprefix("greaterbay.") for alias in node.names if alias.name.startswith("greaterbay.")}
        found[name] = {one for one in imported if one in files and one not in ("", name)}
    return found


def layer(name: str) -> int:
    fits = [(len(prefix), at) for at, (_, prefixes) in enumerate(LAYERS) for prefix in prefixes
            if name == prefix or name.startswith(f"{prefix}.")]
    assert fits, f"{name} belongs to no layer"
    return max(fits)[1]


@pytest.fixture(scope="module")
def imports():
    return graph()


def test_imports_point_down(imports):
    upward = [f"{name} imports {other}" for name, others in imports.items() if name for other in others if layer(other) > layer(name)]
    assert upward == []
    assert sum(map(len, imports.values())) > 400


def test_there_is_no_circle(imports):
    left = {name: set(others) for name, others in imports.items()}
    while free := [name for name, others in left.items() if not others & left.keys()]:
        for name in free:
            del left[name]
    assert left == {}, "these modules import each other in a circle"


def test_the_quarter_knows_no_file_picture_or_scenario(imports):
    for name, others in imports.items():
        if name.startswith("exchange."):
            assert not [other for other in others if other.split(".")[0] in ("scenario", "plots", "runner", "cli", "evidence")], name
