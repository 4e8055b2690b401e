"""What N rows cost layers of splines: derived constants and curves against fits."""

import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from gscale import (
    Gaussian,
    Haar,
    Hadamard,
    InputError,
    LayerSpec,
    LinearCoupling,
    MixtureCDF,
    Patches,
    Quantiles,
    fit_layerwise,
)
from gscale.analysis import expected_in, expected_losses, optimal_depths
from gscale.analysis.optimal_depth import varies_rows
from gscale.bench import Cell, Layerwise, Population
from gscale.bench.measure.run_cell import run_cell
from gscale.cli import main as cli
from gscale.figures.render_matplotlib import draw_sweep, plot_sweeps
from gscale.metrics import normal_log_prob
from gscale.results.settings import to_json
from gscale.theory import optimal_depth, sampling_costs, spline_cost

ROOT = Path(__file__).parents[2]


@pytest.mark.long
@pytest.mark.parametrize(
    ("n_bins", "n_samples", "n_columns"),
    [(16, 1_000, 600), (4, 3_000, 300)],
)
def test_a_spline_costs_what_is_derived(n_bins, n_samples, n_columns):
    """Many columns of N(0, 1), each a fit of its own, beside a quadrature of their test losses."""
    with jax.enable_x64(True):
        x = jax.random.normal(jax.random.key(0), (n_samples, n_columns))
        spline = Quantiles(n_bins).fit(jax.random.key(1), x)
        forward = jax.jit(jax.vmap(lambda value: spline.forward(jnp.full(n_columns, value))))
        points = jnp.linspace(-8, 8, 321)
        y, log_det = forward(points)
        weights = jnp.exp(-0.5 * points**2) * 0.05 / math.sqrt(2 * math.pi)
        cost = float((weights * (0.5 * (y**2).sum(1) - log_det)).sum()) - n_columns / 2
        z, log_det = jax.jit(jax.vmap(spline.forward))(x)
        change = float((0.5 * (z**2 - x**2).sum(1) - log_det).mean())
    unit = n_columns / (2 * n_samples)
    expected = spline_cost(n_bins, n_samples)
    # 2N times a column's cost scatters like χ² of c degrees of freedom: four standard errors of the mean, and
    # 3 % for what is of second order in the errors.
    tolerance = 4 * math.sqrt(2 * expected / n_columns) + 0.03 * expected
    assert cost / unit == pytest.approx(expected, abs=tolerance)
    # The same on the rows fitted to: with 4 bins for 3,000 rows it hardly falls.
    assert change / unit == pytest.approx(expected - 2 * (n_bins + 1), abs=2 * tolerance)


def test_training_gain_and_test_cost_add_up_to_the_numbers_fitted():
    """Whatever c: 2k in the first layer; later 2 (k − 1) less what is known of degree 2 and above."""
    for cost in (17.0, 25.0):
        train, test = sampling_costs(8, 1_000, 12, cost, 17)
        gap = np.diff(test - train) * 2 * 1_000 / 8
        assert gap[0] == pytest.approx(34)
        assert 28 < gap[1:].min() < gap[1:].max() < 32


def test_moments_are_a_spline_of_two_numbers():
    train, test = expected_losses(np.zeros(400), dim=6, n_samples=500)
    assert (test[-1], -train[-1]) == pytest.approx((6 * 9 / 2_000, 6 * 9 / 2_000))
    # one layer: means and variances of D coordinates
    assert test[1] == pytest.approx(2 * 6 / 1_000)


@pytest.mark.parametrize(("dim", "n_layers"), [(1, 5), (2, 30), (10_000, 30)])
def test_costs_of_few_and_of_many_dimensions_are_finite(dim, n_layers):
    """In one dimension the second layer finds nothing new to fit; in many, only the means are known."""
    _, test = sampling_costs(dim, 1_000, n_layers, 17.0, 17)
    cost = np.diff(test) * 2 * 1_000 / dim
    assert cost[0] == pytest.approx(17)
    assert cost[1:] == pytest.approx(0 if dim == 1 else cost[1:])
    assert (np.diff(cost) < 1e-6).all()
    if dim > 100:
        assert cost[-1] == pytest.approx(16, abs=0.02)


