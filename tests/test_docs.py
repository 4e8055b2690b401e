"""What README and docs say is so, and every command in them is run."""

import importlib.util
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from gscale.bench.executors import run_sweeps
from gscale.cli import main as cli

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
    "extend.md": "waves: Waves, Varimax + Quantiles, N = 2000",
}
# What would take long, by options that make it cheap: of one that is given twice the last counts.
FEWER = {
    "gscale run my_sweep.py": "--dims 2 --seeds 2",
    "gscale check results": "--baseline slopes.toml --update --reason first",
    "gscale run gaussian_population --dims 4,8,16 --seeds 40 --out many": "--dims 2,4 --seeds 9",
    "gscale run gaussian_population --dims 4,8,16 --seeds 3 --out again": "--dims 2,4",
    "gscale run patches --dims 4,16,64 --seeds 5": "--profile ci --dims 4 --seeds 1",
    "gscale run gaussian_population --profile full": "--dims 2 --seeds 1",
    "gscale run gaussian_population --jobs 2 --cell-timeout 600": "--profile ci --dims 2 --seeds 1",
    "gscale run tables --data my.csv": "--profile ci --seeds 1 --dims 2",
    "gscale run tables --data my.csv --dims 2,4": "--profile ci --seeds 1 --dims 2",
    "gscale run patches --profile full --dims 64,100 --out results-a": "--profile ci --dims 4 --seeds 1",
    "gscale detect fit sessions.csv --out normal.safetensors": "--layers 1 --flows 1",
    "gscale density fit sessions.csv --out density.safetensors": "--layers 1",
    "gscale speed run": "--profile ci",
    "gscale run patches --profile full --dims 144,196 --out results-b": "--profile ci --dims 9 --seeds 1",
}
OF_THE_SHELL = {"source .venv/bin/activate"}
BY_CI = {"make benchmark"}
COMMANDS = {
    page: [
        shlex.join(shlex.split(line, comments=True))
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
        for line in block.splitlines()
    ]
    for page in PAGES
}
IN_PASSING = sorted(
    {span for page in PAGES for span in re.findall(r"`((?:gscale|make) [^`]+)`", page.read_text())}
)


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


@pytest.mark.parametrize("page", [page for page in PAGES if COMMANDS[page]], ids=lambda page: page.name)
@pytest.mark.usefixtures("my_rows", "my_sessions", "small_pilot")
def test_commands_run(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for code in (code for name, code in SWEEPS.items() if name.startswith(page.name)):
        (tmp_path / "my_sweep.py").write_text(code)
    for command in COMMANDS[page]:
        run(command)
    assert SAID.get(page.name, "") in capsys.readouterr().out


def run(command):
    """Run a command as the reader would; one that neither runs here nor is named above fails."""
    first, *arguments = shlex.split(f"{command} {FEWER.get(command, '')}")
    if first == "gscale":
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        assert not ended.value.code, command
    elif command in BY_CI:
        assert command in (ROOT / ".ci" / "run").read_text()
    elif command not in OF_THE_SHELL:
        assert first in ("cp", "mkdir"), f"{command}: run it in this test, or say above where it is run"
        subprocess.run([first, *arguments], check=True)


def test_no_command_is_named_that_is_gone():
    assert FEWER.keys() | OF_THE_SHELL | BY_CI <= {command for page in PAGES for command in COMMANDS[page]}


@pytest.mark.parametrize("span", IN_PASSING)
def test_a_command_named_in_passing_exists(span, tmp_path, monkeypatch):
    first, *arguments = shlex.split(span)
    if first == "make":
        assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_sweeps, "run_on", lambda *_: None)  # planned, and no cell of it run
    (tmp_path / "my_sweep.py").write_text(PYTHON[min(SWEEPS)])
    whole = arguments[0] == "run" and len(arguments) > 1
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments if whole else [arguments[0], "--help"])
    assert not ended.value.code


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_numbers_are_those_of_the_commands(path):
    assert refresh().refreshed(path.read_text()) == path.read_text()
