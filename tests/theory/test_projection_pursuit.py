"""Structure in noise: the searches, the cells that measure them, what is kept beside their tables."""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from gscale import Gaussian, Haar, InputError, LayerSpec, Quantiles, SlicedWasserstein
from gscale.analysis import fit_slopes, loss_curves, mean_interval, projection_distances, summarise
from gscale.bench import NO_LAYER, Cell, Layerwise, Projections
from gscale.bench.measure.run_cell import run_cell
from gscale.data import Equicorrelated
from gscale.figures.render_matplotlib import draw_sweep, plot_sweeps
from gscale.results import tables
from gscale.results.settings import to_json
from gscale.theory import bimodal_quantiles, find_projection, projected_distance, spurious_distance

REFERENCE = Path(__file__).parents[2] / "results" / "reference" / "spurious"
SEARCH = Projections(n_restarts=2, n_steps=20, modes_at=0.9)


def noise(**changes):
    setting = {
        "dataset": Gaussian(Equicorrelated(0.0)),
        "dim": 60,
        "layer": NO_LAYER,
        "training": SEARCH,
        "n_layers": 1,
        "seeds": (0, 1),
        "n_samples": 200,
        "n_test": 150,
        "dtype": "float32",
    }
    return Cell(**{**setting, **changes})


@pytest.fixture(scope="module")
def measured():
    """A small cell's table and histograms."""
    kept = []
    return noise(), run_cell(noise(), "s", on_histograms=kept.append), kept[0]


def mixture(m):
    width = (1 - m**2) ** 0.5
    return lambda x: (norm.cdf(x, m, width) + norm.cdf(x, -m, width)) / 2


@pytest.mark.parametrize("m", [0.1, 0.9, 0.999])
def test_two_modes_are_a_mixture(m):
    quantiles = bimodal_quantiles(m, 20_000)
    levels = (np.arange(20_000) + 0.5) / 20_000
    # a straight line between 100,000 points of 18 widths is exact to (1.8e-4)²/8 of a width
    np.testing.assert_allclose(mixture(m)(quantiles), levels, atol=1e-8)
    np.testing.assert_allclose([quantiles.mean(), quantiles.std()], [0, 1], atol=1e-3)  # but for the tails


@pytest.mark.parametrize("m", [0.0, 1.0, -0.5, float("nan")])
def test_modes_that_cannot_be_are_refused(m):
    for make in (lambda: bimodal_quantiles(m, 10), lambda: Projections(modes_at=m)):
        with pytest.raises(InputError, match="for a variance of 1 it lies between 0 and 1"):
            make()


def test_distance_to_a_law():
    """By hand: quantiles moved by one are at distance one; a law is at none from its own quantiles."""
    law = bimodal_quantiles(0.8, 500)
    x = np.random.default_rng(0).permutation(law)[:, None].astype(np.float32)
    one = jnp.ones(1)
    assert float(projected_distance(one, jnp.asarray(x), law)) < 1e-6
    assert float(projected_distance(one, jnp.asarray(x + 1), law)) == pytest.approx(1, abs=1e-6)


@pytest.mark.optimised
def test_no_step_leads_away_from_the_law():
    """A step that did would leave the best distance as it is."""
    x = jax.random.normal(jax.random.key(0), (500, 100))
    law = bimodal_quantiles(0.95, 500)
    search = jax.jit(lambda n: find_projection(jax.random.key(1), x, towards=law, n_restarts=1, n_steps=n)[1])
    distances = np.array([search(n) for n in range(1, 13)])
    assert (np.diff(distances) < 0).all()
    assert distances[-1] < 0.7 * distances[0]


