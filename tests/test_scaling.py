"""Layer counts and slopes from curves whose answer is known."""

import math

import numpy as np
import pandas as pd
import pytest

from gscale import InputError
from gscale.bench import scaling
from gscale.bench.scaling import (
    Factor,
    Gain,
    break_even,
    compare_laws,
    curves,
    expected_losses,
    fit_scaling,
    layers_needed,
    predict,
    slopes,
    tail_rate,
    target_named,
)

SETTING = {
    "sweep": "s",
    "dataset": "Gaussian()",
    "rotation": "Haar()",
    "marginal": "Moments()",
    "coupling": None,
    "training": "Population()",
    "dtype": "float64",
    "metric": "kl",
    "n_samples": None,
    "dim": 4,
    "seed": 0,
    "cell_id": "a",
}
SAMPLED = {"training": "Layerwise()", "metric": "nll", "n_samples": 50}


def table_of(losses, **setting):
    """Rows of one curve, as a cell writes them."""
    setting = {**SETTING, **setting}
    train = np.nan if setting["training"] == "Population()" else np.asarray(losses) - 0.1
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
    assert tail_rate(excess, exact=True) == pytest.approx(-1 / math.log(0.9))


def test_tail_rate_of_a_sampled_curve_keeps_off_its_floor():
    excess = 0.9 ** np.arange(200) + 1e-3
    assert tail_rate(excess, exact=False) == pytest.approx(-1 / math.log(0.9), rel=0.02)
    assert math.isnan(tail_rate(0.99 ** np.arange(20), exact=False))


@pytest.mark.parametrize("name", ["nothing", "1", "0.5", "-2nats", "xnats"])
def test_unknown_targets_are_refused(name):
    with pytest.raises(InputError, match=f"target is {name!r}"):
        target_named(name)


def test_targets_by_name():
    assert target_named("10") == Factor(10.0)
    assert target_named("2nats") == Gain(2.0)


def test_the_floor_is_the_lowest_loss_of_all_rivals():
    lower = table_of([0.0, -2.0, -3.0, -2.5], **SAMPLED)
    higher = table_of([0.0, -1.0, -1.5, -1.6], **SAMPLED, cell_id="b", rotation="R()")
    found = {curve.setting["rotation"]: curve for curve in curves(pd.concat([lower, higher]))}
    assert found["Haar()"].excess.tolist() == [3, 1, 0, 0.5]
    assert found["R()"].excess.tolist() == [3, 2, 1.5, 1.4]
    np.testing.assert_allclose(found["R()"].excess_train, [2.9, 1.9, 1.4, 1.3])


def test_the_deepest_of_several_cells_is_taken():
    table = pd.concat([table_of([4.0, 2.0, 1.0], cell_id="z"), table_of([4.0, 2.0], cell_id="a")])
    assert [len(curve.excess) for curve in curves(table)] == [3]


def test_a_cell_that_two_sweeps_share_has_its_curve_in_each():
    parts = [table_of([4.0, 2.0, 1.0], sweep=sweep) for sweep in ("s", "t")]
    assert [curve.excess.tolist() for curve in curves(pd.concat(parts))] == [[4, 2, 1]] * 2


def test_slopes_of_a_table():
    rng = np.random.default_rng(0)

    def curve(dim, seed):
        rate = dim / 2 + 1 + rng.normal(0, 0.01)
        return table_of(np.exp(-np.arange(20 * dim) / rate), dim=dim, seed=seed, cell_id=f"{dim}")

    tail, fold = slopes(pd.concat([curve(dim, seed) for dim in (4, 8, 16, 32) for seed in range(3)]))
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

    (slope,) = slopes(pd.concat([curve(dim, seed) for dim in (4, 8) for seed in range(3)]), ["e"])
    assert slope.missed == {4: 1, 8: 1}
    assert scaling.missed_text(slope) == "D=4: 1 of 3 seeds, D=8: 1 of 3 seeds"


def test_a_target_nobody_reached_has_no_slope():
    fit = fit_scaling({4: np.array([np.nan, np.nan]), 8: np.array([np.nan, 3.0])})
    assert math.isnan(fit.slope.value)
    assert fit.law is None


def test_a_dimension_that_needs_no_layer_does_not_rule_the_fit():
    """D = 1 is done with 0 layers; it weighs as much as one that needs 1, and has no exponent."""
    counts = {d: d / 2 + np.array([-0.1, 0.1]) for d in (4, 8, 16, 32)}
    fit = fit_scaling({1: np.zeros(2), **counts})
    means = np.array([0, 2, 4, 8, 16])
    slope, intercept = np.polyfit([1, 4, 8, 16, 32], means, 1, w=1 / np.maximum(means, 1))
    assert (fit.slope.value, fit.intercept.value) == pytest.approx((slope, intercept))
    assert fit.exponent.value == pytest.approx(1)


def test_intervals_cover_the_slope():
    """5 % scatter, 5 seeds, 8 dimensions: the 95 % interval covers ½ in most of 200 repetitions."""
    rng = np.random.default_rng(1)
    dims = [2, 4, 8, 16, 32, 64, 128, 256]
    covered = 0
    for _ in range(200):
        fit = fit_scaling({d: (2 + d / 2) * (1 + 0.05 * rng.standard_normal(5)) for d in dims})
        covered += fit.slope.low <= 0.5 <= fit.slope.high
    # The binomial standard error is 1.5 % around 95 %; five seeds a dimension cost a bootstrap some percent.
    assert 0.88 <= covered / 200 <= 0.99


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
