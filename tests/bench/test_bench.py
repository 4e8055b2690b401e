"""Cells, their tables and their figures."""

import dataclasses
import warnings

import jax
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gscale import (
    AllParameters,
    Gaussian,
    Haar,
    Identity,
    InputError,
    LayerSpec,
    Moments,
    Patches,
    Quantiles,
    TrainableRotation,
    TrainedLayer,
    Training,
    fit_layerwise,
)
from gscale.analysis import expected_losses, loss_curves
from gscale.bench import (
    Cell,
    EndToEnd,
    EndToEndScales,
    Expected,
    Grid,
    Layerwise,
    LayerwiseTrained,
    LowerBound,
    Population,
    Sweep,
    WhiteningCouplings,
    catalog,
)
from gscale.bench.measure.run_cell import run_cell
from gscale.bench.measure.timing import seed_keys
from gscale.data import NearIdentity
from gscale.figures.render_matplotlib import draw_sweep, plot_sweeps
from gscale.flows.end_to_end import trained
from gscale.results import tables
from gscale.results.schema import FAILURE, SCHEMA
from gscale.theory import population_losses

HAAR = LayerSpec(Haar(), Moments())


def sampled(**changes):
    setting = {
        "dataset": Gaussian(),
        "dim": 3,
        "layer": HAAR,
        "training": Layerwise(),
        "n_layers": 5,
        "seeds": (0, 1),
        "n_samples": 200,
        "n_test": 100,
        "dtype": "float32",
    }
    return Cell(**{**setting, **changes})


def exact(**changes):
    setting = {"training": Population(), "n_samples": None, "n_test": None, "dtype": "float64"}
    return sampled(**{**setting, **changes})


def losses_of(rows, column="loss_test"):
    return rows.pivot_table(column, "seed", "n_layers", dropna=False).to_numpy()


def test_a_layerwise_cell_is_fit_layerwise():
    cell = sampled(layer=LayerSpec(Haar(), Quantiles(8)), training=Layerwise(first=Moments()))
    rows = run_cell(cell, "s")
    data_keys, layers_keys = seed_keys(cell.seeds)
    for seed in cell.seeds:
        data = cell.dataset.sample(data_keys[seed], 3, 200, 100, "float32")
        _, losses = fit_layerwise(
            layers_keys[seed], data.train, cell.layer, 5, x_test=data.test, first=cell.training.first
        )
        # A float32 batch of seeds is summed in another order than one seed.
        expected = losses.train + data.log_prob_train.mean(), losses.test + data.log_prob_test.mean()
        np.testing.assert_allclose(losses_of(rows, "loss_train")[seed], expected[0], atol=1e-4)
        np.testing.assert_allclose(losses_of(rows)[seed], expected[1], atol=1e-4)


ADAM = Training(n_steps=40, learning_rate=0.02, held_out=0.0)
TURNING = LayerSpec(TrainableRotation(), Moments())


def test_a_cell_trained_layer_by_layer_is_fit_layerwise_of_refined_layers():
    cell = sampled(layer=TURNING, training=LayerwiseTrained(ADAM), n_layers=2, seeds=(3,))
    data_keys, layers_keys = seed_keys(cell.seeds)
    data = cell.dataset.sample(data_keys[0], 3, 200, 100, "float32")
    _, losses = fit_layerwise(layers_keys[0], data.train, TrainedLayer(TURNING, ADAM), 2, x_test=data.test)
    # float32, as above
    np.testing.assert_allclose(
        losses_of(run_cell(cell, "s"))[0], losses.test + data.log_prob_test.mean(), atol=1e-4
    )