@pytest.mark.optimised
def test_noise_has_two_modes_where_they_are_sought_and_none_on_fresh_rows():
    """D/N = 0.2 reaches all within W2 = 0.45 of N(0, 1); modes at ±0.9 are at 0.24."""
    n, dim = 2_000, 400
    search, kept = Projections(n_steps=100, modes_at=0.9), []
    cell = noise(n_samples=n, dim=dim, n_test=n, training=search, seeds=(0, 1, 2))
    (found,) = projection_distances(run_cell(cell, "s", on_histograms=kept.append))
    # a seed scatters by some 1/(2√D), 2.5 %
    assert abs(found.searched.mean() / spurious_distance(dim, n) - 1) < 0.05
    # W2² of N rows of N(0, 1) itself has a mean of some 3/N, scattering by as much
    assert (np.stack([found.random, found.fresh]) < 4 / n**0.5).all()
    at_edges = (
        kept[0]
        .query("projection == 'bimodal'")
        .assign(level=lambda counts: counts.groupby(["seed", "rows"])["count"].cumsum() / n)
    )
    for (_, rows), part in at_edges.groupby(["seed", "rows"]):
        middle, modes = (
            part.query(f"abs(abs(low + high) / 2 - {at}) < 0.2")["count"].sum() for at in (0, 0.9)
        )
        off_normal = np.abs(part["level"] - norm.cdf(part["high"])).max()
        off_target = np.abs(part["level"] - mixture(0.9)(part["high"])).max()
        if rows == "searched":  # per mode the mixture has a density of 0.28 in the middle, N(0, 1) of 1.5
            assert middle < 0.4 * modes / 2
            assert off_target < 0.02
        else:  # Kolmogorov: 1.95/√N is exceeded once in 1,000
            assert middle > 1.2 * modes / 2
            assert off_normal < 1.95 / n**0.5 < off_target


def test_a_cell_holds_both_directions(measured):
    _, rows, _ = measured
    assert set(rows["metric"]) == {"w2"}
    assert list(rows["n_layers"]) == [0, 1, 0, 1]
    at = dict(iter(rows.groupby("n_layers")))
    assert (at[1]["loss_train"].to_numpy() > 2 * at[0]["loss_train"].to_numpy()).all()
    assert (at[1]["loss_test"] < at[1]["loss_train"]).all()
    assert (rows["seconds_compile"] > 0).all()


def test_histograms_count_every_row(measured):
    cell, rows, counts = measured
    totals = counts.pivot_table("count", ["seed", "projection"], "rows", aggfunc="sum")
    assert len(totals) == 2 * 3
    assert (totals["searched"] == cell.n_samples).all()
    assert (totals["fresh"] == cell.n_test).all()
    # W2² to N(0, 1) from bins alone: a bin of 0.1 moves each row by 0.05 at most
    middles = (counts["low"] + counts["high"]) / 2
    seen = counts.assign(at=middles).query("rows == 'searched' and seed == 0")
    for name, n in (("random", 0), ("furthest", 1)):
        part = seen[seen["projection"] == name]
        values = np.repeat(part["at"], part["count"])
        quantiles = norm.ppf((np.arange(cell.n_samples) + 0.5) / cell.n_samples)
        exact = rows[(rows["seed"] == 0) & (rows["n_layers"] == n)]["loss_train"].item()
        assert abs(np.sqrt(((values - quantiles) ** 2).mean()) - exact) < 0.05


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_layers": 2}, "fits no layers: n_layers is 1"),
        ({"layer": LayerSpec(Haar(), Quantiles(8))}, "layer is NO_LAYER, not LayerSpec"),
        ({"n_test": None}, "n_test is None: at least 2 rows"),
    ],
)
def test_impossible_cells_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        noise(**changes)


def test_searches_without_effort_are_refused():
    with pytest.raises(InputError, match="n_steps is 0"):
        Projections(n_steps=0)
    with pytest.raises(InputError, match="n_restarts is 0"):
        Projections(n_restarts=0)


