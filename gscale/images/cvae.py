"""Conditional variational autoencoders: new images of a class from few, and from predicted labels."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gscale.errors import InputError
from gscale.flows.checkpoint import Checkpoint
from gscale.images.augmentation import Augmentation
from gscale.images.base import PIXELS, SIDE, LabelledImages
from gscale.images.classifier import Classifier
from gscale.images.image_training import Batch, EpochProgress, ImageTraining, OneCycle, TrainedNetwork, train
from gscale.images.network import Convolution, Dense, apply_in_blocks, max_pool
from gscale.validation import check_at_least, check_positive

Moments = tuple[np.ndarray, np.ndarray]
_SHRINKAGE = 0.02  # share of a latent covariance that is its mean variance


@dataclass(frozen=True)
class DenseNets:
    """One hidden layer in encoder and decoder, the class as further inputs of both.

    Parameters
    ----------
    hidden : int
        Units.
    """

    hidden: int = 256

    def init(self, key: Array, n_classes: int, latent: int) -> "CVAE":
        """Networks with random weights."""
        keys, h = jax.random.split(key, 4), self.hidden
        encoder = [Dense.init(keys[0], PIXELS + n_classes, h), Dense.init(keys[1], h, 2 * latent, gain=0.1)]
        decoder = [Dense.init(keys[2], latent + n_classes, h), Dense.init(keys[3], h, PIXELS, gain=1.0)]
        return CVAE(encoder, decoder, [], [], n_classes, latent)


@dataclass(frozen=True)
class ConvolutionalNets:
    """Convolutions and maxima in the encoder, dense layers and convolutions of doubled pixels in the decoder.

    Parameters
    ----------
    filters : int
        Of the convolutions at 14×14 pixels; twice as many at 7×7.
    hidden : int
        Units of dense layers.
    """

    filters: int = 24
    hidden: int = 384

    def init(self, key: Array, n_classes: int, latent: int) -> "CVAE":
        """Networks with random weights."""
        keys, h, f = jax.random.split(key, 9), self.hidden, self.filters
        flat = (SIDE // 4) ** 2 * 2 * f
        convolutions = [Convolution.init(keys[0], 1, f), Convolution.init(keys[1], f, 2 * f)]
        encoder = [Dense.init(keys[2], flat + n_classes, h), Dense.init(keys[3], h, 2 * latent, gain=0.1)]
        decoder = [Dense.init(keys[4], latent + n_classes, h), Dense.init(keys[5], h, flat)]
        upwards = [Convolution.init(keys[6], 2 * f, f), Convolution.init(keys[7], f, f)]
        last = Convolution.init(keys[8], f, 4, gain=1.0)  # four channels of 14×14 are the pixels of 28×28
        return CVAE(encoder, decoder, convolutions, [*upwards, last], n_classes, latent)


class CVAE(eqx.Module):
    """Encoder and decoder; see `DenseNets` and `ConvolutionalNets`."""

    encoder: list[Dense]
    decoder: list[Dense]
    encoder_convolutions: list[Convolution]
    decoder_convolutions: list[Convolution]
    n_classes: int = eqx.field(static=True)
    latent: int = eqx.field(static=True)

    def encode(self, images: Array, labels: Array) -> tuple[Array, Array]:
        """Means and logs of variances (N, Z) of latents given images (N, 28, 28) and classes (N,)."""
        x = images[..., None]
        for convolution in self.encoder_convolutions:
            x = max_pool(jax.nn.relu(convolution(x)))
        x = jnp.concatenate([x.reshape(len(images), -1), jax.nn.one_hot(labels, self.n_classes)], 1)
        moments = self.encoder[1](jax.nn.relu(self.encoder[0](x)))
        return moments[:, : self.latent], moments[:, self.latent :]

    def decode(self, z: Array, labels: Array) -> Array:
        """Logits of pixels (N, 28, 28) given latents (N, Z) and classes (N,)."""
        z = jnp.concatenate([z, jax.nn.one_hot(labels, self.n_classes)], 1)
        x = self.decoder[1](jax.nn.relu(self.decoder[0](z)))
        if not self.decoder_convolutions:
            return x.reshape(-1, SIDE, SIDE)
        upsampling, residual, last = self.decoder_convolutions
        x = jax.nn.relu(x).reshape(len(z), SIDE // 4, SIDE // 4, -1)
        x = jax.nn.relu(upsampling(x.repeat(2, 1).repeat(2, 2)))
        x = last(x + jax.nn.relu(residual(x)))
        n, height, width, _ = x.shape
        return x.reshape(n, height, width, 2, 2).transpose(0, 1, 3, 2, 4).reshape(n, SIDE, SIDE)


@dataclass(frozen=True)
class StandardNormal:
    """Latents of new images come from N(0, I), from which the loss measures the divergence."""

    def fit(self, means: np.ndarray, variances: np.ndarray, weights: np.ndarray) -> Moments:
        """A mean (Z,) and a factor (Z, Z) of a covariance; only the size of the arguments matters."""
        dim = means.shape[1]
        return np.zeros(dim, np.float32), np.eye(dim, dtype=np.float32)


@dataclass(frozen=True)
class AggregatePosterior:
    """Latents of new images come from a normal distribution with the moments of those of a class's images.

    A small weight of the divergence makes images sharp and lets encoded images leave N(0, I): new ones are
    drawn from where they are, or from somewhat more, as a decoder shows the mean of what a latent may be.

    Parameters
    ----------
    spread : float
        Standard deviations of new latents over those of encoded images, positive.

    References
    ----------
    Dai and Wipf, Diagnosing and enhancing VAE models, ICLR 2019, with a second VAE in place of moments.
    """

    spread: float = 1.0

    def __post_init__(self) -> None:
        check_positive({"spread": self.spread})

    def fit(self, means: np.ndarray, variances: np.ndarray, weights: np.ndarray) -> Moments:
        """A mean (Z,) and a factor (Z, Z) of a covariance, of means and variances (N, Z), weights (N,)."""
        share = weights / weights.sum()
        centre = share @ means
        deviations = means - centre
        covariance = (deviations * share[:, None]).T @ deviations + np.diag(share @ variances)
        size = np.trace(covariance) / len(covariance)
        covariance = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * size * np.eye(len(covariance))
        factor = self.spread * np.linalg.cholesky(covariance)
        return centre.astype(np.float32), factor.astype(np.float32)


@dataclass(frozen=True)
class GeneratorRecipe:
    """How a generator is made of images with labels, some of them predicted; the task that it is trained on.

    Parameters
    ----------
    networks : DenseNets or ConvolutionalNets
    latent : int
        Latent dimensions Z.
    divergence : float
        Weight of the Kullback-Leibler divergence in the loss; 1 is the evidence bound.
    augmentation : Augmentation
    training : ImageTraining
    prior : StandardNormal or AggregatePosterior
        Where latents of new images come from.
    trust : float
        A predicted label counts by its probability to this power; 0 takes all for true.
    rejection : bool
        Whether new images are rejected that the classifier of the labels takes for another class.

    Raises
    ------
    InputError
        If one of them is out of range.
    """

    metric_names: ClassVar[tuple[str, ...]] = ("reconstruction", "divergence")

    networks: Any = field(default_factory=DenseNets)
    latent: int = 20
    divergence: float = 1.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    training: ImageTraining = field(default_factory=ImageTraining)
    prior: Any = field(default_factory=StandardNormal)
    trust: float = 0.0
    rejection: bool = False

    def __post_init__(self) -> None:
        check_at_least(1, {"latent": self.latent})
        check_positive({"divergence": self.divergence})
        check_at_least(0, {"trust": self.trust})

    def loss(self, model: CVAE, key: Array, batch: Batch) -> tuple[Array, Array]:
        """Weighted mean loss in nats; the metrics are its two terms, reconstruction and divergence."""
        augmentation_key, key = jax.random.split(key)
        images, labels, weights = batch
        terms = _loss_terms(model, key, self.augmentation(augmentation_key, images), labels)
        means = jnp.stack([(weights * term).sum() / weights.sum() for term in terms])
        return means[0] + self.divergence * means[1], means

    def metrics(self, model: CVAE, key: Array, batch: Batch) -> Array:
        """Reconstruction and divergence in nats of images as they are."""
        return jnp.stack([term.mean() for term in _loss_terms(model, key, batch[0], batch[1])])

    def sample(self, key: Array, generator: "Generator", classifier: Classifier, count: int) -> np.ndarray:
        """New images (K · count, 28, 28), class by class; the classifier is that of the labels."""
        if self.rejection:
            return generator.sample_with_rejection(key, count, classifier.predict)
        return generator.sample(key, np.repeat(np.arange(generator.model.n_classes), count))


def _loss_terms(model: CVAE, key: Array, images: Array, labels: Array) -> tuple[Array, Array]:
    """Cross-entropy of pixels and divergence (N,) from N(0, I), in nats."""
    mean, log_variance = model.encode(images, labels)
    z = mean + jnp.exp(log_variance / 2) * jax.random.normal(key, mean.shape)
    logits = model.decode(z, labels)
    reconstruction = (jax.nn.softplus(logits) - images * logits).sum((1, 2))
    divergence = 0.5 * (mean**2 + jnp.exp(log_variance) - 1 - log_variance).sum(1)
    return reconstruction, divergence


REFERENCE = GeneratorRecipe(
    augmentation=Augmentation(rotation=5, zoom=0.05), training=ImageTraining(epochs=150)
)
DEFAULT = GeneratorRecipe(
    networks=ConvolutionalNets(),
    latent=24,
    divergence=0.3,
    augmentation=Augmentation(rotation=5, zoom=0.05, shift=0.5),
    training=ImageTraining(epochs=20, batch=32, learning_rate=2e-3, schedule=OneCycle(), averaging=0.999),
    prior=AggregatePosterior(spread=1.2),
    trust=4.0,
    rejection=True,
)


class Generator(eqx.Module):
    """A trained autoencoder, and the centres (K, Z) and factors (K, Z, Z) of the latents of each class."""

    model: CVAE
    centres: Array
    factors: Array

    def decode(self, z: Array, labels: Array) -> Array:
        """Images (N, 28, 28) of latents (N, Z) in standard deviations from the centres of their classes."""
        latents = self.centres[labels] + jnp.einsum("nj,nij->ni", z, self.factors[labels])
        return jax.nn.sigmoid(self.model.decode(latents, labels))

    def sample(self, key: Array, labels: np.ndarray) -> np.ndarray:
        """New images (N, 28, 28) from 0 to 1, of given classes (N,)."""
        z = np.asarray(jax.random.normal(key, (len(labels), self.model.latent)))
        return np.asarray(apply_in_blocks(Generator.decode, self, z, labels))

    def sample_with_rejection(
        self, key: Array, count: int, predict: Callable[[np.ndarray], np.ndarray], rounds: int = 5
    ) -> np.ndarray:
        """New images (K · count, 28, 28), class by class, of those that a classifier sees as what they are.

        A third more than asked for are drawn in each round; where images are still missing after the last,
        the class's latest ones are taken as they are.

        Parameters
        ----------
        key : Array
            Random key.
        count : int
            Images of each class.
        predict : callable
            Classes (N,) of images (N, 28, 28): of the classifier that predicted labels, never of the one
            that the new images are evaluated by.
        rounds : int
            Draws at most.
        """
        accepted: list[list[np.ndarray]] = [[] for _ in range(self.model.n_classes)]
        latest: dict[int, np.ndarray] = {}
        for round_key in jax.random.split(key, rounds):
            short = [k for k, part in enumerate(accepted) if len(part) < count]
            if not short:
                break
            labels = np.repeat(short, count + count // 3 + 1)
            images = self.sample(round_key, labels)
            correct = predict(images) == labels
            for k in short:
                accepted[k].extend(images[correct & (labels == k)])
                latest[k] = images[labels == k]
        return np.concatenate([[*part, *latest[k]][:count] for k, part in enumerate(accepted)])

    def traverse(self, label: int, steps: np.ndarray) -> np.ndarray:
        """Images (Z, S, 28, 28) of a class as each latent goes through S steps in standard deviations."""
        dim = self.model.latent
        z = np.einsum("s,ij->isj", steps, np.eye(dim)).reshape(-1, dim).astype(np.float32)
        images = apply_in_blocks(Generator.decode, self, z, np.full(len(z), label))
        return np.asarray(images).reshape(dim, len(steps), SIDE, SIDE)


def fit_generator(
    key: Array,
    labelled: LabelledImages,
    recipe: GeneratorRecipe = DEFAULT,
    checkpoint: Checkpoint | None = None,
    on_progress: Callable[[EpochProgress], None] = lambda _: None,
) -> tuple[Generator, TrainedNetwork]:
    """Train a generator on images, a twentieth held out for the curves.

    Parameters
    ----------
    key : Array
        Random key.
    labelled : LabelledImages
        At least 2 of each class, with known or predicted labels.
    recipe : GeneratorRecipe, optional
    checkpoint : Checkpoint, optional
        With which the training goes on after a kill.
    on_progress : callable, optional
        Called after each epoch.

    Raises
    ------
    InputError
        If a class has fewer than two images.
    """
    counts, labels = labelled.counts, labelled.labels
    if counts.min() < 2:
        raise InputError(f"class {counts.argmin()} has {counts.min()} images: 2 are needed to make others")
    init_key, held_out_key, key = jax.random.split(key, 3)
    weights = labelled.certainty**recipe.trust
    rows = (labelled.images.astype(np.float32), labels.astype(np.int32), weights.astype(np.float32))
    order = np.asarray(jax.random.permutation(held_out_key, len(labels)))
    held_out, rest = np.split(order, [len(labels) // 20])
    batch, others = (tuple(jnp.asarray(part[index]) for part in rows) for index in (rest, held_out))
    model = recipe.networks.init(init_key, len(counts), recipe.latent)
    trained = train(key, model, recipe, batch, others, checkpoint, on_progress)
    means, log_variances = apply_in_blocks(CVAE.encode, trained.model, *rows[:2])
    of_class = [labels == k for k in range(len(counts))]
    fits = [recipe.prior.fit(means[k], np.exp(log_variances[k]), weights[k]) for k in of_class]
    centres, factors = (jnp.stack(parts) for parts in zip(*fits, strict=True))
    return Generator(trained.model, centres, factors), trained