def test_layers_on_noise_cost_what_is_derived():
    """On N(0, I) at D = 8, where every nat of test loss is a cost."""
    dim, n_samples, n_layers, seeds = 8, 1_000, 10, 6

    def losses(key):
        rows_key, test_key, key = jax.random.split(key, 3)
        x, x_test = (jax.random.normal(k, (n, dim)) for k, n in ((rows_key, n_samples), (test_key, 5_000)))
        spec = LayerSpec(Haar(), Quantiles(n_bins=16))
        _, found = fit_layerwise(key, x, spec, n_layers, x_test=x_test)
        return [
            np.asarray(part) + normal_log_prob(y).mean() for part, y in zip(found, (x, x_test), strict=True)
        ]

    found = np.mean([losses(key) for key in jax.random.split(jax.random.key(3), seeds)], 0)
    expected = expected_losses(np.zeros(n_layers + 1), dim, n_samples, 16)
    # A seed scatters by 4 % by its rows, by 2 % by the test rows, √(2·0.7/5,000) nats; second order adds 5 %.
    np.testing.assert_allclose(found[:, -1], np.array(expected)[:, -1], rtol=0.12)


def run(training, n_samples, n_layers):
    setting = Gaussian(), 6, LayerSpec(Haar(), Quantiles(n_bins=8)), training, n_layers, tuple(range(6))
    return run_cell(Cell(*setting, n_samples, n_samples and 3_000, "float64"), "s")


def curve(losses, **changes):
    """Rows of one curve, made up."""
    setting = {
        "sweep": "s",
        "seed": 0,
        "kind": "population" if changes.get("n_samples", 50) is None else "sampled",
        "per_depth": False,
        "figure": None,
        "dataset": '{"G":{}}',
        "dim": 4,
        "n_samples": 50,
        "rotation": '{"R":{}}',
        "marginal": '{"M":{}}',
        "coupling": None,
        "training": '{"Layerwise":{}}',
        "dtype": "float32",
        "metric": "kl",
    }
    setting |= changes
    setting["cell_id"] = f"{setting['dim']} {setting['n_samples']}"
    train = np.nan if setting["n_samples"] is None else np.asarray(losses) - 0.1
    depths = range(len(losses))
    columns = {"n_layers": depths, "loss_test": losses, "loss_train": train, "seconds": depths}
    return pd.DataFrame({**setting, **columns})


@pytest.mark.long
def test_test_losses_turn_where_theory_says(tmp_path):
    table = pd.concat([run(Layerwise(), 300, 12), run(Layerwise(), 3_000, 24), run(Population(), None, 28)])
    few, many = optimal_depths(table)
    assert (few.n_samples, many.n_samples, few.dim) == (300, 3_000, 6)
    for turn in (few, many):
        # The minimum is flat: chance may move that of a seed far, but not of most, nor to a much lower loss.
        assert np.median(np.abs(turn.layers - turn.expected)) <= 1
        train, test = turn.expected_curves()
        unit = (test - train).max()
        pairs = zip(turn.sampled, turn.expected, strict=True)
        assert np.mean([seed.excess[int(layer)] - seed.excess.min() for seed, layer in pairs]) < 0.05 * unit
        # Six seeds scatter by 3 % of what N rows cost. Second order adds 5 % where rows are few, and few
        # dimensions take as much away.
        measured = np.mean([[c.excess_train, c.excess] for c in turn.sampled], 0)
        np.testing.assert_allclose(measured, [train, test], atol=0.1 * unit)
        assert turn.expected.mean() == turn.expected_at(turn.n_samples)
    # ln 10 e-folds of (D+1)/2 = 3.5 layers in the tail
    assert 5 < many.expected.mean() - few.expected.mean() < 9
    (path,) = plot_sweeps(table.assign(figure="sample_size"), tmp_path, {})
    assert path.stat().st_size > 10_000


