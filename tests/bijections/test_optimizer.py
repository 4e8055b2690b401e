"""The optimiser: it takes the steps it says, keeps the best, and hides nothing."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gscale import InputError, Training


def half_distance(mean, rows):
    return 0.5 * ((rows - mean[None]) ** 2).sum(1).mean()


def test_few_rows_are_not_overfit():
    rows = jax.random.normal(jax.random.key(0), (20, 200))

    def excess(held_out):
        training = Training(learning_rate=0.02, held_out=held_out)
        mean = training.minimise(
            jax.random.key(1),
            lambda m, rows: 0.5 * ((rows - m[None]) ** 2).sum(1).mean(),
            jnp.zeros(200),
            rows,
        )
        return 0.5 * (mean**2).sum()  # over the loss of the mean of all rows there are, which is zero

    # The mean of 20 rows is off by ½ · 200/20 = 5 nats. With 2 rows held out, of which each pulls by
    # ±√(200)/20, nothing but steps close to the start pass for better.
    assert abs(excess(0.0) - 5) < 1.5
    assert excess(0.1) < 0.5


def test_a_nan_reaches_the_caller():
    rows, training = jnp.ones(20), Training(n_steps=40, learning_rate=0.1)
    # steps towards 1, where the loss ends
    mean = training.minimise(
        jax.random.key(0), lambda mean, rows: jnp.sqrt(rows - mean).mean(), jnp.zeros(()), rows
    )
    assert jnp.isnan(mean)


@pytest.mark.parametrize("n_steps", [3, 41])
def test_training_takes_as_many_steps_as_it_says(n_steps):
    """The rate is zero in the steps that fill up the last check: the oracle is a plain loop."""
    target, parameters = jnp.array([1.0, -2.0]), jnp.zeros(2)
    rate = optax.cosine_decay_schedule(0.1, n_steps)
    rule = optax.chain(optax.clip_by_global_norm(0.5), optax.adam(rate))
    state, update = rule.init(parameters), jax.jit(rule.update)
    for _ in range(n_steps):
        updates, state = update(parameters - target, state)
        parameters = optax.apply_updates(parameters, updates)
    training = Training(n_steps, learning_rate=0.1, batch_size=4, max_gradient=0.5, held_out=0.0)
    rows = jnp.broadcast_to(target, (30, 2))
    result = training.minimise(jax.random.key(0), half_distance, jnp.zeros(2), rows)
    np.testing.assert_allclose(result, parameters, rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Training(n_steps=-1), "n_steps is -1"),
        (lambda: Training(learning_rate=0.0), "learning_rate is 0.0"),
        (lambda: Training(batch_size=0), "batch_size is 0"),
        (lambda: Training(max_gradient=0.0), "max_gradient is 0.0"),
        (lambda: Training(held_out=1.0), "held_out is 1.0"),
        (lambda: Training(n_checks=0), "n_checks is 0"),
        (lambda: Training(patience=0), "patience is 0"),
        (lambda: Training(patience=3, held_out=0.0), "patience is 3 with held_out 0.0"),
    ],
)
def test_impossible_settings_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_patience_ends_a_training_that_gets_no_better():
    """At a rate that only jumps about, the parameters of the start are kept and the steps cut short."""
    rows = jax.random.normal(jax.random.key(0), (100,))
    calls = []

    def loss(mean, rows):
        jax.debug.callback(lambda: calls.append(1))
        return ((rows - mean) ** 2).mean()

    def minimise(patience):
        calls.clear()
        training = Training(n_steps=40, learning_rate=30.0, n_checks=20, patience=patience)
        mean = jax.jit(lambda start: training.minimise(jax.random.key(1), loss, start, rows))(jnp.zeros(()))
        jax.effects_barrier()
        return float(mean), len(calls)

    # two steps and a check each time, and the check at the start
    assert minimise(None) == (0.0, 61)
    assert minimise(3) == (0.0, 10)


def test_an_optimiser_of_ones_own():
    """A class derived from Training with another rule; plain gradient steps of ½ find the mean at once."""

    @dataclass(frozen=True)
    class GradientDescent(Training):
        def rule(self):
            return optax.sgd(0.5)

    rows = jnp.array([1.0, 3.0])
    mean = GradientDescent(n_steps=1, batch_size=1000, held_out=0.0).minimise(
        jax.random.key(0), lambda m, rows: ((rows - m) ** 2).mean(), jnp.zeros(()), rows
    )
    assert abs(mean - 2) < 0.15  # 1000 draws of ±1, three standard errors are 0.1
