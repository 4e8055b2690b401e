"""The notebooks run from top to bottom, on the results that come with gscale, and are kept without output."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results/reference").symlink_to(ROOT / "results/reference")
    (tmp_path / "notebooks").mkdir()
    folder = {"metadata": {"path": str(tmp_path / "notebooks")}}
    notebook = nbformat.read(path, 4)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=folder).execute()
    written = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output.text for output in written if output.get("name") == "stderr"]  # warnings go there
    assert any("image/png" in output.get("data", {}) for output in written)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_output(path):
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
