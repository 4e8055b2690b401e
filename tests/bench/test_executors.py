"""Runs of many cells: shared, failed, put together, and how far they have come."""

import importlib.util
import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from gscale import (
    MLP,
    PCA,
    Coupling,
    Gaussian,
    InputError,
    LearnedRotation,
    Quantiles,
    SplineTransformer,
    TrainableRotation,
    Training,
)
from gscale.bench.executors import task
from gscale.bench.executors.base import run_on
from gscale.bench.executors.serial import Serial
from gscale.bench.executors.task import Outcome, Task
from gscale.data import Equicorrelated, UserTable
from gscale.results import arrow_cache, journal, tables
from gscale.results.locks import claim
from gscale.results.migration import migrated_setting
from gscale.results.schema import SCHEMA
from gscale.results.settings import to_json

HERE = Path(__file__).parents[1]
SETTINGS = ("dataset", "rotation", "marginal", "coupling", "training")
_TRAINING = '"training":{"Training":{"learning_rate":0.02,"n_steps":200}}'
TRAININGS = {
    "1": {
        ("projections", '{"Projections":{}}'),
        ("sampled", f'{{"EndToEnd":{{"first":{{"Moments":{{}}}},{_TRAINING}}}}}'),
        ("sampled", f'{{"LayerwiseTrained":{{"first":{{"Moments":{{}}}},{_TRAINING}}}}}'),
        ("scales", '{"EndToEndScales":{}}'),
    },
    "2": {
        ("bound", '{"LowerBound":{}}'),
        ("sampled", '{"Layerwise":{"first":{"Quantiles":{}}}}'),
        ("scales", '{"EndToEndScales":{}}'),
    },
}
MINE = str(HERE / "scripts" / "my_sweep.py")


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measured(folder):
    """The part of a table that depends on the setting alone."""
    ordered = tables.read_tables(Path(folder)).sort_values(["cell_id", "seed", "n_layers"], ignore_index=True)
    return ordered[["cell_id", "seed", "n_layers", "loss_train", "loss_test"]]


def changed(path):
    rows = pd.read_parquet(path)
    tables.write_cell(path.parent, path.stem, rows.assign(loss_test=rows["loss_test"] + 1))


def test_status_tells_done_failed_and_missing(gscale, monkeypatch):
    assert gscale("run", MINE)[0] == 0
    failing, missing = sorted(Path("results/mine").glob("*.parquet"))
    dim = pd.read_parquet(missing)["dim"].iloc[0]
    for path in (failing, missing):
        path.unlink()
    real = task.run_cell

    def fail_one(cell, *arguments):
        if cell.id == failing.stem:
            raise MemoryError("RESOURCE_EXHAUSTED")
        return real(cell, *arguments)

    monkeypatch.setattr(task, "run_cell", fail_one)
    assert gscale("run", MINE)[0] == 1
    missing.unlink()
    code, out, _ = gscale("status", "results", "--json")
    (status,) = json.loads(out)
    assert code == 0
    assert (status["done"], len(status["failed"]), len(status["missing"])) == (0, 1, 1)
    assert "MemoryError: RESOURCE_EXHAUSTED" in status["failed"][failing.stem]
    code, out, _ = gscale("status", "results/mine")
    assert out.startswith("mine: 0 done, 1 failed, 1 missing; 0.0 s spent")
    assert gscale("run", MINE, "--dims", dim)[0] == 0
    assert "s left" in gscale("status", "results")[1]
    assert float(tables.read_failures(Path("results"))[0]["seconds"]) >= 0


def test_a_journal_cut_short_and_a_damaged_plan(tmp_path, gscale):
    journal.note(tmp_path, "a", 1.5)
    with (tmp_path / "_journal.jsonl").open("a") as file:
        file.write('["b", 2')
    assert journal.spent(tmp_path) == {"a": 1.5}
    (tmp_path / "_plan-0.json").write_text("{")
    code, _, err = gscale("status", ".")
    assert (code, err.count("\n")) == (2, 1)
    assert "is no plan of gscale" in err


