"""Timing: ratios are those of the numbers, and what is timed is timed in turn."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from gscale.bench import catalog
from gscale.bench.speed import flowjax_layers, memory, speed_summary
from gscale.bench.speed.cases import Case
from gscale.bench.speed.layer_timing import time_in_turn, time_steps
from gscale.bench.speed.run_cases import measure
from gscale.errors import InputError

SECONDS = {"fit": 6e-3, "forward": 4e-3, "inverse": 5e-3, "sample": 5e-3, "matmul": 2e-3, "sort": 10e-3}


def table(**columns):
    rows = [{"step": step, "median": seconds, "unit": "s"} for step, seconds in SECONDS.items()]
    rows.append({"step": "copy", "median": 5e9, "unit": "bytes/s"})
    rows.append({"step": "compile", "median": 2.0, "unit": "s", "n_layers": 10})
    for step, size in (("rows", 1e9), ("before", 2e9), ("after", 2.5e9)):
        rows.append({"step": f"memory {step}", "median": size, "unit": "bytes"})
    frame = pd.DataFrame(rows).assign(
        n_samples=1_000, dim=8, dtype="float32", device="cpu", jax="0", **columns
    )
    return frame.astype({"n_layers": "Int64"})


def test_ratios_to_the_floors():
    case = speed_summary.by_case(table()).loc[(1_000, 8)]
    assert case["fit / floor"] == pytest.approx(6 / 12)
    assert case["forward / matmul"] == pytest.approx(2)
    assert case["inverse / forward"] == pytest.approx(1.25)


def test_lines_say_all_of_it():
    text = "\n".join(speed_summary.lines(table()))
    assert "1,000     8   6.0" in text
    assert "D = 8: 2.00 for 10 layers" in text
    assert "copies 5.0 GB a second" in text
    assert "1.00 GB, a fit and densities 0.50 GB more" in text


def test_peers_stand_beside_it():
    both = pd.concat([table(), table().iloc[:1].assign(step="flowjax spline", median=8e-3)])
    text = "\n".join(speed_summary.lines(both))
    assert "flowjax spline, 1,000 rows, D = 8: forward 8.0 ms a layer, 4.00 × matmul, 2.00 × ours" in text


def test_peers_give_log_densities():
    pytest.importorskip("flowjax", reason="the extra peers is not installed")
    x = jnp.asarray(Case(100, 2).rows())
    calls = flowjax_layers.flowjax_calls(x)
    assert set(calls) == set(flowjax_layers.PEERS)
    for call, n_layers in calls.values():
        assert n_layers == 1
        assert np.isfinite(call()).all()


def test_peers_that_are_absent_are_one_line(gscale, monkeypatch):
    monkeypatch.setattr(flowjax_layers, "find_spec", lambda _: None)
    code, _, err = gscale("speed", "run", "--peers")
    assert (code, err.count("\n")) == (2, 1)
    assert "pip install 'gscale[peers]'" in err


def test_calls_take_turns():
    calls = []
    seconds = time_in_turn({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 3)
    # once to compile; then, in each round, once to warm up and five times for a median
    assert "".join(calls) == "ab" + 3 * (6 * "a" + 6 * "b")
    assert all(len(values) == 3 and (values >= 0).all() for values in seconds.values())


def test_every_step_is_timed(tmp_path):
    seconds = time_steps(Case(500, 3, n_repeats=3))
    assert set(seconds) == {*SECONDS, "copy"}
    assert all(np.isfinite(values).all() for values in seconds.values())
    drawn = speed_summary.draw(table(), tmp_path / "figures" / "speed.png")
    assert drawn.read_bytes().startswith(b"\x89PNG")


def test_a_table_of_times_is_of_one_run(tmp_path):
    path = tmp_path / "speed.parquet"
    for dims in ((2,), (3,)):
        measured = measure([Case(100, dim, n_repeats=3, depths=(1,)) for dim in dims], path, lambda _: None)
    written = speed_summary.read(path)
    pd.testing.assert_frame_equal(written, measured, check_dtype=False)
    assert set(written["dim"]) == {3}
    assert written[["device", "jax", "gscale", "created"]].notna().all(axis=None)
    assert "D = 3: " in "\n".join(speed_summary.lines(written))


@pytest.mark.long
def test_memory_is_that_of_the_rows_and_what_a_fit_needs():
    peaks = memory.peak_memory(Case(200_000, 64), n_layers=2)
    assert peaks["rows"] == 4 * 200_000 * 64
    # rows, their images, and a copy or two of either; never the hundreds of them that all bins would take
    assert 0 <= peaks["after"] - peaks["before"] < 10 * peaks["rows"]


def test_cases_have_limits():
    with pytest.raises(InputError, match="n_samples is 99: it is at least 100"):
        Case(99, 8)
    with pytest.raises(InputError, match="n_repeats is 2: it is at least 3"):
        Case(1_000, 8, n_repeats=2)


def test_misuse_is_one_line(gscale, tmp_path):
    code, _, err = gscale("speed", "table", tmp_path / "none.parquet")
    assert (code, err.count("\n")) == (2, 1)
    assert "make it with gscale speed run" in err
    (tmp_path / "text.parquet").write_text("no table")
    code, _, err = gscale("speed", "table", tmp_path / "text.parquet")
    assert (code, err.count("\n")) == (2, 1)
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "other.parquet")
    code, _, err = gscale("speed", "table", tmp_path / "other.parquet")
    assert code == 2
    assert "no table of gscale speed: it lacks dim" in err


def test_profiles_hold_cases_and_are_no_sweep():
    for profile in ("ci", "quick", "full"):
        assert all(isinstance(case, Case) for case in catalog.speed_cases(profile))
    assert "speed" not in catalog.shipped()
