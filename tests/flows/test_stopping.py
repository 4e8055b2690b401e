"""Rules that end a layer-wise fit: they keep layers that gain on new rows, and change nothing else."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gscale import (
    EarlyStopping,
    Haar,
    InformationCriterion,
    InputError,
    LayerSpec,
    Moments,
    Quantiles,
    fit_layerwise,
)
from gscale.data import LaplaceSources

KEY = jax.random.key(0)
SPEC = LayerSpec(Haar(), Quantiles(n_bins=8))
DIM = 10


def noise(n):
    return jax.random.normal(KEY, (n, DIM)), jax.random.normal(jax.random.key(1), (5_000, DIM))


@pytest.mark.parametrize("rule", [InformationCriterion(), EarlyStopping()])
def test_nothing_is_added_to_noise(rule):
    """On N(0, I) a layer costs about 8·10/(2·500) = 0.08 nats; by chance one may be added."""
    x, x_test = noise(500)
    flow, losses = fit_layerwise(KEY, x, SPEC, 30, x_test=x_test, stopping=rule)
    _, full = fit_layerwise(KEY, x, SPEC, 30, x_test=x_test)
    assert len(losses.test) - 1 <= 1
    assert full.test[-1] > losses.test[-1] + 0.5
    assert flow.sample(KEY, 7).shape == (7, DIM)
    np.testing.assert_allclose(-jax.vmap(flow.log_prob)(x_test).mean(), losses.test[-1], atol=1e-4)


@pytest.mark.long
def test_structure_is_fitted_until_it_costs_more_than_it_gives():
    rows = LaplaceSources().sample(KEY, DIM, 2_000, 5_000, "float32")
    x, x_test = jnp.asarray(rows.train), jnp.asarray(rows.test)
    _, full = fit_layerwise(KEY, x, SPEC, 60, x_test=x_test)
    for rule in (InformationCriterion(), EarlyStopping()):
        _, losses = fit_layerwise(KEY, x, SPEC, 60, x_test=x_test, stopping=rule)
        assert 1 < len(losses.test) - 1 < 60
        assert losses.test[-1] < full.test[0] - 0.3
        # The curve is flat around its minimum: a window of layers more or less is not a tenth of a nat.
        assert losses.test[-1] < full.test.min() + 0.1


def test_layers_are_those_of_the_fit_without_a_rule():
    x, x_test = noise(2_000)
    x, x_test = jnp.sinh(x), jnp.sinh(x_test)
    flow, losses = fit_layerwise(
        KEY, x, SPEC, 6, x_test=x_test, first=Moments(), stopping=EarlyStopping(patience=6)
    )
    n_layers = len(losses.train) - 1
    plain, expected = fit_layerwise(KEY, x, SPEC, 6, x_test=x_test, first=Moments())
    for curve, full in zip(losses, expected, strict=True):
        np.testing.assert_allclose(curve, full[: n_layers + 1], atol=1e-4)
    np.testing.assert_allclose(
        flow.layers.marginal.x, plain.layers.marginal.x[:n_layers], atol=1e-3, rtol=1e-3
    )


def test_the_depth_is_the_least_where_n_layers_ends_the_fit():
    x, x_test = noise(500)
    _, losses = fit_layerwise(KEY, x, SPEC, 3, x_test=x_test, stopping=EarlyStopping(patience=100))
    assert losses.test.argmin() == len(losses.test) - 1


@dataclass(frozen=True)
class Unknown:
    def fit(self, key, x):
        return Moments().fit(key, x)


@pytest.mark.parametrize(
    ("stopping", "marginal", "message"),
    [
        (EarlyStopping(), Moments(), "needs rows that are not fitted to: give x_test"),
        (
            InformationCriterion(),
            Unknown(),
            r"Unknown\(\) has no n_parameters.*: Info\w+ needs it",
        ),
    ],
)
def test_what_a_rule_lacks_is_named(stopping, marginal, message):
    with pytest.raises(InputError, match=message):
        fit_layerwise(KEY, noise(50)[0], LayerSpec(Haar(), marginal), 3, stopping=stopping)


@pytest.mark.parametrize(("rule", "setting"), [(InformationCriterion, "window"), (EarlyStopping, "patience")])
def test_impossible_settings_are_refused(rule, setting):
    with pytest.raises(InputError, match=f"{setting} is 0"):
        rule(0)


def test_a_loss_that_is_not_finite_ends_the_fit():
    x, x_test = noise(50)
    flawed = x_test.at[3, 2].set(jnp.nan)
    with pytest.raises(FloatingPointError, match="on test rows nan, with 0 layers"):
        fit_layerwise(KEY, x, LayerSpec(Haar(), Moments()), 3, x_test=flawed, stopping=EarlyStopping())
