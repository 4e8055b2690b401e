"""The command: what it prints, leaves on disk and returns, also when it is misused, stopped or killed."""

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from gscale.bench import catalog
from gscale.bench.executors import task
from gscale.bench.measure.run_cell import run_cell
from gscale.results import tables

HERE = Path(__file__).parents[1]
MINE = str(HERE / "scripts" / "my_sweep.py")


def measured(folder):
    """The part of a table that depends on the setting alone."""
    ordered = tables.read_tables(Path(folder)).sort_values(["cell_id", "seed", "n_layers"], ignore_index=True)
    return ordered[["cell_id", "seed", "n_layers", "loss_train", "loss_test"]]


def test_run_fit_plot(gscale):
    code, out, _ = gscale("run", MINE, "gaussian_population", "--dims", "2,4", "--seeds", "3")
    assert code == 0, out
    assert "6 cells run, 0 there already, 0 failed" in out
    code, out, _ = gscale("run", MINE, "gaussian_population", "--dims", "2,4", "--seeds", "3")
    assert "0 cells run, 6 there already, 0 failed" in out
    code, out, _ = gscale("fit", "results")
    assert code == 0
    assert "slope [95 %]" in out
    assert "gaussian_population: Gaussian, Haar + Moments, Population" in out
    assert "mine: Flawed, Reversal + Moments, N = 20" in out
    code, out, _ = gscale("plot", "results")
    assert code == 0
    assert [Path(line).exists() for line in out.split()] == [True, True]


def test_fit_predicts_at_other_dimensions(gscale):
    gscale("run", "gaussian_population", "--dims", "2,4,8", "--seeds", "2")
    code, out, _ = gscale("fit", "results", "--target", "tail", "--at", "6,16")
    assert code == 0
    lines = [line for line in out.splitlines() if line.strip().startswith("D = ")]
    assert [line.split(":")[0].strip() for line in lines] == ["D = 6", "D = 16"] * 2
    assert lines[1].endswith("] (extrapolated) layers")
    assert not lines[0].endswith("(extrapolated) layers")
    for wrong, said in (("x", "--at x: 'x' is no integer"), ("0", "dim is 0: a dimension is at least 1")):
        code, _, err = gscale("fit", "results", "--at", wrong)
        assert (code, err.startswith(f"gscale: {said}")) == (2, True)


def test_fit_as_json(gscale):
    gscale("run", "gaussian_population", "--dims", "2,4", "--seeds", "2")
    code, out, _ = gscale("fit", "results", "--target", "10", "--target", "tail", "--json")
    assert code == 0
    slopes = json.loads(out)["slopes"]
    assert [slope["target"] for slope in slopes] == ["10", "tail"] * 2
    assert set(slopes[0]["slope"]) == {"value", "low", "high"}
    assert set(slopes[0]["layers"]) == {"2", "4"}


def test_list(gscale):
    code, out, _ = gscale("list")
    assert code == 0
    assert all(name in out for name in catalog.shipped())


BAD_INPUT = [
    (["run", MINE, "nothing"], "there is no sweep 'nothing'"),
    (["run", "nothing"], "there is no sweep 'nothing': take one of couplings, equation20, "),
    (["run", "nothing.py"], "there is no file nothing.py"),
    (["run", MINE, "--dims", "2,x"], "--dims 2,x: 'x' is no integer"),
    (["run", MINE, "--dims", "2.5"], "--dims 2.5: '2.5' is no integer"),
    (["run", MINE, "--dims", ""], "--dims : '' is no integer"),
    (["run", MINE, "--dims", "0"], "dim is 0: a dimension is at least 1"),
    (["run", MINE, "--dims", "9"], "dim is 9: the largest of Flawed(flaw='none', max_dim=8) is 8"),
    (["run", "patches", "--dims", "5"], "so D is a square: try 4 or 9"),
    (["run", MINE, "--seeds", "0"], "--seeds 0: at least 1 seed"),
    (["run", MINE, "--profile", "ci"], "profile is 'ci': sweep 'mine' has quick"),
    (["run", MINE, "--out", "/proc/none"], "cannot write to /proc/none/mine"),
    (["fit", "nowhere"], "nowhere is no folder"),
    (["fit", "."], ". holds no results"),
    (["plot", "."], ". holds no results"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_INPUT)
def test_misuse_is_one_line_and_exit_code_2(gscale, tmp_path, arguments, message):
    code, out, err = gscale(*arguments)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert out == ""
    assert not list(tmp_path.iterdir())


def test_wrong_options_are_exit_code_2(gscale):
    assert gscale("run", MINE, "--profile", "huge")[0] == 2
    assert gscale("run")[0] == 2
    assert gscale("fit", ".", "--nothing")[0] == 2


def test_a_target_that_does_not_exist(gscale):
    gscale("run", MINE)
    code, _, err = gscale("fit", "results", "--target", "most")
    assert (code, err.count("\n")) == (2, 1)
    assert "target is 'most': it is tail, e, " in err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x = 1", "defines no SWEEP"),
        ("import nothing_at_all", "cannot be run: ModuleNotFoundError"),
        ("def", "cannot be run: SyntaxError"),
    ],
)
def test_a_sweep_file_that_is_none(gscale, tmp_path, content, message):
    (tmp_path / "mine.py").write_text(content)
    code, _, err = gscale("run", "mine.py")
    assert code == 2
    assert message in err


def user_sweep(folder, *flaws):
    shutil.copy(MINE, folder / "mine.py")
    with (folder / "mine.py").open("a") as file:
        file.write(f"\nSWEEP = sweep_of{flaws!r}\n")