def test_merge(gscale):
    for out in ("a", "b"):
        assert gscale("run", MINE, "--out", out)[0] == 0
    next(Path("b").rglob("*.parquet")).unlink()
    assert gscale("merge", "a", "b", "--out", "c")[:2] == (0, "2 cells in c\n")
    pd.testing.assert_frame_equal(measured("c"), measured("a"), check_exact=True)
    path = next(Path("b").rglob("*.parquet"))
    changed(path)
    shutil.rmtree("c")
    code, _, err = gscale("merge", "a", "b", "--out", "c")
    assert (code, err.count("\n")) == (2, 1)
    assert f"cell {path.stem} has other numbers in b/mine/{path.name} than in a/mine/{path.name}" in err
    assert not Path("c").exists()
    code, _, err = gscale("merge", "a", "nowhere", "--out", "c")
    assert (code, "nowhere is no folder" in err) == (2, True)


def test_a_claimed_cell_is_waited_for_and_measured_once(gscale, monkeypatch, tmp_path):
    """Another process has the first of two cells, and has finished it by the time it is asked for again."""
    gscale("run", MINE)
    first, second = sorted(Path("results/mine").glob("*.parquet"))
    kept = first.read_bytes()
    for path in (first, second):
        path.unlink()
    order = []
    real = task.run_cell

    def run_and_finish_the_other(cell, *arguments):
        order.append(cell.id)
        first.write_bytes(kept)
        held.__exit__(None, None, None)
        return real(cell, *arguments)

    monkeypatch.setattr(task, "run_cell", run_and_finish_the_other)
    held = claim(first.parent, first.stem)
    assert held.__enter__()
    code, out, _ = gscale("run", MINE)
    assert code == 0
    assert "1 cells run, 1 there already, 0 failed" in out
    assert order == [second.stem]
    assert not list(tmp_path.rglob("*.lock"))


def test_a_folder_that_goes_while_a_cell_runs(gscale, monkeypatch):
    """The folder is removed while a cell runs: one line, and the same command completes."""
    real = task.run_cell

    def remove(cell, *arguments):
        rows = real(cell, *arguments)
        shutil.rmtree("results")
        return rows

    with monkeypatch.context() as patched:
        patched.setattr(task, "run_cell", remove)
        code, _, err = gscale("run", MINE)
    assert (code, err.count("\n")) == (2, 1)
    assert "cannot write to results/mine: No such file or directory" in err
    assert "2 cells run, 0 there already" in gscale("run", MINE)[1]


