"""Conditional variational autoencoders: new images of a class from few, and from predicted labels."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gscale.errors import InputError
from gscale.flows.end_to_end import Keeper
from gscale.images.augmentation import Augmentation
from gscale.images.image_training import EpochProgress, ImageTraining, OneCycle, Rows, Trained, train
from gscale.images.network import SIDE, Convolution, Dense, doubled, halved

_PIXELS = SIDE * SIDE
_SHRINK = 0.02  # share of a latent covariance that is its mean variance


@dataclass(frozen=True)
class DenseNets:
    """One hidden layer in encoder and decoder, the class as further inputs of both.

    Parameters
    ----------
    hidden : int
        Units.
    """

    hidden: int = 256

    def draw(self, key: Array, n_classes: int, latent: int) -> "CVAE":
        """Networks with random weights."""
        a, b, c, d = jax.random.split(key, 4)
        encoder = [
            Dense.drawn(a, _PIXELS + n_classes, self.hidden),
            Dense.drawn(b, self.hidden, 2 * latent, gain=0.1),
        ]
        decoder = [
            Dense.drawn(c, latent + n_classes, self.hidden),
            Dense.drawn(d, self.hidden, _PIXELS, gain=1.0),
        ]
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

    def draw(self, key: Array, n_classes: int, latent: int) -> "CVAE":
        """Networks with random weights."""
        keys = jax.random.split(key, 9)
        f, side = self.filters, SIDE // 4
        seen = [Convolution.drawn(keys[0], 1, f), Convolution.drawn(keys[1], f, 2 * f)]
        encoder = [
            Dense.drawn(keys[2], side * side * 2 * f + n_classes, self.hidden),
            Dense.drawn(keys[3], self.hidden, 2 * latent, gain=0.1),
        ]
        decoder = [
            Dense.drawn(keys[4], latent + n_classes, self.hidden),
            Dense.drawn(keys[5], self.hidden, side * side * 2 * f),
        ]
        shown = [
            Convolution.drawn(keys[6], 2 * f, f),
            # four channels of 14×14 are the pixels of 28×28
            Convolution.drawn(keys[7], f, f),
            Convolution.drawn(keys[8], f, 4, gain=1.0),
        ]
        return CVAE(encoder, decoder, seen, shown, n_classes, latent)


class CVAE(eqx.Module):
    """Encoder and decoder; see `DenseNets` and `ConvolutionalNets`."""

    encoder: list[Dense]
    decoder: list[Dense]
    seen: list[Convolution]
    shown: list[Convolution]
    n_classes: int = eqx.field(static=True)
    latent: int = eqx.field(static=True)

    def encode(self, images: Array, labels: Array) -> tuple[Array, Array]:
        """Means and logs of variances (N, Z) of latents given images and classes."""
        x = images[..., None]
        for convolution in self.seen:
            x = halved(jax.nn.relu(convolution(x)))
        x = jnp.concatenate([x.reshape(len(images), -1), jax.nn.one_hot(labels, self.n_classes)], 1)
        found = self.encoder[1](jax.nn.relu(self.encoder[0](x)))
        return found[:, : self.latent], found[:, self.latent :]

    def decode(self, z: Array, labels: Array) -> Array:
        """Logits of pixels (N, 28, 28) given latents (N, Z) and classes."""
        z = jnp.concatenate([z, jax.nn.one_hot(labels, self.n_classes)], 1)
        x = self.decoder[1](jax.nn.relu(self.decoder[0](z)))
        if not self.shown:
            return x.reshape(-1, SIDE, SIDE)
        side = SIDE // 4
        x = jax.nn.relu(x).reshape(len(z), side, side, -1)
        x = jax.nn.relu(self.shown[0](doubled(x)))
        x = self.shown[2](x + jax.nn.relu(self.shown[1](x)))
        n, height, width, _ = x.shape
        return x.reshape(n, height, width, 2, 2).transpose(0, 1, 3, 2, 4).reshape(n, SIDE, SIDE)


@dataclass(frozen=True)
class Normal:
    """Latents of new images come from N(0, I), what the divergence of the loss is from."""

    def fit(
        self, means: np.ndarray, spread: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """A mean (Z,) and a factor (Z, Z) of a covariance."""
        dim = means.shape[1]
        return np.zeros(dim, np.float32), np.eye(dim, dtype=np.float32)


@dataclass(frozen=True)
class Aggregated:
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
        if not self.spread > 0:
            raise InputError(f"spread {self.spread}: it is above 0")

    def fit(
        self, means: np.ndarray, spread: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """A mean (Z,) and a factor (Z, Z) of a covariance, of means and variances (N, Z), weights (N,)."""
        share = weights / weights.sum()
        centre = share @ means
        away = means - centre
        covariance = (away * share[:, None]).T @ away + np.diag(share @ spread)
        size = np.trace(covariance) / len(covariance)
        covariance = (1 - _SHRINK) * covariance + _SHRINK * size * np.eye(len(covariance))
        factor = self.spread * np.linalg.cholesky(covariance)
        return centre.astype(np.float32), factor.astype(np.float32)


@dataclass(frozen=True)
class GeneratorRecipe:
    """How a generator is made of images with labels, some of them predicted.

    Parameters
    ----------
    networks : DenseNets or ConvolutionalNets
    latent : int
        Latent dimensions Z.
    divergence : float
        Weight of the Kullback-Leibler divergence in the loss; 1 is the evidence bound.
    augmentation : Augmentation
    training : Training
    prior : Normal or Aggregated
        Where latents of new images come from.
    trust : float
        A predicted label counts by its probability to this power; 0 takes all for true.
    accepted : bool
        Whether new images are kept only where the classifier of the labels sees their class.
    """

    networks: Any = field(default_factory=DenseNets)
    latent: int = 20
    divergence: float = 1.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    training: ImageTraining = field(default_factory=ImageTraining)
    prior: Any = field(default_factory=Normal)
    trust: float = 0.0
    accepted: bool = False

    def __post_init__(self) -> None:
        if self.latent < 1 or not self.divergence > 0 or self.trust < 0:
            raise InputError(f"{self}: latent is 1 or above, divergence above 0 and trust at least 0")

    def loss(self, model: CVAE, key: Array, rows: Rows) -> tuple[Array, Array]:
        """Weighted mean loss in nats; the measures are its two terms, reconstruction and divergence."""
        change_key, key = jax.random.split(key)
        images, labels, weights = rows
        terms = _terms(model, key, self.augmentation(change_key, images), labels)
        parts = jnp.stack([(weights * term).sum() / weights.sum() for term in terms])
        return parts[0] + self.divergence * parts[1], parts

    def measures(self, model: CVAE, key: Array, rows: Rows) -> Array:
        """Reconstruction and divergence in nats of images as they are."""
        return jnp.stack([term.mean() for term in _terms(model, key, rows[0], rows[1])])


def _terms(model: CVAE, key: Array, images: Array, labels: Array) -> tuple[Array, Array]:
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
    training=ImageTraining(epochs=20, batch=32, learning_rate=2e-3, rate=OneCycle(), averaging=0.999),
    prior=Aggregated(spread=1.2),
    trust=4.0,
    accepted=True,
)


class Generator(eqx.Module):
    """A trained autoencoder, and where the latents (K, Z) of each class are."""

    model: CVAE
    centres: Array
    factors: Array

    def sample(self, key: Array, labels: np.ndarray, block: int = 500) -> np.ndarray:
        """New images (N, 28, 28) from 0 to 1, of given classes (N,)."""
        z = np.asarray(jax.random.normal(key, (len(labels), self.model.latent)))
        parts = np.split(np.arange(len(labels)), range(block, len(labels), block))
        return np.concatenate(
            [np.asarray(_shown(self, jnp.asarray(z[part]), jnp.asarray(labels[part]))) for part in parts]
        )

    def sample_accepted(
        self, key: Array, count: int, classify: Callable[[np.ndarray], np.ndarray], rounds: int = 5
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
        classify : callable
            Classes (N,) of images (N, 28, 28): of the classifier that predicted labels, not of a judge.
        rounds : int
            Draws at most.
        """
        found: list[list[np.ndarray]] = [[] for _ in range(self.model.n_classes)]
        last: dict[int, np.ndarray] = {}
        for round_key in jax.random.split(key, rounds):
            short = [k for k, part in enumerate(found) if len(part) < count]
            if not short:
                break
            labels = np.repeat(short, count + count // 3 + 1)
            images = self.sample(round_key, labels)
            right = classify(images) == labels
            for k in short:
                found[k].extend(images[right & (labels == k)])
                last[k] = images[labels == k]
        return np.concatenate([[*part, *last[k]][:count] for k, part in enumerate(found)])

    def traverse(self, label: int, steps: np.ndarray) -> np.ndarray:
        """Images (Z, S, 28, 28) of a class as each latent goes through S steps in standard deviations."""
        dim = self.model.latent
        z = np.einsum("s,ij->isj", steps, np.eye(dim)).reshape(-1, dim).astype(np.float32)
        found = _shown(self, jnp.asarray(z), jnp.full(len(z), label))
        return np.asarray(found).reshape(dim, len(steps), SIDE, SIDE)


@eqx.filter_jit
def _shown(generator: Generator, z: Array, labels: Array) -> Array:
    placed = generator.centres[labels] + jnp.einsum("nj,nij->ni", z, generator.factors[labels])
    return jax.nn.sigmoid(generator.model.decode(placed, labels))


def fit_generator(
    key: Array,
    images: np.ndarray,
    labels: np.ndarray,
    n_classes: int,
    confidence: np.ndarray | None = None,
    recipe: GeneratorRecipe = DEFAULT,
    keeper: Keeper | None = None,
    report: Callable[[EpochProgress], None] | None = None,
) -> tuple[Generator, Trained]:
    """Train a generator on images (N, 28, 28) from 0 to 1, a twentieth held out for the curves.

    Parameters
    ----------
    key : Array
        Random key.
    images, labels : ndarray
        Images (N, 28, 28) and their classes (N,), known or predicted.
    n_classes : int
        Classes K.
    confidence : ndarray, optional
        Probabilities (N,) that labels are right; 1 where absent.

    Raises
    ------
    InputError
        If a class has fewer than two images.
    """
    counts = np.bincount(labels, minlength=n_classes)
    if counts.min() < 2:
        raise InputError(
            f"class {int(counts.argmin())} has {counts.min()} images: 2 are needed to make others"
        )
    draw_key, held_key, key = jax.random.split(key, 3)
    weights = np.ones(len(labels)) if confidence is None else np.asarray(confidence, float) ** recipe.trust
    order = np.asarray(jax.random.permutation(held_key, len(labels)))
    n_held = len(labels) // 20
    parts = [_rows(images[i], labels[i], weights[i]) for i in (order[n_held:], order[:n_held])]
    model = recipe.networks.draw(draw_key, n_classes, recipe.latent)
    trained = train(key, model, recipe, parts[0], parts[1], recipe.training, keeper, report)
    placed = _placed(trained.model, images, labels, weights, recipe.prior)
    return Generator(trained.model, *placed), trained


def _rows(images: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> Rows:
    return (
        jnp.asarray(images, jnp.float32),
        jnp.asarray(labels, jnp.int32),
        jnp.asarray(weights, jnp.float32),
    )


def _placed(
    model: CVAE, images: np.ndarray, labels: np.ndarray, weights: np.ndarray, prior: Any
) -> tuple[Array, Array]:
    """Where the latents of each class are: centres (K, Z) and factors (K, Z, Z)."""
    blocks = np.split(np.arange(len(labels)), range(500, len(labels), 500))
    found = [_encoded(model, *_rows(images[i], labels[i], weights[i])[:2]) for i in blocks]
    means, spread = (np.concatenate([np.asarray(part[k]) for part in found]) for k in (0, 1))
    fits = [
        prior.fit(means[of], np.exp(spread[of]), weights[of])
        for of in (labels == k for k in range(model.n_classes))
    ]
    return jnp.stack([fit[0] for fit in fits]), jnp.stack([fit[1] for fit in fits])


@eqx.filter_jit
def _encoded(model: CVAE, images: Array, labels: Array) -> tuple[Array, Array]:
    return model.encode(images, labels)


def made_by(
    generator: Generator, recipe: GeneratorRecipe, key: Array, count: int, classifier: Any
) -> np.ndarray:
    """New images (K · count, 28, 28), class by class, as a recipe has them."""
    if recipe.accepted:
        return generator.sample_accepted(key, count, lambda x: classifier.probabilities(x).argmax(1))
    return generator.sample(key, np.repeat(np.arange(generator.model.n_classes), count))
