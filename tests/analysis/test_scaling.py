"""Layer counts and slopes from curves whose answer is known."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gscale import InputError, analysis as scaling
from gscale.analysis import (
    FactorTarget,
    GainTarget,
    Sample,
    break_even,
    compare_laws,
    expected_losses,
    fit_scaling,
    fit_slopes,
    layers_needed,
    loss_curves,
    predict,
    predict_layers,
    tail_rate,
    target_named,
)
from gscale.results import tables

SETTING = {
    "sweep": "s",
    "kind": "population",
    "per_depth": False,
    "dataset": '{"Gaussian":{}}',
    "rotation": '{"Haar":{}}',
    "marginal": '{"Moments":{}}',
    "coupling": None,
    "training": '{"Population":{}}',
    "dtype": "float64",
    "metric": "kl",
    "n_samples": None,
    "dim": 4,
    "seed": 0,
    "cell_id": "a",
}
SAMPLED = {"kind": "sampled", "training": '{"Layerwise":{}}', "metric": "nll", "n_samples": 50}


def table_of(losses, **setting):
    """Rows of one curve, as a cell writes them."""
    setting = {**SETTING, **setting}
    train = np.nan if setting["kind"] == "population" else np.asarray(losses) - 0.1
    depths = range(len(losses))
    columns = {"n_layers": depths, "loss_test": losses, "loss_train": train, "seconds": depths}
    return pd.DataFrame({**setting, **columns})


def test_layers_needed_interpolates_in_log_loss():
    excess = 3 * 0.7 ** np.arange(20)
    for factor in (2, math.e, 100):
        assert layers_needed(excess, 3 / factor) == pytest.approx(math.log(factor) / -math.log(0.7))


def test_layers_needed_at_the_edges():
    assert math.isnan(layers_needed(np.array([1.0, 0.9, 0.8]), 0.5))
    assert layers_needed(np.array([0.0, 0.0]), 0.0) == 0
    assert layers_needed(np.array([1.0, -1.0]), 0.0) == 0.5  # below the floor: linear


def test_tail_rate_of_a_curve_that_ends_at_zero():
    """A loss that underflows to 0 is left out, and the start does not matter."""
    excess = np.concatenate([np.linspace(9, 1, 10), 0.9 ** np.arange(1, 50), np.zeros(5)])
    assert tail_rate(excess, is_population=True) == pytest.approx(-1 / math.log(0.9))


def test_tail_rate_of_a_sampled_curve_keeps_off_its_floor():
    excess = 0.9 ** np.arange(200) + 1e-3
    assert tail_rate(excess, is_population=False) == pytest.approx(-1 / math.log(0.9), rel=0.02)
    assert math.isnan(tail_rate(0.99 ** np.arange(20), is_population=False))


@pytest.mark.parametrize("name", ["nothing", "1", "0.5", "-2nats", "xnats"])
def test_unknown_targets_are_refused(name):
    with pytest.raises(InputError, match=f"target is {name!r}"):
        target_named(name)


def test_targets_by_name():
    assert target_named("10") == FactorTarget(10.0)
    assert target_named("2nats") == GainTarget(2.0)


def test_the_floor_is_the_lowest_loss_of_all_rivals():
    lower = table_of([0.0, -2.0, -3.0, -2.5], **SAMPLED)
    higher = table_of([0.0, -1.0, -1.5, -1.6], **SAMPLED, cell_id="b", rotation='{"R":{}}')
    curves = {curve.setting["rotation"]: curve for curve in loss_curves(pd.concat([lower, higher]))}
    assert curves['{"Haar":{}}'].excess.tolist() == [3, 1, 0, 0.5]
    assert curves['{"R":{}}'].excess.tolist() == [3, 2, 1.5, 1.4]
    np.testing.assert_allclose(curves['{"R":{}}'].excess_train, [2.9, 1.9, 1.4, 1.3])


def test_the_deepest_of_several_cells_is_taken():
    table = pd.concat([table_of([4.0, 2.0, 1.0], cell_id="z"), table_of([4.0, 2.0], cell_id="a")])
    assert [len(curve.excess) for curve in loss_curves(table)] == [3]


def test_a_cell_that_two_sweeps_share_has_its_curve_in_each():
    parts = [table_of([4.0, 2.0, 1.0], sweep=sweep) for sweep in ("s", "t")]
    assert [curve.excess.tolist() for curve in loss_curves(pd.concat(parts))] == [[4, 2, 1]] * 2


def test_slopes_of_a_table():
    rng = np.random.default_rng(0)

    def curve(dim, seed):
        rate = dim / 2 + 1 + rng.normal(0, 0.01)
        return table_of(np.exp(-np.arange(20 * dim) / rate), dim=dim, seed=seed, cell_id=f"{dim}")

    tail, fold = fit_slopes(pd.concat([curve(dim, seed) for dim in (4, 8, 16, 32) for seed in range(3)]))
    assert (tail.target, fold.target, fold.theory) == ("tail", "e", None)
    # the slope of 1/log((D+2)/D) at these D, a little above ½
    assert tail.theory == pytest.approx(0.5, abs=0.002)
    for slope in (tail, fold):
        assert slope.fit.slope.low < 0.5 < slope.fit.slope.high
        assert slope.fit.slope.high - slope.fit.slope.low < 0.01
        assert not slope.missed


def test_seeds_that_miss_the_target_are_told():
    def curve(dim, seed):
        return table_of([1.0, 0.1 if seed else 0.9], dim=dim, seed=seed, cell_id=f"{dim}")

    (slope,) = fit_slopes(pd.concat([curve(dim, seed) for dim in (4, 8) for seed in range(3)]), ["e"])
    assert slope.missed == {4: 1, 8: 1}
    assert scaling.missed_text(slope) == "D=4: 1 of 3 seeds, D=8: 1 of 3 seeds"


def test_a_target_nobody_reached_has_no_slope():
    fit = fit_scaling({4: np.array([np.nan, np.nan]), 8: np.array([np.nan, 3.0])})
    assert math.isnan(fit.slope.value)
    assert fit.law is None


def test_a_fit_that_runs_away_does_so_without_a_word():
    """Few D are reached and the others are far above: a power without bound, whose interval is not told."""
    table = tables.read_tables(Path(__file__).parents[2] / "results" / "reference" / "toys")
    (slope,) = fit_slopes(table[table["dataset"].str.startswith('{"LaplaceSources"')])
    assert math.isfinite(slope.fit.exponent.value)
    assert math.isnan(slope.fit.exponent.high)


def test_a_dimension_that_needs_no_layer_does_not_rule_the_fit():
    """D = 1 is done with 0 layers; it weighs as much as one that needs 1, and has no exponent."""
    counts = {d: d / 2 + np.array([-0.1, 0.1]) for d in (4, 8, 16, 32)}
    fit = fit_scaling({1: np.zeros(2), **counts})
    dims, means = np.array([1, 4, 8, 16, 32]), np.array([0, 2, 4, 8, 16])
    line = fit.intercept.value + fit.slope.value * dims
    slope, intercept = np.polyfit(dims, means, 1, w=np.maximum(line, 1) ** -0.5)
    # its weights settle in a few rounds
    assert (fit.slope.value, fit.intercept.value) == pytest.approx((slope, intercept), rel=1e-3)
    assert fit.exponent.value == pytest.approx(1)


DIMS = [2, 4, 8, 16, 32, 64, 128, 256]

# How seeds scatter around their mean, as a power of it: by a layer, as first e-folds of exact Gaussians do at
# any D; and by a share of it, as layers on sampled data.
SCATTERS = {"a layer": (1.0, 0), "a share": (0.05, 1)}


def draws(mean, scatter, n, n_seeds=5):
    """Simulated counts of the seeds at each D, n times."""
    rng = np.random.default_rng(1)
    size, power = SCATTERS[scatter]
    for _ in range(n):
        yield {d: mean(d) + size * mean(d) ** power * rng.standard_normal(n_seeds) for d in DIMS}


def cut(counts, depth):
    """Counts above a depth are unknown, but for that."""
    depths = {d: np.full(len(n), depth) for d, n in counts.items()}
    return {d: np.where(n > depth, np.nan, n) for d, n in counts.items()}, depths


@pytest.mark.parametrize("scatter", SCATTERS)
@pytest.mark.parametrize(
    ("depth", "n"),
    [
        (None, 400),
        (131, 200),  # half of the seeds at D = 256
        pytest.param(70, 60, marks=pytest.mark.long),  # all of them, and some at D = 128
    ],
    ids=["all reach it", "half miss it at the largest D", "all miss it there"],
)
def test_intervals_cover_the_slope(scatter, depth, n):
    """Five seeds, eight D: the 95 % interval covers ½."""
    covered = 0
    for counts in draws(lambda d: 1 + d / 2, scatter, n):
        fit = fit_scaling(*cut(counts, depth)) if depth else fit_scaling(counts)
        covered += fit.slope.low <= 0.5 <= fit.slope.high
    # of many repetitions 93 to 97 %; of these, three binomial standard errors less or more
    assert 0.93 - 3 * (0.05 / n) ** 0.5 <= covered / n <= 0.97 + 3 * (0.03 / n) ** 0.5


def test_dropped_seeds_would_bend_the_line():
    """Seeds that miss the target are the slow ones: to leave them out is to call the others typical."""
    counts = next(draws(lambda d: 1 + d / 2, "a share", 1, n_seeds=200))
    reached, depths = cut(counts, 125)
    told, dropped = fit_scaling(reached, depths), fit_scaling(reached)
    assert told.slope.low <= 0.5 <= told.slope.high
    assert not dropped.slope.low <= 0.5 <= dropped.slope.high


@pytest.mark.parametrize("scatter", SCATTERS)
@pytest.mark.parametrize(
    ("law", "mean"),
    [
        ("constant", lambda d: 5 + 0 * d),
        ("log", lambda d: 2 + 3 * math.log(d)),
        ("linear", lambda d: 1 + d / 2),
        ("power", lambda d: 2 * d**0.5),
    ],
)
def test_the_law_is_found(scatter, law, mean):
    found = [fit_scaling(counts).law for counts in draws(mean, scatter, 60)]
    assert found.count(law) >= 0.85 * len(found)  # at least 90 % of many


@pytest.mark.parametrize("scatter", SCATTERS)
@pytest.mark.parametrize(
    ("mean", "dims"),
    [
        (lambda d: 1 + d / 2, DIMS),
        (lambda d: 8 * d**0.3, DIMS[1:6]),
        (lambda d: 2 + 3 * math.log(d), [4, 16, 64]),
    ],
    ids=["linear", "power", "log"],
)
def test_predictions_hold_a_new_run(scatter, mean, dims):
    """Between the D that were run, and at twice the largest: one seed lies in the interval."""
    size, power = SCATTERS[scatter]
    rng = np.random.default_rng(2)
    held = []
    for counts in draws(mean, scatter, 60, n_seeds=3):
        sample = Sample.of({d: counts[d] for d in dims})
        for at in (24, 2 * dims[-1]):
            layers = predict_layers(sample, at).layers
            held.append(
                layers.low <= mean(at) + size * mean(at) ** power * rng.standard_normal() <= layers.high
            )
    # 95 % of many, three binomial standard errors less
    assert np.mean(held) >= 0.95 - 3 * (0.95 * 0.05 / len(held)) ** 0.5


def test_predictions_say_where_they_extrapolate():
    sample = Sample.of({d: np.array([d - 0.1, d + 0.1]) for d in (4, 8, 16)})
    assert [predict_layers(sample, dim).extrapolated for dim in (2, 4, 10, 16, 17)] == [
        True,
        False,
        False,
        False,
        True,
    ]
    assert str(predict_layers(sample, 17)).endswith("] (extrapolated)")
    nothing = predict_layers(Sample.of({4: np.array([3.0, 4.0])}), 8)
    assert math.isnan(nothing.layers.value)


def test_one_seed_has_no_interval():
    fit = fit_scaling({d: np.array([d / 2]) for d in DIMS})
    assert fit.slope.value == pytest.approx(0.5)
    assert math.isnan(fit.slope.low)
    assert str(fit.slope) == "0.500"


def test_what_is_missing_is_told():
    def lacking(found):
        return [slope.missing_reason for slope in fit_slopes(pd.concat(found), ["e"])]

    def table_of_dim(losses, dim=4, seed=0):
        return table_of(losses, dim=dim, seed=seed, cell_id=str(dim))

    reached, missed = [1.0, 0.1], [1.0, 0.9]
    assert lacking([table_of_dim(reached)]) == ["no slope: D = 4 alone, run two D"]
    assert lacking([table_of_dim(missed), table_of_dim(missed, 8)]) == [
        "no slope: no seed reached it, run deeper"
    ]
    assert lacking([table_of_dim(reached), table_of_dim(missed, 8)]) == [
        "no slope: reached at D = 4 alone, run deeper"
    ]
    assert lacking([table_of_dim(reached), table_of_dim(reached, 8)]) == [
        "no interval: no D has two seeds that reached it"
    ]
    assert lacking([table_of_dim(reached, d, s) for d in (4, 8) for s in (0, 1)]) == [""]


@pytest.mark.parametrize(
    ("law", "count"),
    [
        ("constant", lambda d: 5 + 0 * d),
        ("log", lambda d: 2 + 3 * np.log(d)),
        ("linear", lambda d: 1 + d / 2),
        ("power", lambda d: 2 * d**0.5),
    ],
)
def test_laws_are_told_apart(law, count):
    dims = np.array([4.0, 8, 16, 32, 64, 128, 256])
    means = count(dims) * (1 + 0.01 * np.random.default_rng(0).standard_normal(7))
    laws = compare_laws(dims, means)
    assert min(laws, key=laws.__getitem__) == law
    np.testing.assert_allclose(
        predict(law, dims, means, np.array([512.0])), count(np.array([512.0])), rtol=0.05
    )


def test_too_few_dimensions_name_no_law():
    dims = np.array([4.0, 8, 16, 32, 64, 128])
    assert compare_laws(dims, dims / 2) == {}


def test_break_even_is_the_first_layer_that_costs_more_than_it_gains():
    losses = np.array([1.0, 0.5, 0.4, 0.399, 0.3989])
    assert break_even(losses, dim=4, n_samples=100) == 2  # cost 0.02; gains 0.5, 0.1, 0.001
    assert break_even(losses, dim=4, n_samples=10**9) == 4


def test_expected_losses_begin_with_the_population():
    train, test = expected_losses(np.array([1.0, 0.5, 0.25]), 8, 1000)
    assert train[0] == test[0] == 1
    assert (train[1:] < [0.5, 0.25]).all()
    assert (test[1:] > [0.5, 0.25]).all()
