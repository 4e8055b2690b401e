"""Cells on the workers of a dask scheduler."""

import shutil
from concurrent.futures import CancelledError
from pathlib import Path

import pandas as pd
import pytest

from gscale.errors import InputError
from gscale.results import tables

HERE = Path(__file__).parents[1]


def measured(folder):
    ordered = tables.read_tables(Path(folder)).sort_values(["cell_id", "seed", "n_layers"], ignore_index=True)
    return ordered[["cell_id", "seed", "n_layers", "loss_train", "loss_test"]]


@pytest.mark.long
def test_a_worker_lost_in_mid_cell_costs_nothing_and_numbers_are_those_of_serial_runs(gscale):
    """One cell kills the worker that has it first; a user's sweep needs no file on the workers."""
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    shutil.copy(HERE / "scripts" / "my_sweep.py", "mine.py")
    with Path("mine.py").open("a") as file:
        file.write("\nSWEEP = sweep_of('none', 'killed once', 'bug')\n")
    code, out, err = gscale("run", "mine.py", "--dask", "local", "--jobs", "2", "--out", "dask")
    assert (code, "4 cells run, 0 there already, 2 failed" in out) == (1, True), out + err
    assert Path("killed").exists()
    (failure, _) = tables.read_failures(Path("dask"))
    assert failure["error"] == "RuntimeError: a bug of the user's"
    assert "in sample" in failure["traceback"]
    gscale("run", "mine.py", "--out", "serial")
    pd.testing.assert_frame_equal(measured("dask"), measured("serial"), check_exact=True)
    assert tables.read_tables(Path("dask"))["side_by_side"].all()


def test_what_a_scheduler_cannot_do_is_refused(gscale):
    mine = str(HERE / "scripts" / "my_sweep.py")
    for arguments, message in (
        (("--cell-timeout", "5"), "--cell-timeout 5: dask cannot end a cell"),
        (("--jobs", "3"), "--jobs 3: the scheduler at tcp://127.0.0.1:9 has its workers"),
    ):
        code, _, err = gscale("run", mine, "--dask", "tcp://127.0.0.1:9", *arguments)
        assert (code, err.count("\n"), message in err) == (2, 1, True)


def test_an_address_without_a_scheduler(gscale, monkeypatch):
    cluster = pytest.importorskip(
        "gscale.bench.executors.dask_cluster", reason="the extra dask is not installed"
    )
    monkeypatch.setattr(cluster, "_PATIENCE", 1)
    code, _, err = gscale("run", str(HERE / "scripts" / "my_sweep.py"), "--dask", "tcp://127.0.0.1:9")
    assert (code, err.count("\n")) == (2, 1)
    assert "--dask tcp://127.0.0.1:9: no scheduler answers" in err


def test_a_scheduler_that_goes_is_one_line_and_no_failure_of_a_cell():
    cluster = pytest.importorskip(
        "gscale.bench.executors.dask_cluster", reason="the extra dask is not installed"
    )

    class Gone:
        status = "cancelled"

        def nthreads(self):
            raise ConnectionResetError

        def result(self):
            raise CancelledError

    executor = object.__new__(cluster.DaskCluster)
    executor._client, executor._tasks = Gone(), {}
    for ask in (executor.capacity, lambda: cluster._result(Gone())):
        with pytest.raises(InputError, match="the scheduler has gone"):
            ask()
