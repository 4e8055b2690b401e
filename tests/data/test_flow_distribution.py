"""A flow as a data set: its rows are the flow's, its log-densities those of the rows."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save as as_safetensors
from scipy import stats

from gscale import (
    Digits,
    Haar,
    InputError,
    LayerSpec,
    LinearCoupling,
    Moments,
    Quantiles,
    RotationMap,
    fit_layerwise,
)
from gscale.data.flow_distribution import model_of, open_model
from gscale.flows import serialisation as saved
from gscale.flows.flow import Flow
from gscale.flows.serialisation import is_flow, load_flow, save_flow

pytestmark = pytest.mark.long  # each fits a flow

KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return model_of(tmp_path_factory.mktemp("model") / "nine.safetensors", Digits(), 9, 1_000, n_layers=12)


@pytest.fixture(scope="module")
def rows(model):
    return jax.tree.map(np.asarray, model.sample(KEY, 9, 20_000, 5_000, "float32"))


def test_rows_are_those_of_the_flow(model, rows):
    """Two samples, along every coordinate and along random directions: twenty tests at 1e-4."""
    others = np.asarray(model.flow.sample(jax.random.key(7), 20_000))
    directions = np.concatenate([np.eye(9), np.random.default_rng(0).normal(size=(11, 9))])
    for direction in directions:
        assert stats.ks_2samp(rows.train @ direction, others @ direction).pvalue > 1e-4


def test_log_densities_are_those_of_the_rows(model, rows):
    again = np.asarray(jax.vmap(model.flow.log_prob)(jnp.asarray(rows.test)))
    # there and back through 12 layers of splines in float32
    assert np.median(np.abs(again - rows.log_prob_test)) < 1e-2
    # the negative log-likelihood is the entropy: their difference is a mean of errors of rounding
    assert abs((again - rows.log_prob_test).mean()) < 5e-3


def test_the_entropy_is_that_of_other_rows(rows):
    """The mean of −log p over training and test rows estimates one entropy."""
    difference = rows.log_prob_train.mean() - rows.log_prob_test.mean()
    error = np.hypot(rows.log_prob_train.std() / 20_000**0.5, rows.log_prob_test.std() / 5_000**0.5)
    assert abs(difference) < 4 * error


def test_the_density_is_normalised(rows):
    """E[q/p] is 1 for a normal q well inside."""
    near = rows.train[np.argsort(-rows.log_prob_train)[:3_000]]
    q = stats.multivariate_normal(near.mean(0), np.cov(near.T) * 0.5)
    ratio = np.exp(q.logpdf(rows.train) - rows.log_prob_train)
    error = ratio.std() / 20_000**0.5
    assert error < 0.2
    assert abs(ratio.mean() - 1) < 4 * error


def test_a_model_has_one_dimension_and_no_path_in_its_name(model):
    assert repr(model).startswith("ModelDistribution(name='nine.safetensors', digest='")
    assert open_model(model.path) == model
    for dim, message in ((4, "is a model of D = 9 and of no other"), (10, "dim is 10: the largest of")):
        with pytest.raises(InputError, match=message):
            model.check(dim, 10, 10)


@pytest.mark.parametrize(
    "spec", [LayerSpec(Haar(), Moments()), LayerSpec(Haar(), Quantiles(4), LinearCoupling())], ids=repr
)
def test_flows_come_back_as_they_were(tmp_path, spec):
    x = jax.random.normal(KEY, (200, 4))
    flow, _ = fit_layerwise(KEY, x, spec, n_layers=2)
    save_flow(tmp_path / "flow.safetensors", flow)
    again = load_flow(tmp_path / "flow.safetensors")
    assert is_flow(tmp_path / "flow.safetensors")
    assert jax.tree.structure(again) == jax.tree.structure(flow)
    for one, other in zip(jax.tree.leaves(again), jax.tree.leaves(flow), strict=True):
        np.testing.assert_array_equal(one, other)
    assert [path.name for path in tmp_path.iterdir()] == ["flow.safetensors"]


class Mine(RotationMap):
    pass


def written(path, structure, **other):
    """A file as `save` would write it, with a header of our own."""
    header = {"format": "2", "gscale": "0", "kind": "flow", "summary": "{}", "structure": structure, **other}
    arrays = {"array_0": np.ones((2, 2), np.float32)}
    path.write_bytes(as_safetensors(arrays, {**header, "sha256": saved._checksum(header, arrays)}))


def test_what_is_no_flow_is_refused(tmp_path, model):
    with pytest.raises(InputError, match="a Mine cannot be saved: only the specs and maps of gscale can be"):
        save_flow(tmp_path / "x.safetensors", Flow(Mine(jnp.eye(2)), None, 2))
    with pytest.raises(InputError, match="cannot write"):
        save_flow(tmp_path / "none" / "x.safetensors", model.flow)
    with pytest.raises(InputError, match=r"does not end in \.safetensors"):
        model_of(tmp_path / "x", Digits(), 4, 100)
    path = tmp_path / "x.safetensors"
    whole = model.path.read_bytes()
    for content in (b"", b"text", whole[:-50], whole[:5_000], whole + b"more"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"x.safetensors is no readable .safetensors file") as raised:
            open_model(path)
        assert "\n" not in str(raised.value)
    with pytest.raises(InputError, match="cannot read"):
        open_model(tmp_path / "none.safetensors")


def test_a_changed_byte_is_noticed(tmp_path, model):
    path, content = tmp_path / "x.safetensors", bytearray(model.path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x.safetensors is damaged"):
        open_model(path)


def test_files_of_others_are_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(as_safetensors({"weight": np.ones(3)}))
    with pytest.raises(InputError, match=r"was not saved by gscale"):
        open_model(path)
    written(path, "{}", format="3")
    with pytest.raises(InputError, match="has format '3', this gscale reads '2': update gscale"):
        open_model(path)
    written(path, "{}", kind="density")
    assert not is_flow(path)
    with pytest.raises(InputError, match="holds a density, not a flow"):
        open_model(path)
    for structure in ("{", '{"array": "array_1"}', "[1, 2"):
        written(path, structure)
        with pytest.raises(InputError, match="is no flow saved by gscale"):
            open_model(path)
    written(path, '{"array": "array_0"}')
    with pytest.raises(InputError, match=r"holds a \w+, not a flow"):
        open_model(path)


@pytest.mark.parametrize(
    "kind",
    [
        "os:system",
        "gscale.flows.serialisation:save_flow",
        "gscale.errors:InputError",
        "gscale.flows.flow:jax",
        "gscale.flows.flow:Spec",
    ],
)
def test_a_file_names_nothing_but_maps_and_specs(tmp_path, kind):
    written(tmp_path / "x.safetensors", json.dumps({"class": kind, "fields": {}}))
    with pytest.raises(InputError, match=r"is no map or spec of gscale"):
        open_model(tmp_path / "x.safetensors")