def test_histograms_lie_beside_the_tables(measured, tmp_path):
    cell, rows, counts = measured
    folder = tmp_path / "s"
    tables.prepare(folder)
    assert tables.read_histograms(folder).empty
    tables.write_histograms(folder, cell.id, counts)
    for empty in (folder, tmp_path):  # a run stopped before the table was written
        with pytest.raises(InputError, match="holds no results"):
            tables.read_tables(empty)
    tables.write_cell(folder, cell.id, rows)
    for top in (folder, tmp_path):
        assert len(tables.read_tables(top)) == len(rows)
        read = tables.read_histograms(top)
        pd.testing.assert_frame_equal(read, counts[list(read.columns)])
    assert len(pd.read_parquet(folder)) == len(rows)
    tables.prepare(folder)
    path = folder / "_histograms" / f"{cell.id}.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="is not a readable parquet file"):
        tables.read_histograms(folder)


def layers(rotation, **changes):
    setting = {"dim": 4, "layer": LayerSpec(rotation, Quantiles(8)), "training": Layerwise(), "n_layers": 4}
    return noise(**{**setting, "n_test": 2_000, **changes})


@pytest.fixture(scope="module")
def layer_rows():
    layer = LayerSpec(SlicedWasserstein(n_steps=10), Quantiles(8))
    return run_cell(noise(dim=4, layer=layer, training=Layerwise(), n_layers=4, n_test=2_000), "s")


def assert_learned_from_noise(table):
    """Layer by layer and on every seed the train loss falls and the test loss rises."""
    found = list(loss_curves(table))
    assert len({curve.seed for curve in found}) >= 2
    for curve in found:
        assert (np.diff(curve.excess_train) < 0).all(), curve
        assert (np.diff(curve.excess) > 0).all(), curve


@pytest.mark.long
def test_layers_learn_noise(layer_rows):
    assert_learned_from_noise(layer_rows)


def test_slopes_leave_distances_out(measured, layer_rows):
    _, distances, _ = measured
    assert fit_slopes(distances) == []
    together = fit_slopes(pd.concat([distances, layer_rows]))
    assert {slope.setting["metric"] for slope in together} == {"kl"}
    assert list(projection_distances(layer_rows)) == []


def test_the_figure(measured, layer_rows, tmp_path):
    _, distances, counts = measured
    distances = distances.assign(figure="projections")
    table = pd.concat([distances, layer_rows.assign(figure="projections")])
    (path,) = plot_sweeps(table, tmp_path, {}, counts)
    assert path.stat().st_size > 10_000
    panels = draw_sweep(table, "title", counts).axes
    assert len(panels) == 5
    assert "target" in panels[2].get_legend_handles_labels()[1]
    assert len(draw_sweep(distances, "title", counts).axes) == 4
    plain = to_json(dataclasses.replace(SEARCH, modes_at=None))
    assert len(draw_sweep(distances.assign(training=plain), "title", counts).axes) == 1
    with pytest.raises(InputError, match="has a table but no histograms"):
        plot_sweeps(table, tmp_path, {})


def test_distances_are_told_beside_theory(measured):
    _, distances, _ = measured
    found = summarise(distances)
    heading, _, *lines = found.lines()
    assert heading.endswith("Gaussian(Equicorrelated(rho=0)), projections")
    assert len(lines) == len(found.distances)
    (record,) = found.records()["distances"]
    assert json.loads(json.dumps(record))["expected"] == pytest.approx(found.distances[0].expected)


def test_the_reference_is_figure_4():
    table = tables.read_tables(REFERENCE)
    assert_learned_from_noise(table)
    ends = {(curve.setting["rotation"], curve.seed): curve for curve in loss_curves(table)}
    for (rotation, seed), curve in ends.items():
        haar = ends['{"Haar":{}}', seed]
        assert rotation == '{"Haar":{}}' or curve.excess_train[-1] < haar.excess_train[-1] < 0
        assert rotation == '{"Haar":{}}' or curve.excess[-1] > haar.excess[-1] > 0
    found = [
        one for one in projection_distances(table) if one.dim >= 200
    ]  # in fewer, chance adds more than 5 %
    ratios = [one.dim / one.n_samples for one in found]
    assert min(ratios) == 0.005
    assert max(ratios) == 0.5
    for one in found:
        assert one.n_samples >= 2_000
        assert abs(mean_interval(one.searched).value / one.expected - 1) < 0.05
