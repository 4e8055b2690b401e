"""What README and docs say is so."""

import importlib.util
import re
from pathlib import Path

import pytest

from gscale import cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *ROOT.glob("docs/*.md")]
PYTHON = {
    f"{page.name} {i}": code
    for page in PAGES
    for i, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
}
SWEEPS = {name: code for name, code in PYTHON.items() if "SWEEP" in code}
# permutations never get anywhere, and that is said; the page on extending ends with a figure
SAID = {
    "README.md": "D=4: 8 of 8 seeds, D=8: 8 of 8 seeds, D=16: 8 of 8 seeds",
    "extend.md": "waves: Waves(0.3, None), Varimax(10) + Quantiles(32), N = 2000",
}
# nine compilations are too many for a test
FEWER = {"extend.md 0": ["--dims", "2", "--seeds", "2"]}


def refresh():
    spec = importlib.util.spec_from_file_location("refresh", ROOT / "docs" / "refresh.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", sorted(PYTHON.keys() - SWEEPS.keys()))
def test_code_runs(name, tmp_path, monkeypatch):
    (tmp_path / "results").symlink_to(ROOT / "results")
    monkeypatch.chdir(tmp_path)
    exec(PYTHON[name], {})


@pytest.mark.parametrize("name", SWEEPS)
def test_a_sweep_file_runs(name, tmp_path, monkeypatch, capsys):
    (tmp_path / "my_sweep.py").write_text(PYTHON[name])
    monkeypatch.chdir(tmp_path)
    for arguments in (["run", "my_sweep.py", *FEWER.get(name, [])], ["fit", "results"], ["plot", "results"]):
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        assert not ended.value.code
    assert SAID[name.split()[0]] in capsys.readouterr().out


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_numbers_are_those_of_the_commands(path):
    assert refresh().refreshed(path.read_text()) == path.read_text()
