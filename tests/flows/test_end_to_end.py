"""Training on the loss: what is trained and what is fixed, killed trainings, and trainings that diverge."""

import re
import signal
import subprocess
import sys
import textwrap

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gscale import (
    MLP,
    AffineTransformer,
    AllParameters,
    Checkpoint,
    Coupling,
    Haar,
    Hadamard,
    Householder,
    InputError,
    LayerSpec,
    MarginalParameters,
    Moments,
    Quantiles,
    TrainableRotation,
    Training,
    fit_end_to_end,
    fit_layerwise,
)
from gscale.bijections.constraints import constrain, unconstrain

KEY = jax.random.key(0)
COLD = Training(n_steps=0)
MOMENTS = Moments()
COUPLING = Coupling(AffineTransformer(), MLP(4, 1), training=COLD)


@pytest.fixture(scope="module")
def x():
    """Mixed Laplace sources in four dimensions."""
    return jax.random.laplace(KEY, (600, 4)) @ jax.random.normal(jax.random.key(1), (4, 4))


def start(x, rotation, marginal=MOMENTS, coupling=None, n_layers=2):
    spec = LayerSpec(rotation, marginal, coupling=coupling)
    return fit_layerwise(KEY, x, spec, n_layers, first=MOMENTS)[0]


def same(tree, other):
    return eqx.tree_equal(eqx.filter(tree, eqx.is_array), eqx.filter(other, eqx.is_array))


def test_parameters_without_limits_are_the_same_map(x):
    layer = LayerSpec(TrainableRotation(), Quantiles(n_bins=4), coupling=COUPLING)
    flow, _ = fit_layerwise(KEY, x, layer, 3, first=Moments())
    assert same(constrain(unconstrain(flow)), flow)
    hadamard = start(x, Hadamard())
    assert same(constrain(unconstrain(hadamard)), hadamard)


def test_what_is_trained(x):
    """Learned rotations turn and stay orthogonal; all else moves, too."""
    training = Training(n_steps=60, learning_rate=0.02)
    flow = start(x, TrainableRotation(), coupling=COUPLING)
    trained, curve = fit_end_to_end(KEY, x, flow, training)
    assert curve.held_out.min() < curve.held_out[0] - 0.05
    turned, before = (jax.vmap(lambda r: r.matrix)(one.layers.rotation) for one in (trained, flow))
    assert jnp.abs(turned - before).max() > 0.01
    # float32: a product of D = 4 terms
    assert jnp.abs(turned @ turned.mT - jnp.eye(4)[None]).max() < 1e-6
    for one, other in zip(parts_of(trained), parts_of(flow), strict=True):
        assert not same(one, other)


def parts_of(flow):
    return flow.first, flow.layers.marginal, flow.layers.coupling.network


def test_marginals_alone(x):
    flow = start(x, Householder(2), Moments(), COUPLING)
    trained, _ = fit_end_to_end(KEY, x, flow, Training(n_steps=20), parts=MarginalParameters())
    assert same(trained.layers.rotation, flow.layers.rotation)
    assert same(trained.layers.coupling, flow.layers.coupling)
    assert not same(trained.layers.marginal, flow.layers.marginal)
    chosen, _ = fit_end_to_end(
        KEY, x, flow, Training(n_steps=20), parts=lambda flow: (flow.first, flow.layers.marginal)
    )
    assert same(chosen, trained)


def test_trained_splines_keep_their_order():
    """Far from where they began: the map rises and comes back."""
    rows = jax.random.laplace(KEY, (500, 3))
    free = unconstrain(Quantiles(n_bins=8).fit(KEY, rows))
    leaves, structure = jax.tree.flatten(eqx.filter(free, eqx.is_inexact_array))
    keys = jax.random.split(jax.random.key(1), len(leaves))
    moved = [leaf + jax.random.normal(key, leaf.shape) for key, leaf in zip(keys, leaves, strict=True)]
    spline = constrain(eqx.tree_at(lambda s: s.start, jax.tree.unflatten(structure, moved), free.start))
    assert (jnp.diff(spline.x, axis=0) > 0).all()
    assert (jnp.diff(spline.y, axis=0) > 0).all()
    back = jax.vmap(lambda x: spline.inverse(spline.forward(x)[0])[0])(rows)
    # float32, in bins that are up to a hundred times flatter than those of a fitted spline
    np.testing.assert_allclose(back, rows, atol=1e-3)