@pytest.mark.parametrize(
    ("flaw", "message"),
    [
        ("constant", "training rows: column 1 has no variance (every row is 1)"),
        ("nan", "training rows: there is nan in row 0, column 1"),
        ("infinite", "training rows: there is inf in row 0, column 1"),
    ],
)
def test_flawed_data_ends_the_run_and_keeps_what_is_done(gscale, tmp_path, flaw, message):
    user_sweep(tmp_path, "none", flaw)
    code, _, err = gscale("run", "mine.py")
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert len(list(tmp_path.rglob("*.parquet"))) == 2
    assert not list(tmp_path.rglob("*.tmp"))
    user_sweep(tmp_path, "none")
    assert "0 cells run, 2 there already" in gscale("run", "mine.py")[1]


@pytest.mark.parametrize(
    ("flaw", "message"),
    [("bug", "RuntimeError: a bug of the user's"), ("huge", "FloatingPointError: ")],
)
def test_a_failed_cell_leaves_a_record_and_is_tried_again(gscale, tmp_path, flaw, message):
    user_sweep(tmp_path, flaw, "none")
    for _ in range(2):
        code, out, _ = gscale("run", "mine.py")
        assert code == 1
        assert "2 failed" in out
    records = tables.read_failures(tmp_path / "results")
    assert len(records) == 2
    assert all(
        record["error"].startswith(message) and "Traceback" in record["traceback"] for record in records
    )
    assert "2 there already" in out
    assert "failed: Flawed" in gscale("fit", "results")[1]


def test_a_foreign_table_stops_the_run_before_it_begins(gscale, tmp_path):
    folder = tmp_path / "results" / "mine"
    folder.mkdir(parents=True)
    pd.DataFrame({"x": [1]}).to_parquet(folder / "theirs.parquet")
    code, _, err = gscale("run", MINE)
    assert code == 2
    assert "theirs.parquet is not a gscale table" in err
    assert [path.name for path in folder.iterdir()] == ["theirs.parquet"]


def start(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "gscale.cli.main", *arguments], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip


def wait_for(condition, seconds=120):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


RUN = ["run", "gaussian_population", "--profile", "ci", "--dims", "2,3,4,5,6", "--seeds", "2"]


def test_ctrl_c_keeps_what_is_finished(tmp_path, gscale):
    process = start(tmp_path, *RUN)
    wait_for(lambda: list(tmp_path.rglob("*.parquet")))
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, out
    assert "and kept in results; the same command goes on from there" in out
    assert "Traceback" not in out
    n_finished = len(tables.read_tables(tmp_path / "results")["cell_id"].unique())
    assert n_finished >= 1
    assert f"{n_finished} there already" in gscale(*RUN)[1]


def test_an_interrupt_that_jax_swallows_is_still_one(gscale, monkeypatch):
    """It comes out as another exception, and is no failure of the cell."""

    def swallow(*_):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt as interrupt:
            raise ValueError("comparing went wrong") from interrupt

    monkeypatch.setattr(task, "run_cell", swallow)
    code, out, _ = gscale("run", MINE)
    assert code == 130
    assert "0 cells run, 0 there already, 0 failed" in out
    assert not tables.read_failures(Path("results"))


def test_an_interrupt_that_is_lost_in_a_callback_is_still_one(gscale, monkeypatch):
    """Of a garbage collector's callback, as jax has one, Python prints an exception, and goes on."""

    def press_ctrl_c(*_):
        gc.callbacks.remove(press_ctrl_c)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)

    def lose(*arguments):
        gc.callbacks.append(press_ctrl_c)
        gc.collect()
        return run_cell(*arguments)

    monkeypatch.setattr(task, "run_cell", lose)
    code, out, err = gscale("run", MINE)
    assert code == 130
    assert "0 cells run, 0 there already, 0 failed" in out
    assert "Traceback" not in out + err
    monkeypatch.setattr(task, "run_cell", lambda *arguments: lose(*arguments[:2], lambda _: None))
    code, out, _ = gscale("run", MINE)
    assert code == 130
    assert "1 cells run, 0 there already, 0 failed" in out


@pytest.mark.long
def test_kills_at_any_moment_leave_whole_files_and_change_nothing(tmp_path, gscale):
    gscale(*RUN, "--out", "undisturbed")
    for n_cells in (1, 4):
        process = start(tmp_path, *RUN, "--out", "killed")
        wait_for(lambda n=n_cells: len(list((tmp_path / "killed").rglob("*.parquet"))) >= n)
        process.kill()
        process.communicate()
        tables.read_tables(tmp_path / "killed")
    assert gscale(*RUN, "--out", "killed")[0] == 0
    pd.testing.assert_frame_equal(measured("killed"), measured("undisturbed"), check_exact=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "--xla_cpu_multi_thread_eigen=false"),
        ("--xla_dump_to=x", "--xla_dump_to=x --xla_cpu_multi_thread_eigen=false"),
        ("--xla_cpu_multi_thread_eigen=true", "--xla_cpu_multi_thread_eigen=true"),
    ],
)
def test_products_keep_to_one_thread_unless_the_user_says_otherwise(gscale, monkeypatch, before, after):
    if before is None:
        monkeypatch.delenv("XLA_FLAGS", raising=False)
    else:
        monkeypatch.setenv("XLA_FLAGS", before)
    gscale("run", "nothing")
    assert os.environ["XLA_FLAGS"] == after