def test_a_full_disk_is_one_line_and_leaves_no_half_file(gscale, monkeypatch, tmp_path):
    def full(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        code, _, err = gscale("run", MINE)
    assert (code, err.count("\n")) == (2, 1)
    assert "No space left on device" in err
    assert not list(tmp_path.rglob("*.tmp"))
    assert "2 cells run, 0 there already" in gscale("run", MINE)[1]


class Named(NamedTuple):
    id: str


def test_what_another_run_computes_comes_last_and_each_task_ends_once(tmp_path, monkeypatch):
    refused, ended, slept = [], [], []
    monkeypatch.setattr("gscale.bench.executors.base.time.sleep", slept.append)

    @contextmanager
    def claim(_, cell_id):
        refused.append(cell_id)
        yield refused != ["a"]

    monkeypatch.setattr("gscale.bench.executors.base.claim", claim)
    monkeypatch.setattr("gscale.bench.executors.base.store", lambda *_: Outcome("run"))
    monkeypatch.setattr("gscale.bench.executors.serial.measure", lambda *_: None)
    tasks = [Task("s", Named(name), tmp_path) for name in "ab"]
    run_on(Serial(), tasks, lambda _: lambda _: None, lambda task, _: ended.append(task.cell.id))
    assert ended == ["b", "a"]
    assert not slept  # only where other runs compute all that is left


def test_workers_give_the_same_numbers_and_mark_their_seconds(gscale):
    gscale("run", MINE, "--out", "serial")
    code, out, _ = gscale("run", MINE, "--jobs", "2", "--out", "jobs")
    assert (code, "2 cells run, 0 there already, 0 failed" in out) == (0, True), out
    pd.testing.assert_frame_equal(measured("jobs"), measured("serial"), check_exact=True)
    assert tables.read_tables(Path("jobs"))["side_by_side"].all()
    assert not tables.read_tables(Path("serial"))["side_by_side"].any()


def test_a_worker_that_is_killed_or_late_costs_its_cell_alone(gscale):
    shutil.copy(MINE, "own.py")
    with Path("own.py").open("a") as file:
        file.write("\nSWEEP = sweep_of('killed', 'slow', 'none')\n")
    code, out, _ = gscale("run", "own.py", "--dims", "2", "--cell-timeout", "2")
    assert (code, "1 cells run, 0 there already, 2 failed" in out) == (1, True), out
    killed, late = sorted(record["error"] for record in tables.read_failures(Path("results")))
    assert killed.startswith("ChildProcessError: the process of the cell ended with code -9")
    assert late == "TimeoutError: longer than 2 s"


def test_jobs_are_refused_where_they_make_no_sense(gscale):
    for arguments, message in (
        ((MINE, "--jobs", "0"), "--jobs 0: at least 1 process"),
        ((MINE, "--cell-timeout", "0"), "--cell-timeout 0: seconds are above 0"),
        (("models", "--jobs", "2"), "sweep 'models' is there for its seconds"),
    ):
        code, _, err = gscale("run", *arguments)
        assert (code, message in err) == (2, True)


@pytest.mark.parametrize("version", ["1", "2"])
def test_tables_of_older_schemas_are_read(version, tmp_path):
    """Settings that were the text of Python objects are JSON; all that was measured is as it was."""
    older = HERE / "files" / f"schema_{version}"
    table = tables.read_tables(older)
    assert list(table.columns) == SCHEMA.names
    assert (table["schema"] == 3).all()
    raw = pd.concat([pd.read_parquet(path) for path in sorted(older.rglob("*.parquet"))], ignore_index=True)
    assert set(raw["schema"]) == {int(version)}
    same = [name for name in raw if name not in ("schema", *SETTINGS)]
    pd.testing.assert_frame_equal(table[same], raw[same], check_exact=True)
    assert table["n_test"].isna().all()
    assert table["side_by_side"].isna().all() == (version == "1")
    assert set(zip(table["kind"], table["training"], strict=True)) == TRAININGS[version]
    shutil.copytree(older, tmp_path / "results")
    for folder in (tmp_path / "results").iterdir():
        tables.prepare(folder)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("Learned(n_steps=0)", TrainableRotation()),
        ("Learned(n_steps=20)", LearnedRotation(n_steps=20)),
        ("PCA(validate=0.2)", PCA(0.2)),
        ("Quantiles(n_bins=None)", Quantiles(n_bins=None)),
        ("Gaussian(covariance=Wishart(ratio=2.0))", Gaussian()),
        ("Gaussian(covariance=Equicorrelated(rho=0.0))", Gaussian(Equicorrelated(0.0))),
        (
            "Coupling(transformer=SplineTransformer(n_bins=8, bound=5.0, min_width=0.001, min_height=0.001, "
            "min_derivative=0.001), conditioner=MLP(width=64, depth=2), n_active=None, training=Adam("
            "n_steps=400, learning_rate=0.005, batch_size=256, max_gradient=1.0, held_out=0.1))",
            Coupling(SplineTransformer(), MLP(), training=Training(n_steps=400)),
        ),
        (
            "OwnTable(name='mine.csv', digest='25a71da67c34', cut=RandomColumns())",
            UserTable("mine.csv", "25a71da67c34", Path("somewhere/mine.csv")),
        ),
    ],
)
def test_what_older_schemas_wrote_is_the_setting_of_today(text, spec):
    assert migrated_setting(text) == to_json(spec)


def test_a_half_written_file_is_named_and_what_killed_runs_left_is_removed(gscale):
    gscale("run", MINE)
    planted, other = sorted(Path("results/mine").glob("*.parquet"))
    planted.write_bytes(planted.read_bytes()[:1000])
    left = [other.with_name(f".{other.name}.1.tmp"), other.with_name(f".{other.stem}.lock")]
    for path in left:
        path.touch()
    code, _, err = gscale("run", MINE)
    assert (code, err.count("\n")) == (2, 1)
    assert f"{planted} is not a readable parquet file" in err
    planted.unlink()
    assert "1 cells run, 1 there already, 0 failed" in gscale("run", MINE)[1]
    assert not any(path.exists() for path in left)