@pytest.mark.long
@pytest.mark.optimised
def test_end_to_end_beats_layer_by_layer_from_the_same_start():
    """Scales between drawn rotations: one by one each layer sees only its own loss."""
    rows = jax.random.normal(KEY, (4000, 4)) @ jnp.linalg.cholesky(0.8 + 0.2 * jnp.eye(4)).T
    flow, losses = fit_layerwise(KEY, rows, LayerSpec(Haar(), Moments()), 4)
    trained, curve = fit_end_to_end(KEY, rows, flow, Training(n_steps=1500, learning_rate=0.05, held_out=0.0))
    assert same(trained.layers.rotation, flow.layers.rotation)  # drawn: not for training
    # of the sample covariance, whose loss is the least: (D+1)/2 layers and one more are exact
    covariance = jnp.cov(rows.T, bias=True)
    least = 0.5 * (4 * np.log(2 * np.pi) + 4 + jnp.linalg.slogdet(covariance)[1])
    assert losses.train[-1] - least > 0.2
    reached = -jax.vmap(trained.log_prob)(rows).mean() - least
    assert 0 <= reached + 1e-5 < 0.01
    assert curve.held_out.tolist() == [0.0] * 21


class KilledError(Exception):
    pass


@pytest.mark.parametrize("layer", ["gaussianization", "coupling"])
def test_a_killed_training_ends_with_the_same_parameters(layer, x, tmp_path):
    """Killed after five checks, in between and while one is being written."""
    flow = start(x, TrainableRotation(), coupling=None if layer == "gaussianization" else COUPLING)
    training = Training(n_steps=40, n_checks=20)
    expected, curve = fit_end_to_end(KEY, x, flow, training)
    checkpoint = Checkpoint(tmp_path / "made" / "training.ckpt")
    steps = []
    for kill in (1, 2, 7, 8, 15):

        def on_progress(progress, kill=kill):
            steps.append(progress.step)
            if progress.step == 2 * kill:
                raise KilledError

        with pytest.raises(KilledError):
            fit_end_to_end(KEY, x, flow, training, checkpoint=checkpoint, on_progress=on_progress)
        (tmp_path / "made" / ".training.ckpt.1.tmp").write_bytes(b"half a file")
    trained, resumed = fit_end_to_end(KEY, x, flow, training, checkpoint=checkpoint)
    assert steps == list(range(2, 31, 2))  # no check was computed twice
    assert same(trained, expected)
    for one, other in zip(resumed, curve, strict=True):
        np.testing.assert_array_equal(one, other)
    again, _ = fit_end_to_end(KEY, x, flow, training, checkpoint=checkpoint, on_progress=steps.clear)
    assert same(again, expected)


SCRIPT = """
    import sys

    import equinox as eqx
    import jax
    from gscale import (
        Checkpoint, LayerSpec, Moments, TrainableRotation, Training, fit_end_to_end, fit_layerwise
    )

    def fit(checkpoint=None, on_progress=None):
        x = jax.random.laplace(jax.random.key(0), (600, 4))
        flow, _ = fit_layerwise(jax.random.key(1), x, LayerSpec(TrainableRotation(), Moments()), 2)
        training = Training(400, n_checks=200)
        options = {"checkpoint": checkpoint, "on_progress": on_progress}
        return fit_end_to_end(jax.random.key(2), x, flow, training, **options)[0]

    steps = []
    say = lambda progress: (steps.append(progress.step), print(progress.step, flush=True))
    resumed = fit(Checkpoint(sys.argv[1]), say)
    whole = fit()
    same = eqx.tree_equal(eqx.filter(resumed, eqx.is_array), eqx.filter(whole, eqx.is_array))
    print(f"resumed after step {steps[0] - 2}, the same parameters: {bool(same)}")
"""


@pytest.mark.long
def test_a_process_killed_in_the_act_goes_on(tmp_path):
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), tmp_path / "training.ckpt"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) >= 150:
                process.kill()
                break
    assert process.returncode == -signal.SIGKILL
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    *_, last = ended.stdout.splitlines()
    step, same = re.fullmatch(r"resumed after step (\d+), the same parameters: (\w+)", last).groups()
    assert 150 <= int(step) < 400
    assert same == "True"