@pytest.mark.long
def test_an_end_to_end_cell_trains_a_flow_of_each_depth():
    """Depths that are numbers to one program give what a flow of that depth gives."""
    cell = sampled(layer=TURNING, training=EndToEnd(ADAM, first=Moments()), n_layers=2, seeds=(3,))
    rows = run_cell(cell, "s")
    data_keys, layers_keys = seed_keys(cell.seeds)
    data, key = cell.dataset.sample(data_keys[0], 3, 200, 100, "float32"), layers_keys[0]
    start, losses = fit_layerwise(key, data.train, TURNING, 2, first=Moments())
    flow = trained(jax.random.fold_in(key, 1), data.train, start, ADAM, AllParameters())
    test_loss = -jax.vmap(flow.log_prob)(data.test).mean() + data.log_prob_test.mean()
    # float32 in 40 steps of Adam, whose first ones don't depend on the size of a gradient
    np.testing.assert_allclose(losses_of(rows)[0, 2], test_loss, atol=1e-3)
    assert losses_of(rows, "loss_train")[0, 2] < losses.train[-1] + data.log_prob_train.mean() - 0.01
    assert (rows["seconds"] > 0).all()


def test_a_population_cell_is_population_losses():
    cell = exact()
    rows = run_cell(cell, "s")
    with jax.enable_x64(True):
        data_keys, layers_keys = seed_keys(cell.seeds)
        covariance = cell.dataset.matrix(data_keys[1], 3)
        expected = np.asarray(population_losses(layers_keys[1], covariance, HAAR, 5))
    np.testing.assert_allclose(losses_of(rows)[1], expected, rtol=1e-10)
    assert rows["loss_train"].isna().all()


def test_expected_curves_run_through_the_exact_ones():
    """In the mean over seeds the exact factor of a layer is the expected one; the bound is below."""
    seeds, near = tuple(range(200)), Gaussian(NearIdentity(0.5))
    factors = {}
    for training in (Population(), Expected(), LowerBound()):
        cell = exact(dataset=near, dim=4, n_layers=3, training=training, seeds=seeds)
        losses = losses_of(run_cell(cell, "s"))
        factors[type(training)] = losses[:, 1:] / losses[:, :-1]
    gap = factors[Population] - factors[Expected]
    assert (np.abs(gap.mean(0)) < 4 * gap.std(0) / len(seeds) ** 0.5).all()
    assert (factors[LowerBound] <= factors[Expected] + 1e-12).all()


def test_scales_trained_together_are_exact_from_the_bound_on():
    losses = losses_of(run_cell(exact(dim=4, n_layers=4, training=EndToEndScales(2)), "s"))
    assert (losses[:, :3] > 1e-3).all()
    assert (losses[:, 4] < 1e-10).all()


def test_whitening_couplings_leave_nothing():
    losses = losses_of(run_cell(exact(dim=5, n_layers=2, training=WhiteningCouplings()), "s"))
    assert (losses[:, 0] > 0.1).all()
    assert (losses[:, 2] < 1e-16).all()


@pytest.mark.long
def test_sampled_curves_follow_theory():
    """Train and test losses are the exact curve plus what N rows cost, to sampling error."""
    dim, n_samples, seeds = 8, 2_000, tuple(range(24))
    cell = sampled(dim=dim, n_samples=n_samples, n_test=20_000, n_layers=60, dtype="float64", seeds=seeds)
    rows = run_cell(cell, "s")
    population = losses_of(run_cell(exact(dim=dim, n_layers=60, seeds=seeds), "s"))
    expected_train, expected_test = expected_losses(population.mean(0), dim, n_samples)
    floor = dim * (dim + 3) / (4 * n_samples)  # 0.011 nats
    # χ² with D(D+3)/2 = 44 degrees of freedom scatters by √(2/44) = 21 % a seed, 4.4 % over 24.
    assert abs(losses_of(rows)[:, -1].mean() - expected_test[-1]) < 0.2 * floor
    assert abs(losses_of(rows, "loss_train")[:, -1].mean() - expected_train[-1]) < 0.2 * floor
    # On the way down the test rows' own scatter, √(loss/M) nats a seed, comes on top.
    scatter = 4 * np.sqrt(population.mean(0) / (20_000 * len(seeds))) + 0.25 * floor
    assert (
        np.abs(losses_of(rows).mean(0) - expected_test)[1:] < scatter[1:] + 0.03 * population.mean(0)[1:]
    ).all()