def test_a_sweep_about_many_dimensions_is_drawn_against_d():
    """Several N at several D: a row of panels for each N, with the exact curves in both."""
    sampled = [curve([2.0, 1.0, 0.5], dim=dim, n_samples=n) for dim in (2, 3, 4) for n in (50, 100)]
    exact = [
        curve([2.0, 1.0, 0.4], dim=dim, n_samples=None, training='{"Population":{}}') for dim in (2, 3, 4)
    ]
    table = pd.concat([*sampled, *exact])
    assert not varies_rows(table)
    assert optimal_depths(table) == []
    titles = [axes.get_title() for axes in draw_sweep(table, "title").axes]
    assert [title.split(", ")[-1] for title in titles[::2]] == ["N = 50", "N = 100"]


def test_fit_tells_where_the_reference_optimal_depths(capsys):
    """The mean over seeds is within a layer of theory, or its standard error; later with more rows."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["fit", str(ROOT / "results/reference/finite_samples"), "--json"])
    assert not ended.value.code
    found = json.loads(capsys.readouterr().out)
    assert found["slopes"] == []  # there is one dimension
    n_samples = [depth["setting"]["n_samples"] for depth in found["optimal_depths"]]
    assert n_samples == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000]
    pairs = [
        tuple(np.array(depth[name]) for name in ("layers", "theory")) for depth in found["optimal_depths"]
    ]
    expected = np.array([theory.mean() for _, theory in pairs])
    differences = [layers - theory for layers, theory in pairs]
    means = np.array([of_seeds.mean() for of_seeds in differences])
    errors = np.array([of_seeds.std(ddof=1) / len(of_seeds) ** 0.5 for of_seeds in differences])
    # the loss is flat near its minimum, and 4,000 test rows move it by some layers in a seed
    assert (np.abs(means) < np.maximum(1, 3 * errors)).all()
    assert abs(means.mean()) < 1
    # (D+1)/2 · ln 4 = 6.2 layers in the tail
    assert (np.abs(expected[2:] - expected[:-2] - 6.2) < 2).all()


def test_turning_without_theory_and_without_a_turn(tmp_path):
    """A marginal that theory does not know, and losses that still fall at the last layer."""
    table = pd.concat([curve([2.0, 1.0, 0.5], n_samples=50), curve([2.0, 0.5, 0.7], n_samples=100)])
    found = optimal_depths(table)
    assert [turn.expected for turn in found] == [None, None]
    assert np.isnan(found[0].layers).tolist() == [True]
    assert found[1].layers.tolist() == [1]
    assert found[0].expected_curves() is None
    assert plot_sweeps(table.assign(figure="sample_size"), tmp_path, {})


@pytest.mark.parametrize(
    "other",
    [
        {"rotation": to_json(Hadamard())},
        {"marginal": to_json(MixtureCDF())},
        {"coupling": to_json(LinearCoupling())},
        {"dataset": to_json(Patches())},
    ],
)
def test_theory_is_silent_about_other_settings(other):
    known = {
        "dataset": to_json(Gaussian()),
        "rotation": to_json(Haar()),
        "marginal": to_json(Quantiles(16)),
        "coupling": None,
        "training": to_json(Layerwise()),
    }
    assert expected_in(known, 4, 100, np.zeros(3)) is not None
    assert expected_in({**known, **other}, 4, 100, np.zeros(3)) is None


def test_optimal_depth_is_the_minimum():
    rate = 16 / 18
    layers = np.linspace(0, 100, 100_001)
    test = 2.0 * rate**layers + 0.003 * layers
    assert optimal_depth(2.0, 16, 0.003) == pytest.approx(layers[test.argmin()], abs=1e-3)
    assert optimal_depth(1.0, 16, 10.0) == 0


@pytest.mark.parametrize(
    ("n_bins", "n_samples", "message"),
    [(0, 100, "n_bins is 0: it is at least 1"), (4, 1, "n_samples is 1: it is at least 2")],
)
def test_impossible_splines_are_refused(n_bins, n_samples, message):
    with pytest.raises(InputError, match=message):
        spline_cost(n_bins, n_samples)
