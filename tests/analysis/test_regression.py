"""The regression check: what it lets pass, what it catches, and what it writes."""

import math
import tomllib
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from gscale import InputError
from gscale.analysis.regression import baseline as baselines, verdicts as gate
from gscale.analysis.regression.junit import lines, summary
from gscale.analysis.regression.quantities import MonitoredQuantity, monitored_quantities
from gscale.analysis.regression.verdicts import compare
from gscale.results import tables

DIMS = (4, 8, 16, 32)


def quantity(rng, n_seeds, slope=0.5, scatter=1.0, target="e", dims=DIMS):
    """Counts like those of first e-folds: a line, and scatter of a layer."""
    counts = {d: 1 + slope * d + scatter * rng.standard_normal(n_seeds) for d in dims}
    return MonitoredQuantity("s: Gaussian, Haar", target, "D", counts, 1.0)


def entries(tmp_path, *found):
    path = tmp_path / "slopes.toml"
    baselines.write(path, found, "because", None)
    return baselines.read(path).entries


def rulings(verdicts):
    return [verdict.ruling for verdict in verdicts]


def test_reruns_of_the_same_pass(tmp_path):
    """Of 200 reruns with 20 slopes and levels each, two at most are called moved."""
    rng = np.random.default_rng(0)
    names = [str(i) for i in range(10)]
    known = entries(tmp_path, *(quantity(rng, 64, target=name) for name in names))
    # no tolerance: chance alone
    known = [baselines.Entry(**{**vars(entry), "tolerance": {"slope": 0.0, "level": 0.0}}) for entry in known]
    alarms = 0
    for _ in range(200):
        verdicts = compare([quantity(rng, 3, target=name) for name in names], known)
        assert len(verdicts) == 20
        alarms += any(verdict.failed for verdict in verdicts)
    assert alarms <= 2


def test_a_seed_far_out_is_no_move(tmp_path, monkeypatch):
    """Of exponential counts, means of two seeds are far above theirs more often than normal ones would be."""
    rng = np.random.default_rng(0)
    monkeypatch.setattr(gate, "LEVEL", 2e-5)  # what one of a hundred comparisons is judged at

    def skewed(n_seeds):
        return MonitoredQuantity("s", "e", "D", {4: rng.exponential(3.0, n_seeds)}, 1.0)

    def alarms(entry):
        return sum(compare([skewed(2)], [entry])[0].failed for _ in range(5000))

    (known,) = entries(tmp_path, skewed(400))
    known = baselines.Entry(**{**vars(known), "tolerance": {"level": 0.0}})
    normal = baselines.Entry(**{**vars(known), "skewness": np.zeros(1)})
    assert alarms(known) <= 1  # 0.1 are expected
    assert alarms(normal) >= 4  # P(mean of 2 > 3 + 4.3·3/√2) = 0.3 %: 14 would be


@pytest.mark.parametrize("change", [{"slope": 0.65}, {"slope": 0.35}, {"scatter": 20.0, "slope": 1.5}])
def test_what_moved_is_caught(tmp_path, change):
    rng = np.random.default_rng(0)
    known = entries(tmp_path, quantity(rng, 64))
    caught = [any(v.failed for v in compare([quantity(rng, 3, **change)], known)) for _ in range(100)]
    assert sum(caught) >= 95


def test_the_tolerance_is_the_users(tmp_path):
    """What is beyond chance passes within it; it is kept when the baseline is written anew."""
    rng = np.random.default_rng(0)
    path = tmp_path / "slopes.toml"
    baselines.write(path, [quantity(rng, 64, scatter=0.01)], "because", None)
    moved = quantity(rng, 64, slope=0.55, scatter=0.01)
    assert rulings(compare([moved], baselines.read(path).entries)) == ["moved", "moved"]
    text = path.read_text()
    tolerance = text[text.index("tolerance") : text.index("\n", text.index("tolerance"))]
    path.write_text(text.replace(tolerance, "tolerance = { level = 2.0, slope = 0.1 }"))
    assert rulings(compare([moved], baselines.read(path).entries)) == ["same", "same"]
    baselines.write(path, [moved], "again", baselines.read(path))
    again = baselines.read(path)
    assert again.entries[0].tolerance == {"level": 2.0, "slope": 0.1}
    assert [reason.split(": ")[1] for reason in again.reasons] == ["because", "again"]


def test_an_update_replaces_the_sweeps_it_has_results_of(tmp_path):
    """Entries of other sweeps stay to the letter; what the sweep has no more goes, and D may be added."""
    rng = np.random.default_rng(0)
    path = tmp_path / "slopes.toml"
    other = MonitoredQuantity(
        "t: Gaussian, Haar", "e", "N", {10**6: rng.standard_normal(8), 10**7: np.ones(8)}, 0.123456
    )
    baselines.write(path, [quantity(rng, 8, dims=(4,)), quantity(rng, 8, target="10"), other], "first", None)
    before = path.read_text()
    new = quantity(rng, 8, dims=(4, 8))
    assert baselines.write(path, [new], "second", baselines.read(path)) == 1
    assert [entry.name for entry in baselines.read(path).entries] == [new.name, other.name]
    block = before[before.rindex("[[quantity]]") :]
    assert "t: Gaussian" in block
    assert path.read_text().endswith(block)
    assert set(baselines.read(path).entries[0].tolerance) == {"level", "slope"}