def test_the_same_cell_gives_the_same_numbers():
    for cell in (sampled(), exact()):
        first, second = (run_cell(cell, "s") for _ in range(2))
        pd.testing.assert_series_equal(first["loss_test"], second["loss_test"], check_exact=True)


def test_one_dimension_works():
    on_covariances = (Population(), Expected(), LowerBound(), EndToEndScales())
    for cell in (
        sampled(dim=1),
        sampled(dim=1, layer=LayerSpec(Haar(), Quantiles(4))),
        *(exact(dim=1, n_layers=2, training=training) for training in on_covariances),
    ):
        assert np.isfinite(run_cell(cell, "s")["loss_test"]).all()


def test_ids_tell_settings_apart_and_stay():
    cells = [sampled(), sampled(seeds=(0,)), sampled(dtype="float64"), sampled(n_layers=6), exact()]
    assert len({cell.id for cell in cells}) == len(cells)
    assert sampled().id == sampled().id == dataclasses.replace(sampled()).id


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sampled(n_samples=1), "n_samples is 1: at least 2 rows"),
        (lambda: sampled(n_test=None), "n_test is None: at least 2 rows"),
        (lambda: sampled(n_layers=0), "n_layers is 0"),
        (lambda: sampled(seeds=()), "0 seeds"),
        (lambda: sampled(dtype="float16"), "dtype is 'float16'"),
        (lambda: sampled(dim=0), "dim is 0"),
        (lambda: sampled(dataset=Patches(), dim=1024), r"dim is 1024: the largest of Patches\(\) is 784"),
        (lambda: exact(dataset=Patches(), dim=4), "has no covariance"),
        (lambda: sampled(training=Population()), "has no samples: n_samples and n_test are None"),
        (
            lambda: exact(training=Expected(), layer=LayerSpec(Identity(), Moments())),
            r"Expected\(\) is for layers of Haar\(\) alone",
        ),
        (lambda: exact(training=WhiteningCouplings()), r"n_layers is 5: WhiteningCouplings\(\) are 2"),
        (lambda: sampled(layer=LayerSpec(object(), Moments())), "make it a frozen dataclass"),
    ],
)
def test_impossible_cells_are_refused_when_they_are_made(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_a_grid_spans_cells():
    grid = Grid(
        (Gaussian(),), (2, 4), (HAAR,), depth=lambda dim: 3 * dim, n_seeds=2, n_samples=(10, 20), n_test=5
    )
    cells = grid.cells()
    assert [(cell.n_samples, cell.dim, cell.n_layers) for cell in cells] == [
        (10, 2, 6),
        (10, 4, 12),
        (20, 2, 6),
        (20, 4, 12),
    ]
    assert [(cell.dim, cell.seeds) for cell in grid.cells((8,), 1)] == [(8, (0,)), (8, (0,))]
    sweep = Sweep("s", "", {"ci": (grid, grid)})
    assert sweep.cells("ci") == cells
    with pytest.raises(InputError, match="profile is 'full': sweep 's' has ci"):
        sweep.cells("full")


@pytest.mark.parametrize("name", catalog.shipped())
def test_shipped_sweeps_have_all_profiles(name):
    sweep = catalog.load(name)
    assert sweep.name == name
    assert [len(sweep.cells(profile)) >= 3 for profile in ("ci", "quick", "full")] == [True] * 3


def test_a_written_cell_is_read_back(tmp_path):
    for cell in (sampled(), exact()):
        written = run_cell(cell, "s")
        tables.write_cell(tmp_path, cell.id, written)
        read = tables.read_tables(tmp_path).query("cell_id == @cell.id")
        assert list(read.columns) == SCHEMA.names
        np.testing.assert_array_equal(read["loss_test"], written["loss_test"])
        assert (read["n_layers"] == [*range(6), *range(6)]).all()
        assert read["n_samples"].isna().all() == (cell.n_samples is None)
        assert (read["seconds"] >= 0).all()
    assert not list(tmp_path.glob("*.tmp"))
    assert len(list(loss_curves(tables.read_tables(tmp_path)))) == 4


def test_a_success_takes_the_failure_record_away(tmp_path):
    cell = sampled()
    record = dict.fromkeys(FAILURE, "said")
    path = tables.write_failure(tmp_path, cell.id, record)
    assert tables.read_failures(tmp_path) == [record]
    tables.write_cell(tmp_path, cell.id, run_cell(cell, "s"))
    assert not path.exists()


@pytest.mark.parametrize("content", ["{", "[]", '"text"', '{"cell": "x"}', "\udcff"])
def test_what_is_no_failure_record_is_refused(tmp_path, content):
    path = tables.failure_path(tmp_path, "x")
    path.write_text(content, errors="surrogateescape")
    with pytest.raises(InputError, match="is no failure record: delete it"):
        tables.read_failures(tmp_path)


def plant_garbage(path):
    path.write_bytes(b"PAR1 but no more")


def plant_half(path):
    plant_foreign(path)
    path.write_bytes(path.read_bytes()[:-20])


def plant_foreign(path):
    pq.write_table(pa.table({"x": [1, 2]}), path)


def plant_other_schema(path):
    pq.write_table(pa.table({"x": [1]}).replace_schema_metadata({"gscale_schema": "99"}), path)


def plant_other_columns(path):
    pq.write_table(pa.table({"x": [1]}).replace_schema_metadata(SCHEMA.metadata), path)


PLANTED = {
    plant_garbage: "is not a readable parquet file",
    plant_half: "is not a readable parquet file",
    plant_foreign: "is not a gscale table",
    plant_other_schema: "has schema 99, this gscale reads 3",
    plant_other_columns: "does not have the columns",
}


@pytest.mark.parametrize("plant", PLANTED)
def test_what_is_not_ours_is_refused_and_left_alone(plant, tmp_path):
    path = tmp_path / "0.parquet"
    plant(path)
    before = path.read_bytes()
    for use in (tables.read_tables, tables.prepare):
        with pytest.raises(InputError, match=PLANTED[plant]):
            use(tmp_path)
    assert path.read_bytes() == before


def test_empty_folders_are_told(tmp_path):
    with pytest.raises(InputError, match="holds no results"):
        tables.read_tables(tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        tables.read_tables(tmp_path / "none")


@pytest.mark.long
def test_figures_are_drawn_for_every_kind_of_table(tmp_path):
    cells = [
        *(exact(dim=dim, n_layers=20) for dim in (1, 4)),
        *(sampled(dim=dim, n_layers=20) for dim in (1, 4)),
        exact(dim=2, n_layers=4, training=EndToEndScales()),
        exact(dim=2, n_layers=4, training=Expected()),
        sampled(dataset=Patches(), dim=4, layer=LayerSpec(Haar(), Quantiles(4))),
    ]
    table = pd.concat([run_cell(cell, "some") for cell in cells])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (path,) = plot_sweeps(table, tmp_path / "figures", {"some": "what some is about"})
    assert path.stat().st_size > 10_000
    assert path.with_suffix(".svg").exists()
    figure = draw_sweep(table, "title")
    gaussian_losses, gaussian_layers, _, _ = figure.axes
    # D = 1 has nothing to show of layers; curves: exact, train, test, and two of theory for each D
    assert len(gaussian_losses.lines) >= 2 * 5
    assert "Theorem 1: (D + 1)/2" in gaussian_layers.get_legend_handles_labels()[1]


def test_an_unwritable_figure_folder_is_told(tmp_path):
    (tmp_path / "figures").write_text("a file")
    with pytest.raises(InputError, match="cannot write to"):
        plot_sweeps(run_cell(exact(), "s"), tmp_path / "figures", {})