def test_what_another_run_is_at_is_not_removed(tmp_path):
    half = tmp_path / ".a.parquet.1.tmp"
    half.touch()
    with claim(tmp_path, "a"):
        tables.prepare(tmp_path)
        assert half.exists()
    tables.prepare(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_clock_set_back_changes_nothing(gscale, monkeypatch):
    """Files are of a later time than it is now; the time jumps back while cells run."""
    gscale("run", MINE, "--out", "undisturbed")
    gscale("run", MINE)
    for path in Path("results").rglob("*"):
        os.utime(path, (4e9, 4e9))
    next(Path("results").rglob("*.parquet")).unlink()
    times = iter(range(10**9, 0, -3600))
    with monkeypatch.context() as patched:
        patched.setattr("time.time", lambda: float(next(times)))
        assert "1 cells run, 1 there already, 0 failed" in gscale("run", MINE)[1]
    pd.testing.assert_frame_equal(measured("results"), measured("undisturbed"), check_exact=True)


@pytest.fixture
def small_disk(tmp_path):
    """A file system with room for one cell; what it is given is how it is mounted anew."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options):
        return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True)

    if os.name != "posix" or os.getuid() or mount("size=28k").returncode:
        pytest.skip("mounting a file system is for root")
    yield folder, lambda options: mount(f"remount,{options}").check_returncode()
    subprocess.run(["umount", folder], check=True)


def test_a_disk_that_is_full_and_one_that_is_read_only(gscale, small_disk):
    folder, again = small_disk
    code, _, err = gscale("run", MINE, "--out", folder)
    assert (code, err.count("\n")) == (2, 1)
    assert f"cannot write to {folder / 'mine'}: No space left on device" in err
    assert len(list(folder.rglob("*.parquet"))) == 1
    assert not list(folder.rglob("*.tmp"))
    again("size=1m,ro")
    code, _, err = gscale("run", MINE, "--out", folder)
    assert (code, err.count("\n")) == (2, 1)
    assert "Read-only file system" in err
    assert gscale("status", folder)[1].startswith("mine: 1 done, 0 failed, 1 missing")
    again("size=1m,rw")
    assert "1 cells run, 1 there already, 0 failed" in gscale("run", MINE, "--out", folder)[1]


def test_a_large_folder_is_read_from_one_file_that_follows_it(gscale, monkeypatch):
    """Added, changed and removed cells, and a damaged file: always the rows of the files one by one."""
    gscale("run", MINE)
    gscale("run", MINE, "--dims", "3,5")
    folder, opened = Path("results/mine"), []
    one_by_one = tables.read_tables(folder)
    monkeypatch.setattr(arrow_cache, "_MANY", 2)
    real = tables._read_one
    monkeypatch.setattr(tables, "_read_one", lambda path, schema: opened.append(path) or real(path, schema))

    def read_again():
        opened.clear()
        table = tables.read_tables(folder)
        return table, len(opened)

    pd.testing.assert_frame_equal(read_again()[0], one_by_one, check_exact=True)
    assert len(opened) == 4
    pd.testing.assert_frame_equal(read_again()[0], one_by_one, check_exact=True)
    assert not opened
    first, second, *_ = sorted(folder.glob("*.parquet"))
    changed(second)
    first.unlink()
    table, n_opened = read_again()
    assert n_opened == 1
    monkeypatch.setattr(arrow_cache, "_MANY", 100)
    pd.testing.assert_frame_equal(table, read_again()[0], check_exact=True)
    monkeypatch.setattr(arrow_cache, "_MANY", 2)
    (folder / "_arrow_cache.arrow").write_bytes(b"half of it")
    pd.testing.assert_frame_equal(table, read_again()[0], check_exact=True)
    assert len(opened) == 3
    second.write_bytes(b"no table")
    with pytest.raises(InputError, match="is not a readable parquet file"):
        read_again()


def test_ten_thousand_cells_cost_little_each(tmp_path, monkeypatch):
    """A hundred of them: here a cell may take 20 ms of computing time beside its own."""
    figures = load(HERE / "scripts" / "many.py").main(100, tmp_path, monkeypatch.setattr)
    assert figures["overhead of a cell, ms"] < 20


def test_a_store_without_its_package_is_one_line(gscale):
    code, _, err = gscale("run", MINE, "--out", "nowhere://bucket/results")
    assert (code, err.count("\n")) == (2, 1)
    assert "nowhere://bucket/results: " in err
    assert "install gscale[s3]" in err


@pytest.mark.long
def test_kills_at_random_moments_change_nothing(tmp_path):
    assert "40 cells equal" in load(HERE / "scripts" / "kills.py").main(2, 1, tmp_path)
