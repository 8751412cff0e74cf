"""The notebooks run from top to bottom as they stand, and are kept without outputs."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest

from greaterbay.locations import PACKAGE

FOLDER = PACKAGE.parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SECONDS = 600  # for a machine that compiles the kernels first

if not NOTEBOOKS:
    pytest.skip("an installed package has no notebooks beside it", allow_module_level=True)

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@each
def test_outputs_are_stripped(path: Path):
    book = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert code and [cell["outputs"] for cell in code] == [[]] * len(code)
    assert [cell["execution_count"] for cell in code] == [None] * len(code)
    # neither do versions and machines of whoever ran it last
    assert book["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert all(cell["metadata"] == {} for cell in book["cells"])


@each
def test_is_short_and_speaks_both_languages(path: Path):
    book = json.loads(path.read_text(encoding="utf-8"))
    assert 8 <= len(book["cells"]) <= 12
    words = "".join("".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "markdown")
    assert any("\u4e00" <= letter <= "\u9fff" for letter in words)


@each
def test_runs_from_top_to_bottom(path: Path, tmp_path: Path, monkeypatch):
    with warnings.catch_warnings():  # of the notebook machinery, none of ours
        warnings.simplefilter("ignore")
        import nbformat
        from nbclient import NotebookClient

        # whatever the notebook and its kernel write goes here; the kernel's own settings too
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
        monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "matplotlib"))
        book = nbformat.read(path, as_version=4)
        nbformat.validate(book)
        before = sorted(FOLDER.rglob("*"))
        client = NotebookClient(
            book, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
        )
        client.execute()
    assert sorted(FOLDER.rglob("*")) == before, "the notebook left files in its folder"
    kinds = {kind for cell in book.cells for out in cell.get("outputs", ()) for kind in out.get("data", {})}
    assert "image/png" in kinds and "text/html" in kinds
    said = [out for cell in book.cells for out in cell.get("outputs", ()) if out.get("name") == "stderr"]
    assert said == []
    assert not list(tmp_path.glob("greaterbay-*")), "the notebook left its results behind"
