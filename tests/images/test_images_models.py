"""Classifier, generators and their metrics on small images, at small sizes."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import sqrtm
from small_images import IMAGES, LABELLED, LABELS, SMALL, SMALL_CVAE, Killed

from gscale.bijections.optimizer import Training
from gscale.errors import InputError
from gscale.flows.checkpoint import Checkpoint
from gscale.flows.serialisation import load, save
from gscale.images import class_flows as flows, cvae, generator_metrics
from gscale.images.augmentation import Augmentation
from gscale.images.base import LabelledImages
from gscale.images.classifier import REFERENCE, fit_classifier, validation_rows
from gscale.images.network import ConvNetSpec, Convolution


def test_a_mirror_is_exact_and_a_shift_takes_zeros_in():
    image = jax.random.uniform(jax.random.key(0), (28, 28))
    flipped = jax.jit(Augmentation(flip=1.0))(jax.random.key(1), image[None])[0]
    np.testing.assert_allclose(flipped, image[:, ::-1], atol=1e-4)  # places are off by float32's 28 ε
    shifted = jax.jit(Augmentation(shift=3.0))(jax.random.key(1), jnp.ones((8, 28, 28)))
    inside = shifted[:, 4:-4, 4:-4]
    np.testing.assert_allclose(inside, 1.0, atol=1e-5)
    assert float(shifted.min()) < 0.5  # zeros come in from outside


def test_a_convolution_is_that_of_xla():
    convolution = Convolution.init(jax.random.key(0), 3, 5)
    x = jax.random.normal(jax.random.key(1), (2, 7, 7, 3))
    kernel = convolution.dense.weight.reshape(3, 3, 3, 5)
    expected = jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    np.testing.assert_allclose(convolution(x), expected, atol=1e-4)  # sums of 27 float32 of size up to 5


def test_a_killed_training_ends_in_the_same_classifier(tmp_path):
    key = jax.random.key(0)
    killed, saved = (
        {name: kind(tmp_path / name) for name in ("tuning", "training")} for kind in (Killed, Checkpoint)
    )
    whole = fit_classifier(key, LABELLED, SMALL).classifier
    with pytest.raises(KeyboardInterrupt):
        fit_classifier(key, LABELLED, SMALL, checkpoints=killed)
    again = fit_classifier(key, LABELLED, SMALL, checkpoints=saved)
    expected = whole.probabilities(IMAGES)
    np.testing.assert_array_equal(again.classifier.probabilities(IMAGES), expected)
    assert (expected.argmax(1) == LABELS).all()
    np.testing.assert_allclose(expected.sum(1), 1, atol=1e-6)
    with pytest.raises(InputError, match="checkpoint of another training"):
        fit_classifier(jax.random.key(1), LABELLED, SMALL, checkpoints=saved)


def test_validation_has_some_of_each_class_and_not_all():
    labels = np.repeat([0, 1], [2, 50])
    held = validation_rows(jax.random.key(0), labels, 0.2)
    assert np.bincount(labels[held]).tolist() == [1, 10]


def test_the_reference_is_the_published_recipe():
    assert REFERENCE.network == ConvNetSpec((32, 64, 128, 128), 512)
    assert (REFERENCE.training.epochs, REFERENCE.training.batch) == (100, 6)
    assert REFERENCE.augmentation.flip == 0.5
    with pytest.raises(InputError, match="4 views"):
        replace(REFERENCE, views=4)


def test_divergence_is_that_of_normal_distributions():
    model = cvae.DenseNets(8).init(jax.random.key(0), 2, 3)
    rows = (jnp.asarray(IMAGES[:2]), jnp.asarray(LABELS[:2]), jnp.ones(2))
    mean, log_variance = (np.asarray(part, float) for part in model.encode(*rows[:2]))
    expected = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(1).mean()
    metrics = cvae.REFERENCE.metrics(model, jax.random.key(1), rows)
    np.testing.assert_allclose(metrics[1], expected, rtol=1e-4)


def test_a_generator_makes_images_of_each_class_and_the_same_again():
    def made():
        generator, trained = cvae.fit_generator(jax.random.key(0), LABELLED, recipe=SMALL_CVAE)
        images = generator.sample_with_rejection(
            jax.random.key(1), 3, lambda images: np.zeros(len(images), int), rounds=2
        )
        return images, trained

    images, trained = made()
    assert images.shape == (6, 28, 28)
    assert images.min() >= 0
    assert images.max() <= 1
    assert trained.train[-1, 0] < trained.train[0, 0]
    np.testing.assert_array_equal(images, made()[0])
    with pytest.raises(InputError, match="class 2 has 0 images"):
        cvae.fit_generator(jax.random.key(0), LABELLED._replace(classes=("0", "1", "2")))


def test_a_killed_generator_makes_the_same_images(tmp_path):
    def made(checkpoint):
        generator, _ = cvae.fit_generator(jax.random.key(0), LABELLED, SMALL_CVAE, checkpoint)
        return generator.sample(jax.random.key(1), LABELS)

    with pytest.raises(KeyboardInterrupt):
        made(Killed(tmp_path / "generator"))
    np.testing.assert_array_equal(made(Checkpoint(tmp_path / "generator")), made(None))


def test_flows_of_classes_have_a_density_and_are_saved(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [20, 30])
    images = np.clip(rng.normal(0.5, 0.1, (50, 28, 28)) + 0.2 * labels[:, None, None], 0, 1)
    spec = flows.ClassCoupling(1, 4, Training(n_steps=2, n_checks=1))
    labelled = LabelledImages(images, labels, ("0", "1"))
    generator = flows.fit_flows(0, labelled, spec, n_axes=2)
    assert generator.sample(0, 3).shape == (6, 28, 28)
    x = generator.coordinates(images)
    np.testing.assert_allclose(generator.axes @ generator.axes.T, np.eye(2), atol=1e-12)
    save(tmp_path / "flows.safetensors", "flows", [spec.content(part) for part in generator.densities], {})
    (first,), (second,) = load(tmp_path / "flows.safetensors", "flows")
    for rows, flow in ((labels == 0, first), (labels == 1, second)):
        expected = jax.vmap(flow.log_prob)(jnp.asarray(x[rows], jnp.float32))
        np.testing.assert_array_equal(generator.log_density(labelled.take(rows)), expected)
    with pytest.raises(InputError, match="class 2 has 0 images: a flow needs 20"):
        flows.fit_flows(0, labelled._replace(classes=("0", "1", "2")), spec)


def test_latents_are_drawn_from_the_weighted_moments():
    rng = np.random.default_rng(0)
    means, spread = rng.normal(size=(50, 2)) + 3, np.full((50, 2), 0.25)
    weights = np.repeat([1.0, 0.0], 25)
    centre, factor = cvae.AggregatePosterior().fit(means, spread, weights)
    np.testing.assert_allclose(centre, means[:25].mean(0), rtol=1e-5)
    expected = np.cov(means[:25].T, bias=True) + 0.25 * np.eye(2)
    # what a fiftieth of shrinking moves, at most
    np.testing.assert_allclose(factor @ factor.T, expected, atol=0.02 * np.trace(expected))


def test_latents_spread_as_much_as_asked():
    rng = np.random.default_rng(0)
    given = rng.normal(size=(50, 2)), np.full((50, 2), 0.25), np.ones(50)
    centre, factor = cvae.AggregatePosterior().fit(*given)
    wide_centre, wide = cvae.AggregatePosterior(spread=1.5).fit(*given)
    np.testing.assert_array_equal(wide_centre, centre)
    np.testing.assert_allclose(wide, 1.5 * factor, rtol=1e-6)
    with pytest.raises(InputError, match="spread is 0: it is positive"):
        cvae.AggregatePosterior(spread=0)


def test_frechet_distance_by_the_matrix_root():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 4)), rng.normal(size=(50, 4)) @ rng.normal(size=(4, 4)) + 1
    a, b = np.cov(x.T), np.cov(y.T)
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * sqrtm(a @ b).real)
    np.testing.assert_allclose(generator_metrics.frechet_distance(x, y), expected, rtol=1e-8)


def test_copies_are_found_and_real_images_are_none():
    rng = np.random.default_rng(0)
    seen, real = rng.uniform(size=(2, 200, 28, 28)).astype(np.float32)
    labels = np.repeat([0, 1], 100)

    class Evaluator:
        def features(self, images):
            return images[:, 0, :3]

        def predict(self, images):
            return labels

    train, others = (LabelledImages(images, labels, ("0", "1")) for images in (seen, real))
    copied = generator_metrics.evaluate_images(Evaluator(), seen, train, others)
    assert copied.copies == 1
    assert copied.nearest < 1e-6  # distances are roots of differences, of float64
    same = generator_metrics.evaluate_images(Evaluator(), real, train, others)
    assert same.copies <= 0.01
    assert (same.label_accuracy, same.nearest) == (1.0, 1.0)
    assert same.diversity == pytest.approx(1)
    assert same.frechet == pytest.approx(0, abs=1e-6)
