"""What the README says is so."""

import importlib.util
import re
from pathlib import Path

import pytest

from gscale import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def refresh():
    spec = importlib.util.spec_from_file_location("refresh", ROOT / "docs" / "refresh.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("code", [code for code in PYTHON if "SWEEP" not in code])
def test_code_runs(code, monkeypatch):
    monkeypatch.chdir(ROOT)
    exec(code, {})


def test_the_sweep_file_runs(tmp_path, monkeypatch, capsys):
    (code,) = [code for code in PYTHON if "SWEEP" in code]
    (tmp_path / "my_sweep.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    for arguments in (["run", "my_sweep.py"], ["fit", "results"]):
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        assert not ended.value.code
    # permutations never get anywhere, and that is said
    assert "D=4: 8 of 8 seeds, D=8: 8 of 8 seeds, D=16: 8 of 8 seeds" in capsys.readouterr().out


@pytest.mark.parametrize("path", [ROOT / "README.md", *ROOT.glob("docs/*.md")], ids=lambda path: path.name)
def test_numbers_are_those_of_the_commands(path):
    assert refresh().refreshed(path.read_text()) == path.read_text()