def test_a_checkpoint_of_another_training_is_refused(x, tmp_path):
    flow, checkpoint = start(x, Haar()), Checkpoint(tmp_path / "training.ckpt")
    fit_end_to_end(KEY, x, flow, Training(n_steps=2), checkpoint=checkpoint)
    for rows, training, parts in [
        (x + 1, Training(n_steps=2), AllParameters()),
        (x, Training(n_steps=3), AllParameters()),
        (x, Training(n_steps=2), lambda flow: flow.first),
    ]:
        with pytest.raises(InputError, match=r"training\.ckpt is the checkpoint of another training"):
            fit_end_to_end(KEY, rows, flow, training, parts=parts, checkpoint=checkpoint)
    (tmp_path / "training.ckpt").write_bytes(b"something else")
    with pytest.raises(InputError, match="no readable checkpoint"):
        fit_end_to_end(KEY, x, flow, Training(n_steps=2), checkpoint=checkpoint)
    with pytest.raises(InputError, match="cannot write"):
        fit_end_to_end(KEY, x, flow, Training(n_steps=2), checkpoint=Checkpoint("/dev/null/here"))


class Cliff(eqx.Module):
    """A shift whose loss ends at 1: steps towards it find NaN."""

    shift: jax.Array

    def forward(self, x):
        return x, jnp.sqrt(1 - self.shift)[0] * -100.0

    def inverse(self, y):
        return y, jnp.zeros(())


def test_a_nan_ends_the_training_by_name(x, tmp_path):
    flow = eqx.tree_at(lambda f: f.layers, start(x, Haar()), Cliff(jnp.zeros((1, 1))))
    checkpoint = Checkpoint(tmp_path / "training.ckpt")
    training = Training(n_steps=100, learning_rate=0.1, n_checks=25)
    with pytest.raises(FloatingPointError) as error:
        fit_end_to_end(KEY, x, flow, training, parts=lambda f: f.layers, checkpoint=checkpoint)
    text = str(error.value)
    step = int(text.split("step ")[1].split(";")[0])
    good = (step - 1) // 4 * 4
    known = f"loss is nan at step {step}; last good checkpoint: step {good}, {checkpoint!r}; try a lower"
    assert text.startswith(known)
    assert 8 < step < 40
    with pytest.raises(FloatingPointError, match=f"loss is nan at step {step}; there is no checkpoint"):
        fit_end_to_end(KEY, x, flow, training, parts=lambda f: f.layers)


def test_a_diverging_loss_ends_the_training(x, tmp_path):
    flow = start(x, Haar())
    training = Training(n_steps=100, learning_rate=5.0, max_gradient=1e6)
    with pytest.raises(FloatingPointError, match=r"loss diverges: .* D = 4 above .*; last good"):
        fit_end_to_end(KEY, x, flow, training, checkpoint=Checkpoint(tmp_path / "training.ckpt"))


def test_early_stopping(x):
    flow = start(x, TrainableRotation())
    progress = []
    patient = Training(n_steps=200, learning_rate=0.1, n_checks=40, patience=3)
    trained, curve = fit_end_to_end(KEY, x, flow, patient, on_progress=progress.append)
    best = int(curve.held_out.argmin())
    assert curve.steps[-1] == 5 * (best + 3) < 200
    assert progress[-1] == (curve.steps[-1], 200, curve.train[-1], curve.held_out[-1])
    held_out = patient.split(x)[1]
    # float32: a mean of 60 log-densities of some nats
    np.testing.assert_allclose(-jax.vmap(trained.log_prob)(held_out).mean(), curve.held_out[best], atol=1e-4)


@pytest.mark.parametrize(
    ("rows", "parts", "message"),
    [
        (jnp.ones((600, 3)), None, "x: column 0 has no variance"),
        (jax.random.normal(KEY, (600, 3)), None, "x has 3 columns: the flow has D = 4"),
        (jnp.full((600, 4), jnp.nan), None, "there is nan"),
        (jax.random.normal(KEY, (600, 4)), lambda flow: flow.layers.rotation, "nothing to train"),
    ],
)
def test_what_cannot_be_trained_is_refused(rows, parts, message, x):
    with pytest.raises(InputError, match=message):
        fit_end_to_end(KEY, rows, start(x, Haar()), Training(n_steps=2), parts=parts)