def test_a_baseline_without_a_result_fails_and_a_result_without_a_baseline_is_told(tmp_path):
    rng = np.random.default_rng(0)
    known = entries(tmp_path, quantity(rng, 8), quantity(rng, 8, target="10"))
    fewer = quantity(rng, 8, dims=DIMS[:3])
    verdicts = compare([fewer, quantity(rng, 8, target="tail")], known)
    assert rulings(verdicts) == ["no result"] * 4 + ["new"]
    assert [verdict.why for verdict in verdicts[::2]] == [
        "no value at 32",
        "the results have no such setting",
        "",
    ]
    assert summary(verdicts).startswith("0 as they were, 0 moved, 4 without a result, 1 without a baseline")
    assert any("no result: no value at 32" in line for line in lines(verdicts))


def test_counts_that_never_differed_may(tmp_path):
    """Whole numbers without scatter: one seed of three a layer off is chance, all of them are not."""
    known = entries(
        tmp_path, MonitoredQuantity("s", "1e6", "D", {4: np.full(10, 2.0), 8: np.full(10, 2.0)}, 1.0)
    )
    off = {4: np.array([2.0, 2.0, 3.0]), 8: np.full(3, 2.0)}
    assert not any(v.failed for v in compare([MonitoredQuantity("s", "1e6", "D", off, 1.0)], known))
    off = {4: np.full(3, 3.0), 8: np.full(3, 3.0)}
    assert "moved" in rulings(compare([MonitoredQuantity("s", "1e6", "D", off, 1.0)], known))


def curve(dim, seed, losses, **setting):
    sampled = {"dataset": '{"Patches":{}}', "training": '{"Layerwise":{}}', "metric": "nll", "n_samples": 50}
    known = {
        "sweep": "s",
        "kind": "sampled",
        "per_depth": False,
        "rotation": '{"Haar":{}}',
        "marginal": '{"Moments":{}}',
        "coupling": None,
        "dtype": "float64",
    }
    row = {**known, **sampled, **setting, "dim": dim, "seed": seed}
    row["cell_id"] = f"{dim}{row['n_samples']}{row['training']}"
    depths = range(len(losses))
    return pd.DataFrame(
        {**row, "n_layers": depths, "loss_test": losses, "loss_train": losses, "seconds": depths}
    )


def test_quantities_of_a_table():
    """Counts not reached are cut at the depth; sampled losses have an end; N at one D has turning layers."""
    falls, rises = [3.0, 1.0, 0.5], [3.0, 2.9, 2.8]
    table = pd.concat([curve(4, 0, falls), curve(8, 0, rises), curve(4, 1, falls), curve(8, 1, rises)])
    fold, factor, end = monitored_quantities(table.assign(metric="kl"))[:1] + monitored_quantities(table)[1:]
    assert (fold.target, factor.target, end.target) == ("e", "10", "end")
    assert fold.setting == "s: Patches, Haar, Moments, Layerwise, N = 50, float64"
    assert fold.numbers[8].tolist() == [2.0, 2.0]
    assert 0 < fold.numbers[4][0] < 1
    assert {dim: n.tolist() for dim, n in end.numbers.items()} == {4: [0.5, 0.5], 8: [2.8, 2.8]}
    assert end.seconds == 2
    turning = [curve(4, 0, losses, n_samples=n) for n, losses in ((10, [3.0, 1.0, 2.0]), (100, falls))]
    (depth,) = [one for one in monitored_quantities(pd.concat(turning)) if one.target == "optimal depth"]
    assert depth.along == "N"
    assert {n: layers.tolist() for n, layers in depth.numbers.items()} == {10: [1.0], 100: [2.0]}


def test_the_command(tmp_path, gscale):
    """Update with a reason, check, JUnit; exit code 1 for what moved."""
    assert gscale("run", "gaussian_population", "--dims", "2,4", "--seeds", "4")[0] == 0
    code, _, err = gscale("check", "results", "--baseline", "b.toml", "--update")
    assert (code, err) == (
        2,
        "gscale: --update without a reason: say why the baselines change with --reason TEXT\n",
    )
    assert not (tmp_path / "b.toml").exists()
    assert gscale("check", "results", "--baseline", "b.toml", "--update", "--reason", 'a "first"')[0] == 0
    assert tomllib.loads((tmp_path / "b.toml").read_text())["reasons"][0].endswith(': a "first"')
    code, out, _ = gscale("check", "results", "--baseline", "b.toml", "--junit", "j.xml")
    assert code == 0
    assert out.splitlines()[-1] == "8 as they were, 0 moved, 0 without a result"
    suite = ElementTree.parse(tmp_path / "j.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("8", "0")
    for path in (tmp_path / "results").rglob("*.parquet"):
        table = pd.read_parquet(path)
        table["loss_test"] = table["loss_test"] ** 0.5  # falls half as fast
        tables.write_cell(path.parent, path.stem, table)
    code, out, _ = gscale("check", "results", "--baseline", "b.toml", "--junit", "j.xml")
    assert code == 1
    assert "moved" in out
    assert ElementTree.parse(tmp_path / "j.xml").getroot().find(".//failure").text.startswith("level ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file or directory; make a baseline"),
        ("quantity = 3", "is no baseline"),
        ("[[quantity]]\nname = 'x'", "is no baseline"),
        ("reasons = []", "holds no baseline"),
        ("not toml", "is no baseline"),
        (
            "[[quantity]]\nname = 'x'\nalong = 'D'\ntolerance = { level = 1 }\nseconds = 1\n"
            "numbers = [[4, 1, 1, 2, 0], [8, 1, 1, 2, 0]]",
            "KeyError: 'slope'",
        ),
    ],
)
def test_a_file_that_is_no_baseline_is_refused(tmp_path, content, message):
    path = tmp_path / "b.toml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message):
        baselines.read(path)


def test_a_half_width_is_known_for_a_single_seed(tmp_path):
    rng = np.random.default_rng(0)
    known = entries(tmp_path, quantity(rng, 8))
    assert all(math.isfinite(verdict.half_width) for verdict in compare([quantity(rng, 1)], known))
